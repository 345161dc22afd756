//! Mistakes on the command line, reported like all other failures. The message is composed from clap's typed context,
//! not from its rendered text.

use std::ffi::{OsStr, OsString};

use clap::{
    Command, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};
use devplat_tool::Surroundings;

use super::outcome;
use crate::{
    failure::{Exit, Failure},
    ui::{Format, Ui, wants_colours},
};

/// The output of `devplat` without a verb.
const FIRST: &str = "\
devplat turns a machine or a cluster into a platform where developers get dev servers over SSH.

  devplat up --profile k3d      create a platform on this machine (or: --profile kind)
  devplat profiles list         list the shipped profiles
  devplat doctor                check this machine for the needs of a profile
  devplat --help                list every verb";

/// Reports the mistake on the command line, or prints the requested help; returns the exit status.
pub(super) fn report(
    error: &clap::Error,
    arguments: &[OsString],
    command: &Command,
    surroundings: &Surroundings,
) -> u8 {
    let variable = surroundings.get("DEVPLAT_OUTPUT").map(OsStr::to_owned);
    let ui = Ui::new(format(arguments.iter().skip(1).cloned(), variable), wants_colours(surroundings));
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.help(error);
            return outcome::delivered(Ok(0), &ui);
        }
        // `devplat` alone prints the first commands to type.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if arguments.len() <= 1 && !ui.is_json() => {
            ui.say(FIRST);
            return Exit::Usage.status();
        }
        // `devplat users` alone prints its help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !ui.is_json() => {
            ui.help(error);
            return Exit::Usage.status();
        }
        _ => {}
    }
    let failure = failure(error, arguments, command, surroundings);
    ui.error(&failure);
    failure.exit.status()
}

/// Returns whether the error is a requested help.
pub(super) fn is_help(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
}

/// Returns the error for a flag before the verb that the verb does not use.
pub(super) fn unused(command: &mut Command, flag: &str, verb: &str) -> clap::Error {
    let mut error = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(command);
    error.insert(ContextKind::InvalidArg, ContextValue::String(flag.to_owned()));
    error.insert(ContextKind::InvalidSubcommand, ContextValue::String(verb.to_owned()));
    error
}

/// Returns the error for two arguments of which one would be ignored.
pub(super) fn conflict(command: &mut Command, argument: &str, other: &str) -> clap::Error {
    let mut error = clap::Error::new(ErrorKind::ArgumentConflict).with_cmd(command);
    error.insert(ContextKind::InvalidArg, ContextValue::String(argument.to_owned()));
    error.insert(ContextKind::PriorArg, ContextValue::String(other.to_owned()));
    error
}

