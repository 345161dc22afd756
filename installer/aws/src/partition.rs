//! Partitions: parts of AWS with accounts, regions and host names of their own. This is the only table of them.

use std::fmt;

use serde::Serialize;

use crate::Region;

/// A partition, by the name that ARNs contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Partition(String);

/// The known partitions: the name, how the names of its regions begin, and a region that every account has.
const KNOWN: &[(&str, &str, &str)] = &[
    ("aws-cn", "cn-", "cn-north-1"),
    ("aws-us-gov", "us-gov-", "us-gov-west-1"),
    ("aws-iso", "us-iso-", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-", "us-isob-east-1"),
    ("aws-iso-e", "eu-isoe-", "eu-isoe-west-1"),
    ("aws-iso-f", "us-isof-", "us-isof-south-1"),
    ("aws-eusc", "eusc-", "eusc-de-east-1"),
    // All other regions.
    ("aws", "", "us-east-1"),
];

impl Partition {
    /// Returns the partition of this name; `None` for a text that is not such a name. AWS may add partitions.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let valid = name.split('-').next() == Some("aws")
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        valid.then(|| Self(name.to_owned()))
    }

    /// Returns the name, as in ARNs.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns a region of the same partition that every account has switched on.
pub(crate) fn first_region(region: &Region) -> Region {
    let of = KNOWN.iter().find(|(_, beginning, _)| region.as_str().starts_with(beginning));
    Region::known(of.map_or("us-east-1", |(_, _, first)| first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_has_a_first_region_in_its_partition() {
        for (region, first) in [
            ("eu-central-1", "us-east-1"),
            ("cn-northwest-1", "cn-north-1"),
            ("us-gov-east-1", "us-gov-west-1"),
            ("us-isob-east-1", "us-isob-east-1"),
            ("eusc-de-east-1", "eusc-de-east-1"),
        ] {
            assert_eq!(first_region(&Region::known(region)), Region::known(first));
        }
    }

    #[test]
    fn partitions_of_the_future_have_names_too() {
        assert_eq!(Partition::named("aws-new-1").unwrap().name(), "aws-new-1");
        assert_eq!(Partition::named("azure"), None);
        assert_eq!(Partition::named(""), None);
    }
}
