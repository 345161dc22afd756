//! The differences between a found resource and the wanted one, and the data that an update destroys.

use std::fmt;

/// One difference between a found resource and the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The difference.
    pub detail: Detail,
    /// How the difference can be removed.
    pub how: How,
    /// The data that is lost when the difference is removed.
    pub loses: Option<Loss>,
}

/// The field that differs, or a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// A field with both values.
    Field {
        /// The field, as the profile or the API names it.
        name: String,
        /// The value found; `None` if the field is not set.
        was: Option<String>,
        /// The value wanted; `None` if the field should not be set.
        wanted: Option<String>,
    },
    /// Anything else, as a sentence about the resource.
    Other(String),
}

/// How a difference can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By changing the resource.
    InPlace,
    /// By creating a second one, then deleting the first.
    NewFirst,
    /// By deleting it, then creating it again.
    OldFirst,
}

/// The data that an action destroys, in words for messages: "dev servers and homes in it".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss(pub String);

impl Change {
    /// A difference that an update removes.
    pub fn in_place(what: impl Into<String>) -> Self {
        Self { detail: Detail::Other(what.into()), how: How::InPlace, loses: None }
    }

    /// A difference that only a new resource in place of the old one removes, losing nothing.
    pub fn old_first(what: impl Into<String>) -> Self {
        Self { detail: Detail::Other(what.into()), how: How::OldFirst, loses: None }
    }

    /// The same change, which destroys `loss`.
    #[must_use]
    pub fn losing(self, loss: impl Into<String>) -> Self {
        Self { loses: Some(Loss(loss.into())), ..self }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Detail::Field { name, was: None, wanted: Some(wanted) } => {
                write!(f, "{name} is not set; the profile wants {wanted}")
            }
            Detail::Field { name, was: Some(was), wanted: None } => {
                write!(f, "{name} is {was}; the profile does not set it")
            }
            Detail::Field { name, was, wanted } => {
                let or_nothing = |value: &Option<String>| value.clone().unwrap_or_default();
                write!(f, "{name} is {}; the profile wants {}", or_nothing(was), or_nothing(wanted))
            }
            Detail::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Changes as one line.
pub(crate) fn joined(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
