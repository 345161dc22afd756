//! How the user calls devctl, so that every command line that it prints works there.

use crate::settings::Host;

/// The call of devctl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    way: Way,
    /// The given flags for every verb, each with a space before it.
    flags: String,
}

/// The way in which the user calls devctl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a program on the user's own machine.
    Program,
    /// As the command of `ssh` to the bastion. The user's own machine may have no devctl.
    Ssh {
        /// The user's name on the platform.
        user: String,
        /// The host of the bastion, if it is known.
        host: Option<Host>,
    },
    /// As a line at the prompt.
    Prompt,
}

impl Invocation {
    /// A call without flags.
    pub(crate) fn new(way: Way) -> Self {
        Self { way, flags: String::new() }
    }

    /// Returns the same with these words as its flags.
    pub(crate) fn with_flags(self, words: &[String]) -> Self {
        let quoted = words.iter().map(|word| {
            let word = shlex::try_quote(word).expect("an argument of a program has no byte 0");
            format!(" {word}")
        });
        Self { flags: quoted.collect(), ..self }
    }

    /// Finds it in the variables that the bastion sets. The prompt is known only once it starts.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        if variable("DEVCTL_BASTION").is_none() {
            return Self::new(Way::Program);
        }
        let user = variable("DEVCTL_USER").unwrap_or_else(|| "USER".to_owned());
        let host = variable("DEVCTL_HOST").and_then(|host| host.parse().ok());
        Self::new(Way::Ssh { user, host })
    }

    /// Returns the command line for `words`, a verb with its arguments, and the given flags, as a part of a sentence. Only
    /// the user knows the arguments of `ssh` that have led to a bastion without a known host.
    pub(crate) fn line(&self, words: &str) -> String {
        let Self { way, flags } = self;
        match way {
            Way::Program => format!("`devctl {words}{flags}`"),
            Way::Ssh { user, host: Some(host) } => format!("`{} {words}{flags}`", host.ssh(user)),
            Way::Ssh { user: _, host: None } => format!("`{words}{flags}` (over the same `ssh`)"),
            Way::Prompt => format!("`{words}{flags}`"),
        }
    }

    /// Returns the command line that opens a shell in a dev server, as a part of a sentence.
    pub(crate) fn shell(&self, server: &str) -> String {
        match &self.way {
            Way::Program | Way::Prompt => self.line(&format!("ssh {server}")),
            Way::Ssh { user, host: Some(host) } => format!("`{}`", host.ssh(&format!("{user}+{server}"))),
            Way::Ssh { user, host: None } => format!("`ssh` as {user}+{server} (in place of {user})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Invocation {
        let set = |name: &str| variables.iter().find(|(key, _)| *key == name);
        Invocation::find(|name| set(name).map(|(_, value)| (*value).to_owned()))
    }

    fn lines(invocation: &Invocation) -> [String; 2] {
        [invocation.line("describe mydev"), invocation.shell("mydev")]
    }

    #[test]
    fn own_machine_has_devctl() {
        assert_eq!(
            lines(&found(&[("DEVCTL_USER", "alice")])),
            ["`devctl describe mydev`", "`devctl ssh mydev`"]
        );
    }

    #[test]
    fn users_of_the_bastion_need_only_ssh() {
        let bastion = [("DEVCTL_BASTION", "1"), ("DEVCTL_USER", "alice"), ("DEVCTL_HOST", "")];
        let known = [&bastion[..2], &[("DEVCTL_HOST", "dev.example.com:2222")]].concat();
        assert_eq!(
            lines(&found(&known)),
            [
                "`ssh -p 2222 alice@dev.example.com describe mydev`",
                "`ssh -p 2222 alice+mydev@dev.example.com`"
            ]
        );
    }

    #[test]
    fn unknown_host_is_the_one_that_the_user_has_signed_in_to() {
        let bastion = [("DEVCTL_BASTION", "1"), ("DEVCTL_USER", "alice"), ("DEVCTL_HOST", "")];
        assert_eq!(
            lines(&found(&bastion)),
            ["`describe mydev` (over the same `ssh`)", "`ssh` as alice+mydev (in place of alice)"]
        );
    }

    #[test]
    fn prompt_takes_verbs() {
        assert_eq!(lines(&Invocation::new(Way::Prompt)), ["`describe mydev`", "`ssh mydev`"]);
    }

    #[test]
    fn given_flags_are_kept_and_quoted() {
        let flags = ["--context", "my prod", "--namespace", "dev-bob"].map(str::to_owned);
        assert_eq!(
            lines(&Invocation::new(Way::Program).with_flags(&flags)),
            [
                "`devctl describe mydev --context 'my prod' --namespace dev-bob`",
                "`devctl ssh mydev --context 'my prod' --namespace dev-bob`"
            ]
        );
        let flags = &flags[2..];
        let host = "dev.example.com".parse().ok();
        let ssh = Invocation::new(Way::Ssh { user: "alice".to_owned(), host }).with_flags(flags);
        assert_eq!(
            lines(&ssh),
            [
                "`ssh alice@dev.example.com describe mydev --namespace dev-bob`",
                "`ssh alice+mydev@dev.example.com`"
            ]
        );
        let prompt = Invocation::new(Way::Prompt).with_flags(flags);
        assert_eq!(prompt.line("list"), "`list --namespace dev-bob`");
    }
}
