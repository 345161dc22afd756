//! Mistakes on the command line, reported like all other failures. The message is composed from clap's typed context,
//! not from its rendered text.

use std::ffi::OsString;

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::failure::{Exit, Failure};

/// Converts clap's error about `arguments`, of which the first is the program, into a failure.
pub(crate) fn failure(error: &clap::Error, arguments: &[OsString], command: &Command) -> Failure {
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = text(ContextKind::InvalidArg);
    let message = match error.kind() {
        ErrorKind::UnknownArgument => format!("unknown argument {argument}"),
        ErrorKind::InvalidSubcommand => format!("unknown verb {:?}", text(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue);
            match (value.is_empty(), std::error::Error::source(error)) {
                (true, _) => format!("{argument} needs a value"),
                (false, Some(why)) => format!("{argument}: {why}"),
                (false, None) => format!("{argument}: {value:?} is not a valid value"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(all)) => all.join(" "),
                Some(one) => one.to_string(),
                None => String::new(),
            };
            format!("missing: {missing}")
        }
        ErrorKind::TooManyValues => format!("{argument} takes no value"),
        ErrorKind::ArgumentConflict if argument == text(ContextKind::PriorArg) => {
            format!("{argument} is given twice")
        }
        ErrorKind::InvalidUtf8 => match arguments.iter().find(|argument| argument.to_str().is_none()) {
            Some(argument) => format!("argument {} is not UTF-8", argument.to_string_lossy()),
            // Variables are read as arguments.
            None => "the value of a variable DEVCTL_… is not UTF-8".to_owned(),
        },
        // No verb has arguments for the other kinds.
        _ => error.kind().to_string(),
    };
    let mut failure = Failure::new(Exit::Usage, message);
    for hint in hints(error) {
        failure = failure.hint(hint);
    }
    match verb(arguments, command) {
        Some(verb) => failure.run(format!("{verb} --help"), "for the arguments"),
        None => failure.run("--help", "for the verbs"),
    }
}

fn hints(error: &clap::Error) -> Vec<String> {
    let words = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    };
    // clap lists the nearest one last.
    let suggestions = |kind| words(kind).into_iter().rev().collect::<Vec<_>>();
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let suggested = suggested.into_iter().map(suggestions).filter(|words| !words.is_empty());
    let mut hints: Vec<String> =
        suggested.map(|words| format!("did you mean {}?", words.join(" or "))).collect();
    let values = words(ContextKind::ValidValue);
    if !values.is_empty() {
        hints.push(format!("possible values: {}", values.join(", ")));
    }
    hints
}

/// Returns the verb on the command line.
fn verb<'a>(arguments: &'a [OsString], command: &Command) -> Option<&'a str> {
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    words.take_while(|word| *word != "--").find(|word| command.find_subcommand(word).is_some())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::{
        cli::Program,
        invocation::{Invocation, Way},
        terminal::told,
    };

    #[test]
    fn mistakes_are_reported_with_suggestions() {
        let mut text = String::new();
        for line in [
            "devctl lst",
            "devctl creat",
            "devctl create",
            "devctl create Up",
            "devctl describe ../secrets",
            "devctl list -o xml",
            "devctl list --otput json",
            "devctl list extra",
            "devctl delete a --force=yes",
            "devctl delete a --force --force",
            "devctl create a --home-size 10GB",
            "devctl create a --timeout soon",
            "devctl --host=-oProxyCommand=id list",
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let error = Program::try_parse_from(&arguments).unwrap_err();
            assert!(error.use_stderr(), "{line}");
            let failure = failure(&error, &arguments, &Program::command());
            assert_eq!(failure.exit, Exit::Usage, "{line}");
            writeln!(text, "$ {line}\n{}\n", told(&failure, &Invocation::new(Way::Program), false)).unwrap();
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn help_at_the_prompt_is_a_verb_too() {
        let arguments = ["devctl", "create"].map(OsString::from);
        let error = Program::try_parse_from(&arguments).unwrap_err();
        let failure = failure(&error, &arguments, &Program::command());
        let said = told(&failure, &Invocation::new(Way::Prompt), false);
        assert!(said.ends_with("hint: run `create --help` for the arguments"), "{said}");
    }
}
