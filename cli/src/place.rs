//! Where devctl runs: in the bastion, which says everything in `DEVCTL_…` variables, or on somebody's own machine,
//! with a kubeconfig. Nothing else here reads the environment for it.

use std::{fmt, path::PathBuf};

use crate::{
    failure::{Exit, Failure},
    settings::{Host, Settings, UserName},
};

/// A token of the user's own, which is never shown but by `devctl kubeconfig`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where devctl runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the bastion, as one of its users.
    Bastion(Bastion),
    /// Anywhere else.
    Laptop(Settings),
}

/// What the bastion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bastion {
    /// URL of the API server.
    pub(crate) server: String,
    /// File with the certificates that it is to be known by.
    pub(crate) authority: Option<PathBuf>,
    /// The user's own token, which ends in minutes.
    pub(crate) token: Token,
    /// The user.
    pub(crate) user: String,
    /// The user's namespace.
    pub(crate) namespace: String,
    /// How users reach the bastion, where it knows that.
    pub(crate) host: Option<Host>,
    /// The platform, where the bastion knows its name.
    pub(crate) platform: Option<String>,
    /// Descriptor of the socket over which a session is handed to the relay.
    pub(crate) control: Option<i32>,
}

impl Place {
    /// The place that the environment speaks of; `given` comes from the command line.
    pub(crate) fn find(
        given: Settings,
        variable: impl Fn(&str) -> Option<String>,
        file: impl FnOnce() -> Result<Settings, Failure>,
    ) -> Result<Self, Failure> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        if variable("DEVCTL_BASTION").is_none() {
            return Ok(Self::Laptop(given.or(file()?)));
        }
        if given.context.is_some() {
            let message = "there is one cluster here: --context is for devctl on your own machine";
            return Err(Failure::new(Exit::Usage, message));
        }
        let needed = |name: &str| {
            let missing = || Failure::new(Exit::Internal, format!("the bastion did not set {name}"));
            variable(name).ok_or_else(missing)
        };
        let control = variable("DEVCTL_CONTROL_FD").map(|text| {
            let wrong = |_| Failure::new(Exit::Internal, format!("DEVCTL_CONTROL_FD is {text:?}, no number"));
            text.parse().map_err(wrong)
        });
        Ok(Self::Bastion(Bastion {
            server: needed("DEVCTL_SERVER")?,
            authority: variable("DEVCTL_CA_FILE").map(PathBuf::from),
            token: Token(needed("DEVCTL_TOKEN")?),
            user: needed("DEVCTL_USER")?,
            namespace: given.namespace.map_or_else(|| needed("DEVCTL_NAMESPACE"), Ok)?,
            host: given.host,
            platform: variable("DEVCTL_PLATFORM"),
            control: control.transpose()?,
        }))
    }

    /// The host of the bastion, if it is known.
    pub(crate) fn host(&self) -> Option<&Host> {
        match self {
            Self::Bastion(bastion) => bastion.host.as_ref(),
            Self::Laptop(settings) => settings.host.as_ref(),
        }
    }

    /// The name of the platform, if it is known.
    pub(crate) fn platform(&self) -> Option<&str> {
        match self {
            Self::Bastion(bastion) => bastion.platform.as_deref(),
            Self::Laptop(_) => None,
        }
    }

    /// The user, if it is known without asking anybody. `namespace` is the user's.
    pub(crate) fn user(&self, namespace: &str) -> Option<String> {
        match self {
            Self::Bastion(bastion) => Some(bastion.user.clone()),
            Self::Laptop(settings) => {
                let named = settings.user.as_ref().map(|user| user.as_str().to_owned());
                named.or_else(|| UserName::of_namespace(namespace).map(|user| user.as_str().to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bastion(name: &str) -> Option<String> {
        let value = match name {
            "DEVCTL_BASTION" => "1",
            "DEVCTL_SERVER" => "https://kubernetes.default.svc",
            "DEVCTL_TOKEN" => "secret",
            "DEVCTL_USER" => "alice",
            "DEVCTL_NAMESPACE" => "dev-alice",
            "DEVCTL_CONTROL_FD" => "3",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn bastion_says_who_and_where_and_its_token_is_not_shown() {
        let place = Place::find(Settings::default(), bastion, || Ok(Settings::default())).unwrap();
        let Place::Bastion(found) = &place else { panic!("{place:?}") };
        assert_eq!((&*found.user, &*found.namespace, found.control), ("alice", "dev-alice", Some(3)));
        assert!(!format!("{place:?}").contains("secret"));
    }

    #[test]
    fn bastion_that_forgets_something_is_told_what() {
        let without = |name: &str| bastion(name).filter(|_| name != "DEVCTL_TOKEN");
        let failure = Place::find(Settings::default(), without, || Ok(Settings::default())).unwrap_err();
        assert_eq!(failure.message, "the bastion did not set DEVCTL_TOKEN");
    }

    #[test]
    fn context_means_nothing_in_the_bastion() {
        let given = Settings { context: Some("mine".into()), ..Settings::default() };
        assert_eq!(Place::find(given, bastion, || Ok(Settings::default())).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn on_a_laptop_the_command_line_goes_before_the_file() {
        let given = Settings { context: Some("mine".into()), ..Settings::default() };
        let file = || {
            Ok(Settings { context: Some("other".into()), namespace: Some("dev-bob".into()), ..given.clone() })
        };
        let place = Place::find(given.clone(), |_| None, file).unwrap();
        let Place::Laptop(settings) = &place else { panic!("{place:?}") };
        assert_eq!(settings.context.as_deref(), Some("mine"));
        assert_eq!(settings.namespace.as_deref(), Some("dev-bob"));
        assert_eq!(place.user("dev-bob").as_deref(), Some("bob"));
    }
}
