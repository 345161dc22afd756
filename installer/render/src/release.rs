//! Releases: sets of objects that are applied together.

use std::fmt;

/// A set of objects that are applied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseName {
    Crds,
    /// The operator and its RBAC objects.
    Operator,
    /// The SSH bastion.
    Bastion,
    Flavors,
    /// The users in the profile.
    Users,
}

impl ReleaseName {
    /// Every release, dependencies first.
    pub const ALL: [Self; 5] = [Self::Crds, Self::Operator, Self::Bastion, Self::Flavors, Self::Users];

    /// Returns the name, as in the release's inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crds => "crds",
            Self::Operator => "operator",
            Self::Bastion => "bastion",
            Self::Flavors => "flavors",
            Self::Users => "users",
        }
    }

    /// Returns the releases that have to be applied first.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Crds => &[],
            Self::Operator | Self::Flavors => &[Self::Crds],
            // The operator creates the keys of the bastion and the namespaces of users.
            Self::Bastion | Self::Users => &[Self::Operator],
        }
    }

    /// Returns the folders of its templates.
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
