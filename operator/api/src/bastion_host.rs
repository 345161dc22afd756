//! The host by which developers reach the bastion, as `NAME` or `NAME:PORT`: in its Deployment, in devctl's configuration,
//! and in the command lines of `ssh` that messages contain.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// The port of SSH if none is named.
const SSH: u16 = 22;

/// A host of SSH that cannot be taken for an option of `ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BastionHost {
    /// Its name or address.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// A text that is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host; write NAME or NAME:PORT")]
pub struct InvalidHost(pub String);

impl BastionHost {
    /// Returns the arguments of `ssh` that lead to it as `login`.
    pub fn arguments(&self, login: &str) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.port != SSH {
            arguments.extend(["-p".to_owned(), self.port.to_string()]);
        }
        arguments.push(format!("{login}@{}", self.name));
        arguments
    }

    /// Returns the command line of `ssh` that leads to it as `login`.
    pub fn ssh(&self, login: &str) -> String {
        format!("ssh {}", self.arguments(login).join(" "))
    }
}

impl fmt::Display for BastionHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            SSH => f.write_str(&self.name),
            port if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            port => write!(f, "{}:{port}", self.name),
        }
    }
}

impl FromStr for BastionHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let wrong = || InvalidHost(text.to_owned());
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, "")) => (name, None),
            Some((name, rest)) => (name, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
            // More than one colon is an address without a port.
            None => match text.split_once(':') {
                Some((name, port)) if !port.contains(':') => (name, Some(port)),
                Some(_) | None => (text, None),
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

impl<'de> Deserialize<'de> for BastionHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_has_a_port_or_that_of_ssh() {
        for (text, name, port) in [
            ("example.com", "example.com", 22),
            ("example.com:2222", "example.com", 2222),
            ("[::1]:2222", "::1", 2222),
            ("::1", "::1", 22),
        ] {
            let host: BastionHost = text.parse().unwrap();
            assert_eq!(host, BastionHost { name: name.into(), port }, "{text}");
            assert_eq!(host.to_string(), text);
        }
    }

    #[test]
    fn command_line_names_a_port_other_than_that_of_ssh() {
        let ssh = |host: &str| host.parse::<BastionHost>().unwrap().ssh("alice");
        assert_eq!(ssh("example.com"), "ssh alice@example.com");
        assert_eq!(ssh("[::1]:2222"), "ssh -p 2222 alice@::1");
    }

    #[test]
    fn text_that_could_be_an_option_is_not_a_host() {
        for text in ["-oProxyCommand=id", "", "a b", "a:b", "a:70000", "[::1]2"] {
            assert_eq!(text.parse::<BastionHost>(), Err(InvalidHost(text.into())));
        }
    }
}
