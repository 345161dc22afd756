//! Container images put together by devplat itself, byte for byte the same from the same input, and kept in a
//! content-addressed store. It never starts a process, never asks a network and never reads the environment.

mod archive;
pub mod base;
mod hash;
mod key;
mod layer;
mod name;
mod store;

pub use archive::write_archive;
pub use hash::Digest;
pub use key::Key;
pub use name::{ImageName, Reference};
pub use store::{Blob, Error, Store, Stored};
