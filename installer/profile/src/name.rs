//! Names that become parts of Kubernetes objects, containers and folders: DNS labels, each with its own limits.

use std::{borrow::Borrow, fmt, str::FromStr};

use devplat_api::dns::{LABEL_MAX, is_label};

/// A DNS label (RFC 1123): 1 to 63 lowercase letters, digits and `-`, with a letter or digit at both ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsLabel(String);

/// A text that is not a name of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a {noun}: use 1 to {max} lowercase letters, digits and '-', starting with a {start} and ending with a letter or digit"
)]
pub struct InvalidName {
    text: String,
    noun: &'static str,
    max: usize,
    start: &'static str,
}

impl DnsLabel {
    fn parse(text: &str) -> Option<Self> {
        is_label(text).then(|| Self(text.to_owned()))
    }
}

/// Where the first character of a name comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Letter,
    LetterOrDigit,
}

fn parse(text: &str, noun: &'static str, max: usize, start: Start) -> Result<DnsLabel, InvalidName> {
    DnsLabel::parse(text)
        .filter(|_| text.len() <= max)
        .filter(|_| start == Start::LetterOrDigit || text.starts_with(|c: char| c.is_ascii_lowercase()))
        .ok_or_else(|| InvalidName {
            text: text.to_owned(),
            noun,
            max,
            start: match start {
                Start::Letter => "letter",
                Start::LetterOrDigit => "letter or digit",
            },
        })
}

/// Implements the conversions that all names have. `Borrow<str>` lets callers search a map of names with a `&str`.
macro_rules! name {
    ($name:ident, $text:ident => $parsed:expr) => {
        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                self.as_ref()
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str($text: &str) -> Result<Self, InvalidName> {
                $parsed
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.0.as_ref()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_ref()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_ref())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_ref())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(DnsLabel, text => parse(text, "DNS label", LABEL_MAX, Start::LetterOrDigit));

/// The name of a platform: a DNS label of at most 40 characters that starts with a letter. The limit leaves room for
/// the suffixes in the names of clusters, networks and containers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformName(DnsLabel);

name!(PlatformName, text => parse(text, "platform name", 40, Start::Letter).map(Self));

impl Default for PlatformName {
    fn default() -> Self {
        Self(DnsLabel("devplat".to_owned()))
    }
}

/// The name that a developer signs in with: a DNS label of at most 40 characters. The operator uses such a name
/// unchanged in `dev-NAME` and `user-NAME` and replaces part of a longer one by a hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(DnsLabel);

name!(UserName, text => parse(text, "user name", 40, Start::LetterOrDigit).map(Self));

/// The name of a flavor: a DNS label of at most 63 characters, the limit of the CRD.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlavorName(DnsLabel);

name!(FlavorName, text => parse(text, "flavor name", LABEL_MAX, Start::LetterOrDigit).map(Self));

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn dns_labels_are_accepted() {
        for text in ["devplat", "a", "team-7", &"a".repeat(40)] {
            assert_eq!(text.parse::<PlatformName>().unwrap().as_str(), text);
            assert_eq!(text.parse::<UserName>().unwrap().as_str(), text);
            assert_eq!(text.parse::<FlavorName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", "-a", "a-", "A", "a_b", "a.b", "ä", "a b", &"a".repeat(64)] {
            assert!(text.parse::<DnsLabel>().is_err(), "{text:?}");
            assert!(text.parse::<PlatformName>().is_err(), "{text:?}");
            assert!(text.parse::<UserName>().is_err(), "{text:?}");
            assert!(text.parse::<FlavorName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_type_of_name_has_its_own_limits() {
        let long = "a".repeat(41);
        assert!(long.parse::<PlatformName>().is_err());
        assert!(long.parse::<UserName>().is_err());
        assert!(long.parse::<FlavorName>().is_ok());
        assert!("8xa100".parse::<PlatformName>().is_err());
        assert!("8xa100".parse::<FlavorName>().is_ok());
    }

    #[test]
    fn error_names_the_type_and_its_limit() {
        assert_eq!(
            "A".parse::<PlatformName>().unwrap_err().to_string(),
            "\"A\" is not a platform name: use 1 to 40 lowercase letters, digits and '-', starting with a letter and \
             ending with a letter or digit"
        );
    }

    #[test]
    fn map_of_names_is_searched_with_a_plain_text() {
        let map = BTreeMap::from([("demo".parse::<UserName>().unwrap(), 1)]);
        assert_eq!(map.get("demo"), Some(&1));
    }

    #[test]
    fn names_are_json_strings_and_checked_when_read() {
        let name: FlavorName = serde_json::from_str("\"gpu\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"gpu\"");
        assert!(serde_json::from_str::<FlavorName>("\"a.b\"").is_err());
    }
}
