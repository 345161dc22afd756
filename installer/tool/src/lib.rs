//! This machine's programs and engines, and what they answer, as types. It knows nothing of profiles, plans and
//! resources, reads no environment (see [`Surroundings`]) and never prints; each error has its remedy in
//! `hint`.

#[cfg(feature = "checks")]
pub mod checks;
pub mod debian;
pub mod docker;
mod host;
pub mod limits;
pub mod local;
pub mod minikube;
pub mod ports;
pub mod process;
pub mod registry;
pub mod scratch;
mod surroundings;

pub use local::{k3d, kind};
pub use process::Command;
pub use surroundings::Surroundings;
