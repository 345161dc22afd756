//! What a platform is made from: the profile, templates, images, keys. Kinds of resources read it to say what is wanted.

mod delivery;
mod inputs;
pub mod programs;

pub use delivery::{Delivery, NodeImport, REGISTRY_PORT, local_registry_host, local_registry_name};
pub use inputs::{DevImage, PlatformInputs, stand_ins};
