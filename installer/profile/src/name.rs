//! The name of a platform, from which the names of its clusters, networks and folders are made.

use std::{fmt, str::FromStr};

/// A DNS label of at most 40 characters, which leaves room for what is appended to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct PlatformName(String);

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no platform name: use 1 to {MAX} lowercase letters, digits and '-', starting with a letter and not ending with '-'"
)]
pub struct InvalidName(String);

const MAX: usize = 40;

impl PlatformName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlatformName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = text.len() <= MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidName(text.to_owned())) }
    }
}

impl Default for PlatformName {
    fn default() -> Self {
        Self("devplat".to_owned())
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_labels_are_names() {
        for text in ["devplat", "a", "team-7"] {
            assert_eq!(text.parse::<PlatformName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_dns_label_is_refused() {
        for text in ["", "-a", "a-", "A", "a_b", "7up", "a.b", &"a".repeat(41)] {
            assert!(text.parse::<PlatformName>().is_err(), "{text:?}");
        }
    }
}
