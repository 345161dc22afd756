//! Partitions, regions and availability zones.

/// A partition of AWS, whose accounts and names are apart from those of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// `aws`, which most accounts are in.
    Aws,
    /// `aws-cn`.
    China,
    /// `aws-us-gov`.
    UsGov,
}

impl Partition {
    /// Returns its name in ARNs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
        }
    }

    /// Returns the end of the names of its hosts.
    pub(crate) fn domain(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
        }
    }
}

/// A region.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) partition: Partition,
    /// Whether an account has to switch it on.
    pub(crate) opt_in: bool,
    /// The letter of each zone in its name, and its id.
    pub(crate) zones: &'static [(char, &'static str)],
}

/// The regions that the fake knows. AWS shuffles the names of zones in each account; here every account has these.
pub(crate) const PLACES: &[Place] = &[
    Place {
        name: "us-east-1",
        partition: Partition::Aws,
        opt_in: false,
        zones: &[
            ('a', "use1-az4"),
            ('b', "use1-az6"),
            ('c', "use1-az1"),
            ('d', "use1-az2"),
            ('e', "use1-az3"),
            ('f', "use1-az5"),
        ],
    },
    Place {
        name: "us-west-2",
        partition: Partition::Aws,
        opt_in: false,
        zones: &[('a', "usw2-az1"), ('b', "usw2-az2"), ('c', "usw2-az3"), ('d', "usw2-az4")],
    },
    Place {
        name: "eu-central-1",
        partition: Partition::Aws,
        opt_in: false,
        zones: &[('a', "euc1-az2"), ('b', "euc1-az3"), ('c', "euc1-az1")],
    },
    Place {
        name: "ap-east-1",
        partition: Partition::Aws,
        opt_in: true,
        zones: &[('a', "ape1-az1"), ('b', "ape1-az2"), ('c', "ape1-az3")],
    },
    Place {
        name: "cn-north-1",
        partition: Partition::China,
        opt_in: false,
        zones: &[('a', "cnn1-az1"), ('b', "cnn1-az2"), ('d', "cnn1-az4")],
    },
    Place {
        name: "us-gov-west-1",
        partition: Partition::UsGov,
        opt_in: false,
        zones: &[('a', "usgw1-az1"), ('b', "usgw1-az2"), ('c', "usgw1-az3")],
    },
];

impl Place {
    /// Returns the region of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Place> {
        PLACES.iter().find(|place| place.name == name)
    }

    /// Returns the name and the id of the zone with this name or id.
    pub(crate) fn zone(&self, text: &str) -> Option<(String, &'static str)> {
        self.zones().find(|(name, id)| name == text || *id == text)
    }

    /// Returns the name and the id of each zone.
    pub(crate) fn zones(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.zones.iter().map(|(letter, id)| (format!("{}{letter}", self.name), *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_found_by_name_and_by_id() {
        let place = Place::named("us-east-1").unwrap();
        let zone = Some(("us-east-1e".to_owned(), "use1-az3"));
        assert_eq!(place.zone("us-east-1e"), zone);
        assert_eq!(place.zone("use1-az3"), zone);
        assert_eq!(place.zone("us-west-2a"), None);
    }

    #[test]
    fn every_partition_has_a_region() {
        for partition in [Partition::Aws, Partition::China, Partition::UsGov] {
            assert!(PLACES.iter().any(|place| place.partition == partition), "{}", partition.name());
        }
    }
}
