//! Container images that devplat assembles itself. The same input gives the same bytes, and a content-addressed store
//! keeps them. This crate never starts a process, never uses the network and never reads the environment.

mod archive;
pub mod base;
mod file;
mod hash;
mod key;
mod layer;
mod name;
mod store;

pub use archive::{ArchiveError, write_archive, write_tagged_archive};
pub use file::{Access, replace_file};
pub use hash::Digest;
pub use key::Key;
pub use name::{ImageName, Reference};
pub use store::{Blob, Error, Finding, ImageDamage, Store, Stored};
