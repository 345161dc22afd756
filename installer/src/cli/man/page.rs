//! One manual page. `clap_mangen` would put the whole text after the help into a section EXTRA; a reader looks for
//! EXAMPLES and EXIT STATUS. Pure.

use std::io;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

/// The heading of paragraphs without one of their own.
const NOTES: &str = "NOTES";

/// Returns the name of a page's file, and its text.
pub(super) fn of(command: Command) -> io::Result<(String, Vec<u8>)> {
    let arguments = command.get_arguments().any(|argument| !argument.is_hide_set());
    let verbs = command.get_subcommands().any(|verb| !verb.is_hide_set());
    let version = command.get_version().is_some();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    // The commands that Man::new adds, such as --help, are options too.
    if arguments || verbs {
        man.render_options_section(&mut text)?;
    }
    if verbs {
        man.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    let mut last = "";
    for (heading, paragraph) in sections(&after) {
        if heading == last {
            roff.control("PP", []);
        } else {
            roff.control("SH", [heading]);
        }
        lines(&mut roff, paragraph);
        last = heading;
    }
    roff.to_writer(&mut text)?;
    if version {
        man.render_version_section(&mut text)?;
    }
    Ok((man.get_filename(), text))
}

/// Returns the sections of a text after the help: the exit status and notes first, examples last.
fn sections(after: &str) -> Vec<(&'static str, &str)> {
    let mut sections: Vec<(&'static str, &str)> = after.split("\n\n").map(headed).collect();
    sections.retain(|(_, text)| !text.is_empty());
    let order = |heading: &str| ["EXIT STATUS", NOTES, "EXAMPLES"].iter().position(|one| *one == heading);
    sections.sort_by_key(|(heading, _)| order(heading));
    sections
}

/// Splits a paragraph into its heading and its text.
fn headed(paragraph: &str) -> (&'static str, &str) {
    if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
        return ("EXAMPLES", examples);
    }
    match paragraph.strip_prefix("Exit status: ") {
        Some(table) => ("EXIT STATUS", table),
        None => (NOTES, paragraph),
    }
}

/// Adds the lines of a paragraph. Indented ones, which are commands, stay as they are.
fn lines(roff: &mut Roff, paragraph: &str) {
    let literal = paragraph.lines().all(|line| line.starts_with("  "));
    if literal {
        roff.control("nf", []);
    }
    for line in paragraph.lines() {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    if literal {
        roff.control("fi", []);
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, CommandFactory};

    use super::*;
    use crate::cli::Program;

    fn page(command: Command) -> String {
        String::from_utf8(of(command).unwrap().1).unwrap()
    }

    #[test]
    fn examples_and_exit_status_have_sections_of_their_own() {
        let after = "Examples:\n  tool a     one\n  tool .b\n\nA note.\n\nAnother\nnote.\n\nExit status: 0 done; 1 a bug.";
        let command = Command::new("tool").arg(Arg::new("word")).after_help(after);
        let page = page(command);
        let (_, below) = page.split_once(".SH \"EXIT STATUS\"\n").unwrap();
        let expected = "0 done; 1 a bug.\n.SH NOTES\nA note.\n.PP\nAnother\nnote.\n\
                        .SH EXAMPLES\n.nf\ntool a     one\ntool .b\n.fi\n";
        assert_eq!(below, expected);
    }

    #[test]
    fn no_page_has_a_section_extra() {
        fn check(command: &Command) {
            let page = page(command.clone());
            assert!(!page.contains(".SH EXTRA"), "{}", command.get_name());
            let examples =
                command.get_after_help().is_some_and(|text| text.to_string().contains("Examples:"));
            assert_eq!(page.contains(".SH EXAMPLES"), examples, "{}", command.get_name());
            command.get_subcommands().for_each(check);
        }
        let mut command = Program::command();
        command.build();
        check(&command);
    }
}
