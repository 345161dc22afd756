//! Runs this machine's programs and container engine, and returns their answers as types. This crate does not depend on
//! profiles, plans and resources, does not read the environment (see [`Surroundings`]) and never prints. Each error
//! returns its remedy from `hint`.

#[cfg(feature = "checks")]
pub mod checks;
pub mod debian;
pub mod docker;
pub mod limits;
pub mod local;
pub mod minikube;
pub mod owner;
pub mod ports;
pub mod process;
pub mod registry;
pub mod rlimits;
pub mod scratch;
mod server_address;
mod surroundings;

pub use local::{k3d, kind};
pub use process::Command;
pub use surroundings::Surroundings;