/// Converts a mistake on the command line into a failure.
pub(super) fn failure(
    error: &clap::Error,
    arguments: &[OsString],
    command: &Command,
    surroundings: &Surroundings,
) -> Failure {
    let of = |kind| error.get(kind);
    let text = |kind| of(kind).map(ToString::to_string).unwrap_or_default();
    let unknown = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::InvalidSubcommand => {
            Some(word.as_str())
        }
        _ => None,
    };
    let verb = verb(arguments, unknown, command);
    let message = match error.kind() {
        ErrorKind::UnknownArgument => {
            let flag = text(ContextKind::InvalidArg);
            match of(ContextKind::InvalidSubcommand) {
                Some(verb) => format!("`devplat {verb}` does not use {flag}"),
                None => format!("unknown argument {flag}"),
            }
        }
        ErrorKind::InvalidSubcommand => format!("unknown verb {:?}", text(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "no verb is given".to_owned()
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let (value, argument) = (text(ContextKind::InvalidValue), text(ContextKind::InvalidArg));
            match (value.is_empty(), std::error::Error::source(error)) {
                (true, _) => format!("{argument} needs a value"),
                (false, Some(why)) => format!("{argument}: {why}"),
                (false, None) => format!("{argument}: {value:?} is not a valid value"),
            }
        }
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            let (argument, wanted) = (text(ContextKind::InvalidArg), text(ContextKind::ExpectedNumValues));
            format!("{argument} needs {wanted} values and got {}", text(ContextKind::ActualNumValues))
        }
        ErrorKind::TooManyValues => {
            format!(
                "{:?} is one value too many for {}",
                text(ContextKind::InvalidValue),
                text(ContextKind::InvalidArg)
            )
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = match of(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(all)) => all.join(" "),
                Some(one) => one.to_string(),
                None => String::new(),
            };
            format!("missing: {missing}")
        }
        ErrorKind::ArgumentConflict => {
            format!("{} cannot be used with {}", text(ContextKind::InvalidArg), text(ContextKind::PriorArg))
        }
        ErrorKind::InvalidUtf8 => not_utf_8(arguments, surroundings),
        // A kind of error that clap adds later: its context is not known here.
        _ => error.kind().to_string(),
    };
    let mut failure = Failure::new(Exit::Usage, message);
    failure.hints = hints(error);
    if verb.is_empty() && failure.hints.is_empty() {
        failure.hints.extend(unknown.and_then(synonym).map(|own| format!("did you mean {own}?")));
    }
    let help = if verb.is_empty() { "devplat --help".to_owned() } else { format!("devplat {verb} --help") };
    failure.hint(format!("run `{help}` for the arguments"))
}

fn hints(error: &clap::Error) -> Vec<String> {
    let mut hints = Vec::new();
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    for kind in suggested {
        let words: Vec<String> = match error.get(kind) {
            Some(ContextValue::String(word)) => vec![word.clone()],
            // clap lists the nearest one last.
            Some(ContextValue::Strings(words)) => words.iter().rev().cloned().collect(),
            _ => Vec::new(),
        };
        if !words.is_empty() {
            hints.push(format!("did you mean {}?", words.join(" or ")));
        }
    }
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        hints.push(format!("possible values: {}", values.join(", ")));
    }
    hints
}

/// Returns devplat's verb for one of kind, k3d, eksctl, kubectl or terraform.
fn synonym(word: &str) -> Option<&'static str> {
    match word {
        "delete" | "remove" | "rm" | "down" | "uninstall" => Some("destroy"),
        "create" | "apply" | "install" | "start" => Some("up"),
        "get" | "ls" | "ps" => Some("list"),
        "diff" | "preview" => Some("plan"),
        _ => None,
    }
}

/// Returns the verb on the command line, with its subcommand, up to an unknown one; empty if there is none.
fn verb(arguments: &[OsString], unknown: Option<&str>, command: &Command) -> String {
    let mut command = command;
    let mut verb: Vec<String> = Vec::new();
    let known = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    for argument in known.take_while(|argument| Some(*argument) != unknown) {
        let Some(below) = command.find_subcommand(argument) else { continue };
        verb.push(argument.to_owned());
        command = below;
    }
    verb.join(" ")
}

/// Names the value that is not UTF-8, which clap does not: one of devplat's variables, or an argument.
fn not_utf_8(arguments: &[OsString], surroundings: &Surroundings) -> String {
    let variable = surroundings
        .variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .find(|(name, value)| name.starts_with("DEVPLAT_") && value.to_str().is_none());
    match (variable, arguments.iter().find(|argument| argument.to_str().is_none())) {
        (Some((name, _)), _) => format!("the value of ${name} is not UTF-8"),
        (None, Some(argument)) => format!("argument {} is not UTF-8", argument.to_string_lossy()),
        (None, None) => "an argument is not UTF-8".to_owned(),
    }
}

/// Reads the output format of a command line that clap rejects, perhaps before it has parsed `--output`.
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

