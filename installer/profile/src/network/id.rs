//! Ids that AWS gives.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// A text that is not an id of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of {noun}; write one such as {example}")]
pub struct InvalidId {
    text: String,
    noun: &'static str,
    example: &'static str,
}

/// Returns whether `text` is `prefix` and 8 or 17 hexadecimal digits. AWS gave ids of 8 digits until 2018.
fn is_resource_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })
}

/// Returns whether `text` is the id of an availability zone. A local zone has a part more, such as `use1-bos1-az1`, and
/// takes no control plane.
fn is_zone_id(text: &str) -> bool {
    let Some((region, number)) = text.split_once("-az") else { return false };
    let region_ok = (3..=8).contains(&region.len())
        && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && region.starts_with(|c: char| c.is_ascii_lowercase());
    region_ok && matches!(number.len(), 1 | 2) && number.chars().all(|c| c.is_ascii_digit())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $example:literal, $is:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if $is(text) {
                    return Ok(Self(text.to_owned()));
                }
                let text = text.chars().take(80).collect();
                Err(InvalidId { text, noun: $noun, example: $example })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of a VPC, such as `vpc-0a1b2c3d4e5f60718`.
    VpcId, "a VPC", "vpc-0a1b2c3d4e5f60718", |text| is_resource_id(text, "vpc-")
);
id!(
    /// The id of a subnet, such as `subnet-0a1b2c3d4e5f60718`.
    SubnetId, "a subnet", "subnet-0a1b2c3d4e5f60718", |text| is_resource_id(text, "subnet-")
);
id!(
    /// The id of an availability zone, such as `use1-az4`. Unlike its name, it means the same zone in every account.
    ZoneId, "an availability zone", "use1-az4, not a name such as us-east-1a", is_zone_id
);

/// The zones that no EKS control plane can be in.
const WITHOUT_EKS: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

impl ZoneId {
    /// Returns the part that all zones of a region share, such as `use1`.
    pub fn region(&self) -> &str {
        self.0.split_once("-az").map_or(&self.0, |(region, _)| region)
    }

    /// Returns whether EKS accepts subnets in it for a control plane.
    pub fn takes_control_planes(&self) -> bool {
        !WITHOUT_EKS.contains(&self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_prefix_and_8_or_17_digits() {
        for text in ["vpc-0a1b2c3d", "vpc-0a1b2c3d4e5f60718"] {
            assert_eq!(text.parse::<VpcId>().unwrap().as_str(), text);
        }
        for text in ["", "vpc-", "vpc-0a1b2c3", "vpc-0A1B2C3D", "subnet-0a1b2c3d", "vpc-0a1b2c3g", "0a1b2c3d"]
        {
            assert!(text.parse::<VpcId>().is_err(), "{text:?}");
        }
        assert!("subnet-0a1b2c3d".parse::<SubnetId>().is_ok());
    }

    #[test]
    fn zone_id_is_neither_a_zone_name_nor_a_local_zone() {
        for text in ["use1-az1", "usgw1-az3", "apne1-az4", "cnn1-az1"] {
            assert_eq!(text.parse::<ZoneId>().unwrap().to_string(), text);
        }
        for text in ["us-east-1a", "use1-bos1-az1", "use1-az", "use1-az123", "USE1-az1", "1-az1"] {
            assert!(text.parse::<ZoneId>().is_err(), "{text:?}");
        }
        assert_eq!("use1-az4".parse::<ZoneId>().unwrap().region(), "use1");
    }

    #[test]
    fn error_has_an_example_to_copy() {
        assert_eq!(
            "us-east-1a".parse::<ZoneId>().unwrap_err().to_string(),
            "\"us-east-1a\" is not the id of an availability zone; write one such as use1-az4, not a name such as us-east-1a"
        );
    }
}
