//! The sets of objects that are applied together.

use std::fmt;

/// A set of objects that are applied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseName {
    /// The kinds of objects that developers and administrators make.
    Crds,
    /// The operator and its rights.
    Operator,
    /// The sizes of dev servers.
    Flavors,
}

impl ReleaseName {
    /// Every one, in an order in which they can be applied.
    pub const ALL: [Self; 3] = [Self::Crds, Self::Operator, Self::Flavors];

    /// As in the name of its inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crds => "crds",
            Self::Operator => "operator",
            Self::Flavors => "flavors",
        }
    }

    /// What has to be in the cluster first.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Crds => &[],
            Self::Operator | Self::Flavors => &[Self::Crds],
        }
    }

    /// The folders of templates that make it up.
    pub(crate) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Crds => &[],
            Self::Operator => &["operator/"],
            Self::Flavors => &["flavors/"],
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