/// Returns the rest of an argument after `--output`, or after `-o` and other short options.
fn of_output(arg: &str) -> Option<&str> {
    match arg.strip_prefix("--") {
        Some(long) => long.strip_prefix("output").filter(|value| value.is_empty() || value.starts_with('=')),
        None => arg.strip_prefix('-')?.trim_start_matches(['v', 'y']).strip_prefix('o'),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::{cli::Program, request::Asked};

    fn reported_for(line: &str) -> String {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = super::super::parse(&arguments, &Surroundings::default()).unwrap_err();
        assert!(error.use_stderr(), "{error}");
        let failure = failure(&error, &arguments, &Program::command(), &Surroundings::default());
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.hints.iter().any(|hint| hint.contains("--help` for the arguments")),
            "{:?}",
            failure.hints
        );
        format!("$ {line}\n{}\n", crate::ui::error_text(&failure))
    }

    #[test]
    fn mistakes_are_reported_with_suggestions() {
        let all: Vec<String> = [
            "devplat pln",
            "devplat delete --name x",
            "devplat user list",
            "devplat plan --nmae x",
            "devplat plan --output jsn",
            "devplat plan --name My_Platform",
            "devplat plan --name",
            "devplat users add",
            "devplat users add alice --key a.pub bob",
            "devplat port-forward --port many",
            "devplat completions fihs",
            "devplat destroy --forget --lose-data",
            "devplat doctor --context x",
            "devplat --name x profiles list",
            "devplat --output json completions bash",
            "devplat render --images one two",
            "devplat version -v",
            "devplat -v profiles list",
            "devplat profiles show k3d --profile kind",
        ]
        .into_iter()
        .map(reported_for)
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn mistake_is_json_if_any_argument_requests_json() {
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

    #[test]
    fn command_lines_in_messages_have_every_given_flag_of_the_verb() {
        let asked = Asked {
            name: Some("team-a".parse().unwrap()),
            profile: Some("./my team.yaml".to_owned()),
            set: vec!["operator.replicas=1".to_owned()],
            unset: vec!["bastion".to_owned()],
            context: Some("there".to_owned()),
            templates: Some("own".into()),
            yes: false,
            take_over: true,
            lose: vec!["local registry".to_owned()],
        };
        for verb in ["up", "plan", "status", "destroy", "users list", "port-forward", "ssh-config --remove"] {
            let line = asked.again(verb);
            let words = shlex::split(&line).unwrap();
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            let parsed = super::super::parse(&arguments, &Surroundings::default());
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
            let command = verb.split(' ').filter(|word| !word.starts_with('-'));
            let program = Program::command();
            let of_verb = command.fold(&program, |command, word| command.find_subcommand(word).unwrap());
            for flag in ["name", "profile", "set", "unset", "context", "templates", "take-over", "lose"] {
                let takes = of_verb.get_arguments().any(|argument| argument.get_long() == Some(flag));
                assert_eq!(
                    words.iter().any(|word| word.trim_start_matches("--") == flag),
                    takes,
                    "{line}: {flag}"
                );
            }
        }
    }

    #[test]
    fn name_and_output_before_the_verb_apply_to_it() {
        let arguments: Vec<OsString> =
            ["devplat", "--name", "loc", "-o", "json", "status"].into_iter().map(OsString::from).collect();
        let mut program = super::super::parse(&arguments, &Surroundings::default()).unwrap();
        assert_eq!(program.verb.name().unwrap().get().unwrap().as_str(), "loc");
        assert_eq!(program.output().0, Format::Json);
    }

    #[test]
    fn flag_before_the_verb_overrides_only_a_default() {
        let parsed = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            super::super::parse(&arguments, &Surroundings::default()).unwrap()
        };
        let name = |line: &str| parsed(line).verb.name().unwrap().get().unwrap().to_string();
        assert_eq!(name("devplat --name a destroy --yes"), "a");
        assert_eq!(name("devplat --name a destroy --name devplat"), "devplat", "the default, but named");
        assert_eq!(name("devplat --name a users list --name b"), "b");
        assert_eq!(parsed("devplat -o json status -o human").output().0, Format::Human);
    }
}
