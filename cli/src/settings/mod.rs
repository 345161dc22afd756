//! What somebody can set for devctl on their own machine: by flag, by variable, or in `devctl/config.yaml`.

mod file;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

/// Port of SSH where none is named.
const SSH: u16 = 22;

/// What can be set. Everything has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Context of the kubeconfig; its current one where missing.
    pub(crate) context: Option<String>,
    /// Namespace; the context's where missing.
    pub(crate) namespace: Option<String>,
    /// The user's name on the platform.
    pub(crate) user: Option<UserName>,
    /// Host of the bastion.
    pub(crate) host: Option<Host>,
}

impl Settings {
    /// Takes from `others` what is not set here.
    pub(crate) fn or(self, others: Self) -> Self {
        let Self { context, namespace, user, host } = self;
        Self {
            context: context.or(others.context),
            namespace: namespace.or(others.namespace),
            user: user.or(others.user),
            host: host.or(others.host),
        }
    }
}

/// A text that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// No host.
    #[error("{0:?} is no host; write NAME or NAME:PORT")]
    Host(String),
    /// No user.
    #[error("{0:?} is no user name: it has no spaces, and neither '@' nor '+' nor a '-' at its beginning")]
    User(String),
}

/// A host of SSH that cannot be taken for an option of `ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its name or address.
    pub(crate) name: String,
    /// Its port.
    pub(crate) port: u16,
}

impl Host {
    /// The arguments of `ssh` that lead to it as `login`.
    pub(crate) fn arguments(&self, login: &str) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.port != SSH {
            arguments.extend(["-p".to_owned(), self.port.to_string()]);
        }
        arguments.push(format!("{login}@{}", self.name));
        arguments
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            SSH => f.write_str(&self.name),
            port if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            port => write!(f, "{}:{port}", self.name),
        }
    }
}

impl FromStr for Host {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::Host(text.to_owned());
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, "")) => (name, None),
            Some((name, rest)) => (name, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
            // More than one colon is an address without a port.
            None => match text.split_once(':') {
                Some((name, port)) if !port.contains(':') => (name, Some(port)),
                _ => (text, None),
            },
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            return Err(wrong());
        }
        let port = port.map_or(Ok(SSH), |port| port.parse().map_err(|_| wrong()))?;
        Ok(Self { name: name.to_owned(), port })
    }
}

/// A user's name that cannot be taken for anything else in `ssh NAME+SERVER@HOST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    /// The name itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The user whose namespace it is, where its name says so: a hashed one does not.
    pub(crate) fn of_namespace(namespace: &str) -> Option<Self> {
        let slug = namespace.strip_prefix("dev-")?;
        if slug.contains("--") { None } else { slug.parse().ok() }
    }
}

impl FromStr for UserName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '+' | '@');
        if text.is_empty() || text.starts_with('-') || text.chars().any(odd) {
            return Err(Invalid::User(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_port_or_not() {
        for (text, name, port) in [
            ("example.com", "example.com", 22),
            ("example.com:2222", "example.com", 2222),
            ("[::1]:2222", "::1", 2222),
            ("::1", "::1", 22),
        ] {
            assert_eq!(text.parse(), Ok(Host { name: name.into(), port }), "{text}");
        }
        assert_eq!("[::1]:2222".parse::<Host>().unwrap().to_string(), "[::1]:2222");
    }

    #[test]
    fn what_could_be_an_option_is_no_host_and_no_user() {
        for text in ["-oProxyCommand=id", "", "a b", "a:b", "a:70000", "[::1]2"] {
            assert_eq!(text.parse::<Host>(), Err(Invalid::Host(text.into())));
        }
        for text in ["-l", "", "a b", "a+b", "a@b", "a\u{1b}"] {
            assert_eq!(text.parse::<UserName>(), Err(Invalid::User(text.into())));
        }
    }

    #[test]
    fn user_is_known_from_a_namespace_unless_it_is_hashed() {
        assert_eq!(UserName::of_namespace("dev-alice"), Some(UserName("alice".into())));
        assert_eq!(UserName::of_namespace("dev-alice--66da998b94c09dc2ed07"), None);
        assert_eq!(UserName::of_namespace("default"), None);
    }
}
