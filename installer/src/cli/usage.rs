//! What cannot be understood on the command line, told like every other failure: clap's words and suggestions, with
//! `hint:` before each, or as the JSON that was asked for.

use std::{borrow::Cow, ffi::OsString, process::ExitCode};

use clap::{ValueEnum, error::ErrorKind};

use super::{settings, told};
use crate::{
    failure::{Exit, Failure},
    ui::{Format, Ui},
};

/// Tells why the command line gave no verb to run, or the help that it asks for.
pub(super) fn tell(error: &clap::Error) -> ExitCode {
    let ui = Ui::new(format(std::env::args_os().skip(1), std::env::var_os("DEVPLAT_OUTPUT")));
    let whole_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !ui.is_json();
    if whole_help || !error.use_stderr() {
        // clap knows where it belongs. A reader that went away is no failure of ours.
        let _ = error.print();
        return if whole_help { Exit::Usage.status().into() } else { ExitCode::SUCCESS };
    }
    told(&ui, &Err(failure(error)))
}

fn failure(error: &clap::Error) -> Failure {
    match error.kind() {
        // clap does not say whose value it is.
        ErrorKind::InvalidUtf8 => match settings::variables(std::env::vars_os()) {
            Err(failure) => failure,
            Ok(_) => in_our_words(&error.to_string()),
        },
        // What it says is the whole help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::new(Exit::Usage, "no verb is named").hint("for more information, try '--help'")
        }
        _ => in_our_words(&error.to_string()),
    }
}

fn in_our_words(text: &str) -> Failure {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut message = String::new();
    let mut hints: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (hint(line), hints.last_mut()) {
            (Some(hint), _) => hints.push(hint.into_owned()),
            (None, Some(hint)) => *hint = format!("{hint} {line}"),
            (None, None) if message.is_empty() => line.clone_into(&mut message),
            (None, None) => message = format!("{message} {line}"),
        }
    }
    Failure { hints, ..Failure::new(Exit::Usage, message) }
}

fn hint(line: &str) -> Option<Cow<'_, str>> {
    if let Some(tip) = line.strip_prefix("tip: ") {
        return Some(tip.into());
    }
    if let Some(values) = line.strip_prefix("[possible values: ") {
        return Some(format!("possible values: {}", values.trim_end_matches(']')).into());
    }
    if let Some(usage) = line.strip_prefix("Usage: ") {
        return Some(format!("usage: {usage}").into());
    }
    let more = line.strip_prefix("For more information, ")?;
    Some(format!("for more information, {}", more.trim_end_matches('.')).into())
}

/// For whom the output is, of a command line that clap gave up on, maybe before it came to `--output`.
fn format(mut args: impl Iterator<Item = OsString>, variable: Option<OsString>) -> Format {
    let mut found = variable.map(|value| value.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        let arg = arg.to_string_lossy();
        if arg == "--" {
            break;
        }
        let Some(value) = of_output(&arg) else { continue };
        found = if value.is_empty() {
            args.next().map(|value| value.to_string_lossy().into_owned())
        } else {
            Some(value.trim_start_matches('=').to_owned())
        };
    }
    found.and_then(|value| Format::from_str(&value, false).ok()).unwrap_or_default()
}

/// What follows `--output`, or `-o` behind the other short options, in one argument.
fn of_output(arg: &str) -> Option<&str> {
    match arg.strip_prefix("--") {
        Some(long) => long.strip_prefix("output").filter(|value| value.is_empty() || value.starts_with('=')),
        None => arg.strip_prefix('-')?.trim_start_matches(['v', 'y']).strip_prefix('o'),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{super::Program, *};

    fn told_for(line: &str) -> String {
        let error = Program::try_parse_from(line.split_whitespace()).unwrap_err();
        assert!(error.use_stderr(), "{error}");
        let Failure { exit, message, causes, hints } = failure(&error);
        assert_eq!(exit, Exit::Usage);
        assert!(hints.iter().any(|hint| hint.ends_with("try '--help'")), "{hints:?}");
        format!("$ {line}\n{}\n", crate::ui::error_text(&message, &causes, &hints))
    }

    #[test]
    fn mistakes_on_the_command_line_are_told_with_what_was_probably_meant() {
        let all: Vec<String> = [
            "devplat pln",
            "devplat plan --nmae x",
            "devplat plan --output jsn",
            "devplat plan --name My_Platform",
            "devplat plan --name",
            "devplat users",
            "devplat users add",
            "devplat users add alice --key a.pub bob",
            "devplat port-forward --port many",
            "devplat completions fihs",
        ]
        .into_iter()
        .map(told_for)
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn mistake_is_json_where_json_is_asked_for_wherever_that_stands() {
        let asked = |line: &str| format(line.split_whitespace().map(OsString::from), None);
        for json in [
            "plan --nmae x --output json",
            "--output=json pln",
            "plan -o json",
            "-ojson plan",
            "-o=json plan",
            "plan -vyo json",
            "plan --output human --output json",
        ] {
            assert_eq!(asked(json), Format::Json, "{json}");
        }
        for human in
            ["plan", "plan --output jsn", "plan --output", "plan --outputs=json", "port-forward -- x -o json"]
        {
            assert_eq!(asked(human), Format::Human, "{human}");
        }
        assert_eq!(format(std::iter::empty(), Some("json".into())), Format::Json);
        assert_eq!(format(["-ohuman".into()].into_iter(), Some("json".into())), Format::Human);
    }
}
