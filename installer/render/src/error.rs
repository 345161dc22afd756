//! What can be wrong with a template.

/// Why there are no manifests.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A file in the override folder that overrides nothing.
    #[error("{name} overrides no template")]
    UnknownTemplate {
        /// The file, below the folder.
        name: String,
        /// The template that was probably meant.
        nearest: Option<String>,
    },
    /// A template that is no handlebars.
    #[error("template {template}:{line}: {what}")]
    Syntax {
        /// Which template.
        template: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A template that names what there is not.
    #[error("template {template}:{line}: there is no {name:?}")]
    Unknown {
        /// Which template.
        template: String,
        /// Counted from 1.
        line: usize,
        /// What it names.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A template that cannot be rendered for another reason.
    #[error("template {template}:{line}: {what}")]
    Render {
        /// Which template.
        template: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// What came out is no Kubernetes object.
    #[error("template {template} gives no Kubernetes object: {what}")]
    NoObject {
        /// Which template.
        template: String,
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTemplate { nearest, .. } | Self::Unknown { nearest, .. } => {
                nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"))
            }
            Self::Syntax { .. } | Self::Render { .. } | Self::NoObject { .. } => None,
        }
    }
}
