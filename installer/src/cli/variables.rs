//! The variables that stand for flags, such as `DEVPLAT_NAME`. A flag overrides its variable, and both override
//! remembered values. clap reads variables from the environment of the process; here the caller passes them in, so that a
//! test can choose them.

use std::ffi::OsStr;

use clap::{Arg, Command};
use devplat_tool::Surroundings;

/// Returns the command with the values of these variables as defaults of their flags. Its help does not name the
/// variables.
pub(super) fn filled(command: Command, surroundings: &Surroundings) -> Command {
    let fill = |arg: Arg| {
        let variable = arg.get_env().and_then(OsStr::to_str);
        let value = variable.and_then(|name| Some((name, surroundings.get(name)?)));
        let value =
            value.filter(|(name, value)| !is_of_docker_link(name, value)).map(|(_, value)| value.to_owned());
        let arg = arg.env(None::<&'static str>);
        match value {
            Some(value) => arg.default_value(value),
            None => arg,
        }
    };
    command.mut_args(fill).mut_subcommands(|verb| filled(verb, surroundings))
}

/// Returns whether Docker has set the variable for a link, so that it names no platform.
fn is_of_docker_link(name: &str, value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| devplat_profile::is_of_docker_link(name, text))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::{Program, parse};

    /// Returns the value of a flag of the verb, as its id.
    fn value(line: &str, id: &str, variables: &[(&str, &str)]) -> Option<OsString> {
        let surroundings = Surroundings::new(variables.iter().copied(), None);
        let matches =
            filled(Program::command(), &surroundings).try_get_matches_from(line.split(' ')).unwrap();
        let (_, verb) = matches.subcommand().unwrap();
        verb.get_raw(id).and_then(|mut all| all.next()).map(OsStr::to_owned)
    }

    #[test]
    fn flag_overrides_its_variable_and_the_variable_the_default() {
        let variables = [("DEVPLAT_NAME", "a"), ("DEVPLAT_TEMPLATES", "/t"), ("DEVPLAT_PROFILE", "")];
        let of = |line: &str, id: &str| value(line, id, &variables);
        assert_eq!(of("devplat status", "name"), Some("a".into()));
        assert_eq!(of("devplat status --name b", "name"), Some("b".into()));
        assert_eq!(of("devplat status", "templates"), Some("/t".into()));
        assert_eq!(of("devplat status", "profile"), None, "an empty variable counts as unset");
        assert_eq!(value("devplat status", "name", &[]), None);
    }

    #[test]
    fn flag_before_the_verb_overrides_a_variable() {
        let surroundings = Surroundings::new([("DEVPLAT_NAME", "a"), ("DEVPLAT_OUTPUT", "json")], None);
        let line: Vec<OsString> = ["devplat", "--name", "b", "status"].map(OsString::from).into();
        let mut program = parse(&line, &surroundings).unwrap();
        assert_eq!(program.verb.name().unwrap().get().unwrap().as_str(), "b");
        assert_eq!(program.output().0, crate::ui::Format::Json);
    }

    #[test]
    fn variable_for_yes_may_be_a_number_or_a_word() {
        let yes = |text: &str| {
            let surroundings = Surroundings::new([("DEVPLAT_YES", text)], None);
            let command = filled(Program::command(), &surroundings);
            let matches = command.try_get_matches_from(["devplat", "destroy"]).unwrap();
            matches.subcommand_matches("destroy").unwrap().get_flag("yes")
        };
        assert!(yes("1") && yes("true"));
        assert!(!yes("0") && !yes("no") && !yes(""));
    }

    #[test]
    fn wrong_variable_fails_only_verbs_that_use_it() {
        let surroundings = Surroundings::new([("DEVPLAT_NAME", "My_Platform")], None);
        let of = |verb: &[&str]| {
            let line: Vec<OsString> = ["devplat"].iter().chain(verb).map(OsString::from).collect();
            parse(&line, &surroundings).is_ok()
        };
        assert!(!of(&["status"]));
        assert!(of(&["status", "--name", "a"]) && of(&["version"]));
    }

    #[test]
    fn variable_of_a_docker_link_names_no_platform() {
        let name = |text: &str| value("devplat status", "name", &[("DEVPLAT_NAME", text)]);
        assert_eq!(name("/web/devplat"), None);
        assert_eq!(name("team-a"), Some("team-a".into()));
    }

    #[test]
    fn help_names_the_variables() {
        let line: Vec<OsString> = ["devplat", "status", "--help"].map(OsString::from).into();
        let help = parse(&line, &Surroundings::default()).unwrap_err().to_string();
        for name in ["DEVPLAT_NAME", "DEVPLAT_PROFILE", "DEVPLAT_CONTEXT", "DEVPLAT_TEMPLATES"] {
            assert!(help.contains(&format!("[env: {name}=")), "{name} is not in: {help}");
        }
    }
}
