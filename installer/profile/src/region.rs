//! Names of AWS regions.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// The name of an AWS region, such as `eu-central-1`. Only AWS knows whether it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RegionName(String);

/// A text that cannot name a region. It completes a sentence such as `"x" is not …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of an AWS region, such as eu-central-1")]
pub struct NoRegionName;

/// The longest name that is accepted.
const LONGEST: usize = 32;

impl RegionName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegionName {
    type Err = NoRegionName;

    /// Accepts at least three parts of lower-case letters and digits, of which the last one is a number.
    fn from_str(text: &str) -> Result<Self, NoRegionName> {
        let parts: Vec<&str> = text.split('-').collect();
        let plain = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let number = parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
        let valid = text.len() <= LONGEST && parts.len() >= 3 && parts.iter().all(plain) && number;
        if valid { Ok(Self(text.to_owned())) } else { Err(NoRegionName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_regions_have_three_parts_and_a_number() {
        for text in ["eu-central-1", "us-gov-west-1", "eusc-de-east-1"] {
            assert_eq!(text.parse::<RegionName>().unwrap().as_str(), text);
        }
        for text in ["", "eu", "eu-central", "EU-central-1", "eu--1", "eu-central-1a"] {
            assert_eq!(text.parse::<RegionName>(), Err(NoRegionName), "{text}");
        }
    }
}
