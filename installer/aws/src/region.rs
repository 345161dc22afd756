//! Regions, and the choice of one.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{CallerSettings, config_file::ConfigFile};

/// The name of a region, such as `eu-central-1`. Only AWS knows whether it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Region(String);

/// A text that cannot name a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of an AWS region, such as eu-central-1")]
pub struct MalformedRegion(String);

/// The longest name that is accepted; the longest one of AWS has 16 characters.
const LONGEST: usize = 32;

/// The variables that name a region, in the order of the AWS SDKs.
const VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

impl Region {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn known(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub(crate) fn for_sdk(&self) -> aws_types::region::Region {
        aws_types::region::Region::new(self.0.clone())
    }
}

impl FromStr for Region {
    type Err = MalformedRegion;

    fn from_str(text: &str) -> Result<Self, MalformedRegion> {
        let parts: Vec<&str> = text.split('-').collect();
        let valid = text.len() <= LONGEST
            && parts.len() >= 3
            && parts.iter().all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            })
            && parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
        if valid { Ok(Self(text.to_owned())) } else { Err(MalformedRegion(text.to_owned())) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origin of the name of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RegionSource {
    /// The caller named it.
    Caller,
    /// This environment variable.
    Variable(&'static str),
    /// This profile in the configuration files of AWS.
    AwsProfile(String),
}

/// A region, with the origin of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChosenRegion {
    pub region: Region,
    /// The origin of its name.
    pub from: RegionSource,
}

/// A failed choice of a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// Nothing names one.
    #[error("no AWS region is set")]
    Unset,
    /// The named one cannot be the name of a region.
    #[error("the AWS region of {} is not usable", place(from))]
    Malformed {
        /// The origin of the name.
        from: RegionSource,
        /// The reason.
        source: MalformedRegion,
    },
}

/// Returns the place of a name, for messages.
fn place(from: &RegionSource) -> String {
    match from {
        RegionSource::Caller => "the profile".to_owned(),
        RegionSource::Variable(name) => format!("${name}"),
        RegionSource::AwsProfile(name) => format!("AWS profile {name}"),
    }
}

/// Chooses the region: the one that the caller names, else that of a variable, else that of the selected AWS profile.
/// The region of the machine that devplat runs on is never chosen, because the platform would follow the machine.
pub(crate) fn choose(
    named: Option<Region>,
    surroundings: &CallerSettings,
    file: &ConfigFile,
) -> Result<ChosenRegion, RegionError> {
    if let Some(region) = named {
        return Ok(ChosenRegion { region, from: RegionSource::Caller });
    }
    let by_file = file.region().map(|text| (text, RegionSource::AwsProfile(file.selected().to_owned())));
    checked(by_variable(surroundings).or(by_file))
}

/// Chooses the region without the configuration files, which cannot be read.
pub(crate) fn without_file(
    named: Option<Region>,
    surroundings: &CallerSettings,
) -> Result<ChosenRegion, RegionError> {
    match named {
        Some(region) => Ok(ChosenRegion { region, from: RegionSource::Caller }),
        None => checked(by_variable(surroundings)),
    }
}

fn by_variable(surroundings: &CallerSettings) -> Option<(&str, RegionSource)> {
    VARIABLES.into_iter().find_map(|name| Some((surroundings.get(name)?, RegionSource::Variable(name))))
}

fn checked(found: Option<(&str, RegionSource)>) -> Result<ChosenRegion, RegionError> {
    let (text, from) = found.ok_or(RegionError::Unset)?;
    match text.parse() {
        Ok(region) => Ok(ChosenRegion { region, from }),
        Err(source) => Err(RegionError::Malformed { from, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn variable_wins_over_the_file_and_the_caller_over_both() {
        let home = tempfile::tempdir().unwrap();
        let mut surroundings = crate::config_file::tests::surroundings(home.path(), None);
        let file = ConfigFile::read(&surroundings).await.unwrap();
        let at = |surroundings: &CallerSettings, named| choose(named, surroundings, &file);
        assert_eq!(at(&surroundings, None), Err(RegionError::Unset));
        surroundings.variables.insert("AWS_DEFAULT_REGION".to_owned(), "eu-west-1".to_owned());
        assert_eq!(at(&surroundings, None).unwrap().from, RegionSource::Variable("AWS_DEFAULT_REGION"));
        surroundings.variables.insert("AWS_REGION".to_owned(), "Frankfurt".to_owned());
        assert!(matches!(at(&surroundings, None), Err(RegionError::Malformed { .. })));
        let named = at(&surroundings, Some(Region::known("eu-north-1"))).unwrap();
        assert_eq!((named.region.as_str(), named.from), ("eu-north-1", RegionSource::Caller));
    }

    #[test]
    fn names_of_regions_have_three_parts_and_a_number() {
        for text in ["eu-central-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1"] {
            assert_eq!(text.parse::<Region>().unwrap().as_str(), text);
        }
        for text in
            ["", "eu", "eu-central", "EU-central-1", "eu--1", "eu-central-1a", "eu_central_1", "a.b-c-1"]
        {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }
}
