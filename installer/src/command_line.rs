//! The command lines of devplat that messages print, with the arguments that the user gave.

use std::path::PathBuf;

use devplat_profile::PlatformName;

/// An argument that the user gave, by a flag or by its variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Name(PlatformName),
    Profile(String),
    Context(String),
    Templates(PathBuf),
    /// One `--set`.
    Set(String),
    /// One `--unset`.
    Unset(String),
    /// One `--lose`.
    Lose(String),
    TakeOver,
}

impl Argument {
    /// Returns it as the user would type it.
    fn text(&self) -> String {
        let option = |option: &str, value: &str| format!("{option} {}", quoted(value));
        match self {
            Self::Name(name) => option("--name", name.as_str()),
            Self::Profile(profile) if is_closed_with_its_command(profile) => option("--profile", "FILE"),
            Self::Profile(profile) => option("--profile", profile),
            Self::Context(context) => option("--context", context),
            Self::Templates(folder) => option("--templates", &folder.display().to_string()),
            Self::Set(set) => option("--set", set),
            Self::Unset(path) => option("--unset", path),
            Self::Lose(id) => option("--lose", id),
            Self::TakeOver => "--take-over".to_owned(),
        }
    }
}

/// Returns whether a path is that of a pipe which a shell closes with its command: `<(…)` becomes `/dev/fd/63`.
fn is_closed_with_its_command(path: &str) -> bool {
    path.starts_with("/dev/fd/") || path.starts_with("/proc/")
}

/// The arguments of a run that the command lines in its messages repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    given: Vec<Argument>,
}

impl CommandLine {
    /// Returns a command line with these arguments, in this order.
    pub fn new(given: Vec<Argument>) -> Self {
        Self { given }
    }

    /// Returns the same with nothing but the name of the platform, if it was given.
    #[must_use]
    pub fn of_platform(&self) -> Self {
        let kept = self.given.iter().filter(|argument| matches!(argument, Argument::Name(_)));
        Self::new(kept.cloned().collect())
    }

    /// Returns the same without `--lose`.
    #[must_use]
    pub fn without_losses(&self) -> Self {
        let kept = self.given.iter().filter(|argument| !matches!(argument, Argument::Lose(_)));
        Self::new(kept.cloned().collect())
    }

    /// Returns the text for a verb, such as `users list`, with the given arguments that it takes.
    pub fn of(&self, verb: &str) -> String {
        let repeated = self.given.iter().filter(|argument| self.repeats(verb, argument));
        let words = [format!("devplat {verb}")].into_iter().chain(repeated.map(Argument::text));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the hint for an engine or a cluster that no longer exists. `--forget` takes no place.
    pub fn forget_hint(&self) -> String {
        format!("if it no longer exists: `{} --forget`", self.of_platform().of("destroy"))
    }

    fn repeats(&self, verb: &str, argument: &Argument) -> bool {
        let verb = verb.split(' ').next().unwrap_or_default();
        let compares = matches!(verb, "up" | "plan" | "status");
        match argument {
            Argument::Name(_) => true,
            Argument::Profile(_) => compares || verb == "destroy",
            // destroy reads values only with a profile.
            Argument::Set(_) => compares || (verb == "destroy" && self.names_a_profile()),
            Argument::Context(_) => verb != "ssh-config",
            Argument::Templates(_) => compares,
            Argument::Unset(_) | Argument::Lose(_) => matches!(verb, "up" | "plan"),
            Argument::TakeOver => matches!(verb, "up" | "plan" | "destroy"),
        }
    }

    fn names_a_profile(&self) -> bool {
        self.given.iter().any(|argument| matches!(argument, Argument::Profile(_)))
    }
}

/// Quotes a value for a shell, if it needs quotes.
pub fn quoted(text: &str) -> String {
    // Only a text with a NUL cannot be quoted, and no argument of a program has one.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Argument> {
        vec![
            Argument::Name("team-a".parse().unwrap()),
            Argument::Profile("./my team.yaml".to_owned()),
            Argument::Context("there".to_owned()),
            Argument::Templates("own".into()),
            Argument::Set("operator.replicas=1".to_owned()),
            Argument::Unset("bastion".to_owned()),
            Argument::Lose("local registry".to_owned()),
            Argument::TakeOver,
        ]
    }

    #[test]
    fn every_given_argument_that_the_verb_takes_is_repeated() {
        let line = CommandLine::new(all());
        let compared = "--name team-a --profile './my team.yaml' --context there --templates own \
                        --set 'operator.replicas=1'";
        assert_eq!(line.of("status"), format!("devplat status {compared}"));
        for verb in ["up", "plan"] {
            let expected =
                format!("devplat {verb} {compared} --unset bastion --lose 'local registry' --take-over");
            assert_eq!(line.of(verb), expected);
        }
        assert_eq!(
            line.of("destroy"),
            "devplat destroy --name team-a --profile './my team.yaml' --context there \
             --set 'operator.replicas=1' --take-over"
        );
        for verb in ["users list", "port-forward"] {
            assert_eq!(line.of(verb), format!("devplat {verb} --name team-a --context there"));
        }
        assert_eq!(line.of("ssh-config --remove"), "devplat ssh-config --remove --name team-a");
        assert!(!line.without_losses().of("plan").contains("--lose"));
    }

    #[test]
    fn values_without_a_profile_are_not_repeated_for_destroy() {
        let line = CommandLine::new(vec![Argument::Set("operator.replicas=1".to_owned())]);
        assert_eq!(line.of("destroy"), "devplat destroy");
        assert_eq!(line.of("up"), "devplat up --set 'operator.replicas=1'");
    }

    #[test]
    fn pipe_of_a_shell_is_repeated_as_a_file_to_name() {
        let line = |profile: &str| CommandLine::new(vec![Argument::Profile(profile.to_owned())]).of("up");
        for pipe in ["/dev/fd/63", "/proc/self/fd/11"] {
            assert_eq!(line(pipe), "devplat up --profile FILE");
        }
        assert_eq!(line("-"), "devplat up --profile -");
        assert_eq!(line("/dev/stdin"), "devplat up --profile /dev/stdin");
    }

    /// `DEVPLAT_NAME` may name another platform where the line is typed.
    #[test]
    fn default_name_is_repeated_if_it_was_given() {
        let given = CommandLine::new(vec![Argument::Name(PlatformName::default())]);
        assert_eq!(given.of("up"), "devplat up --name devplat");
        assert_eq!(given.of_platform(), given);
        assert_eq!(CommandLine::default().of("up"), "devplat up");
    }

    #[test]
    fn quoted_value_is_one_word_of_a_shell() {
        for text in ["plain", "two words", "$HOME", "it's"] {
            assert_eq!(shlex::split(&quoted(text)).unwrap(), [text]);
        }
    }
}
