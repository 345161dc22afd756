//! Mistakes in templates.

/// The reason why templates do not render.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A file in the folder of overrides whose name is not the name of a template.
    #[error("{name} overrides no template")]
    UnknownTemplate {
        /// The file, below the folder.
        name: String,
        /// The template that was probably meant, if any.
        nearest: Option<String>,
    },
    /// A template that does not follow the syntax of handlebars.
    #[error("template {template}:{line}: {what}")]
    Syntax {
        template: String,
        /// Counted from 1.
        line: usize,
        /// The problem.
        what: String,
    },
    /// A template that uses an unknown name.
    #[error("template {template}:{line}: unknown name {name:?}")]
    Unknown {
        template: String,
        /// Counted from 1.
        line: usize,
        name: String,
        /// The name that was probably meant, if any.
        nearest: Option<String>,
    },
    /// A template that fails to render for another reason.
    #[error("template {template}:{line}: {what}")]
    Render {
        template: String,
        /// Counted from 1.
        line: usize,
        /// The problem.
        what: String,
    },
    /// A rendered text that is not a Kubernetes object.
    #[error("template {template} does not render to a Kubernetes object: {what}")]
    NoObject {
        template: String,
        /// The problem.
        what: String,
    },
}

impl Error {
    /// Returns the remedy, if one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTemplate { nearest, .. } | Self::Unknown { nearest, .. } => {
                nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"))
            }
            Self::Syntax { .. } | Self::Render { .. } | Self::NoObject { .. } => None,
        }
    }
}
