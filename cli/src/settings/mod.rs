//! What somebody can set for devctl on their own machine: by flag, by variable, or in `devctl/config.yaml`.

mod file;

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

pub(crate) use devplat_api::BastionHost as Host;

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
    /// No user.
    #[error("{0:?} is no user name: it has no spaces, and neither '@' nor '+' nor a '-' at its beginning")]
    User(String),
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

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_could_be_an_option_is_not_a_user() {
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
