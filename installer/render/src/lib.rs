//! Renders profiles to manifests, from templates that are shipped with devplat and that a folder of the user's can
//! override. This crate does no I/O; its callers read files and talk to clusters.

mod data;
mod error;
mod objects;
mod release;
mod templates;
#[cfg(test)]
mod tests;

pub use data::{ImageReferences, TemplateInput};
pub use error::Error;
pub use objects::{PLATFORM_LABEL, digest, to_yaml};
pub use release::ReleaseName;
pub use templates::Templates;
