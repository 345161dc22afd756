//! Places where values of a profile are written.

use std::fmt;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of the user's.
    File {
        /// The name as the user wrote it.
        name: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A shipped profile. Its values are not the user's to change, so no mistake is reported here.
    Shipped {
        /// The name of the profile.
        profile: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// An environment variable of an earlier `up` that is not set now.
    RememberedVariable(String),
    /// The command line, such as `--set path=value`.
    Argument(String),
    /// A `path=value` that an earlier `up` was given with `--set`.
    RememberedSet(String),
}

impl Place {
    /// Returns a key that sorts places by layer and then by line and column.
    pub(crate) fn order(&self) -> (u8, usize, usize) {
        match self {
            Self::Shipped { profile: _, line, column } => (0, *line, *column),
            Self::File { name: _, line, column } => (1, *line, *column),
            Self::Variable(_) | Self::RememberedVariable(_) => (2, 0, 0),
            Self::RememberedSet(_) => (3, 0, 0),
            Self::Argument(_) => (4, 0, 0),
        }
    }

    /// Returns the name of the variable, set or remembered, that the value comes from.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) | Self::RememberedVariable(name) => Some(name),
            Self::File { .. } | Self::Shipped { .. } | Self::Argument(_) | Self::RememberedSet(_) => None,
        }
    }

    /// Returns whether the value comes from an earlier `up`.
    pub fn is_remembered(&self) -> bool {
        match self {
            Self::RememberedVariable(_) | Self::RememberedSet(_) => true,
            Self::File { .. } | Self::Shipped { .. } | Self::Variable(_) | Self::Argument(_) => false,
        }
    }

    pub(crate) fn is_shipped(&self) -> bool {
        match self {
            Self::Shipped { .. } => true,
            Self::File { .. }
            | Self::Variable(_)
            | Self::RememberedVariable(_)
            | Self::Argument(_)
            | Self::RememberedSet(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Shipped { profile, line, column } => write!(f, "profiles/{profile}.yaml:{line}:{column}"),
            Self::Variable(name) => write!(f, "${name}"),
            Self::RememberedVariable(name) => write!(f, "${name} (remembered from an earlier `devplat up`)"),
            Self::Argument(text) => f.write_str(text),
            Self::RememberedSet(set) => write!(f, "--set {set} (remembered from an earlier `devplat up`)"),
        }
    }
}
