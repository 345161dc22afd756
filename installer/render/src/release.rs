//! The sets of objects that are applied together.

use std::fmt;

/// A set of objects that are applied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseName {
    /// The kinds of objects that developers and administrators make.
    Crds,
    /// The operator and its rights.
    Operator,
    /// The way in over SSH.
    Bastion,
    /// The sizes of dev servers.
    Flavors,
    /// The developers that the profile names.
    Users,
}

impl ReleaseName {
    /// Every one, in an order in which they can be applied.
    pub const ALL: [Self; 5] = [Self::Crds, Self::Operator, Self::Bastion, Self::Flavors, Self::Users];

    /// As in the name of its inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crds => "crds",
            Self::Operator => "operator",
            Self::Bastion => "bastion",
            Self::Flavors => "flavors",
            Self::Users => "users",
        }
    }

    /// What has to be in the cluster first.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Crds => &[],
            Self::Operator | Self::Flavors => &[Self::Crds],
            // The operator makes what they rest on: keys of the bastion, namespaces of users.
            Self::Bastion | Self::Users => &[Self::Operator],
        }
    }

    /// The folders of templates that make it up.
    pub(crate) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Crds => &[],
            Self::Operator => &["operator/"],
            Self::Bastion => &["bastion/"],
            Self::Flavors => &["flavors/"],
            Self::Users => &["users/"],
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
