//! The setting that an engine's address comes from, with its value, for messages.

use std::fmt;

/// The forms of an address.
const FORMS: &str = "an address is unix:///PATH, tcp://HOST:PORT or HOST:PORT";

/// A setting that names an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `DOCKER_HOST` with this value.
    Host(String),
    /// A Docker context.
    Context {
        name: String,
        /// The host of its endpoint.
        host: String,
        /// Whether `DOCKER_CONTEXT` chooses it, and not Docker's configuration.
        chosen: bool,
    },
    /// None: it is Docker's default.
    Default,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, "DOCKER_HOST={host:?}"),
            Self::Context { name, host, chosen: _ } => {
                write!(f, "Docker context {name:?} with the endpoint {host:?}")
            }
            Self::Default => f.write_str("the default of Docker"),
        }
    }
}

impl Setting {
    /// Returns the text to add to an address that comes from this setting.
    pub fn in_brackets(&self) -> String {
        match self {
            Self::Host(_) | Self::Context { .. } => format!(" ({self})"),
            Self::Default => String::new(),
        }
    }

    /// Returns the remedy for a wrong address.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Host(_) => format!(
                "{FORMS}: set DOCKER_HOST to that of your engine, or `unset DOCKER_HOST` to use the current Docker context"
            ),
            Self::Context { name, host: _, chosen } => {
                let or = if *chosen { "`unset DOCKER_CONTEXT`" } else { "`docker context use default`" };
                let change = format!("docker context update {name} --docker host=ADDRESS");
                format!("{FORMS}: `{change}` changes it, and {or} chooses another engine")
            }
            Self::Default => "`docker context ls` lists the engines".to_owned(),
        }
    }
}
