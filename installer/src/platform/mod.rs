//! The input of a platform: profile, templates, images and keys. Kinds of resources derive their wanted resources from
//! it.

mod cache;
mod delivery;
mod inputs;
pub mod programs;
pub mod user_keys;

pub use cache::RenderCache;
pub use delivery::{
    ChosenDelivery, NodeImport, REGISTRY_PORT, local_registry_host, local_registry_name, maker,
};
pub use inputs::{DevImage, PlatformInputs, stand_ins};
