//! Fixtures: a real API server on this machine, for as long as a test program runs, and what tests ask of it.
//! What is missing for it fails a test by name; nothing is skipped.

pub mod audit;
pub mod bare;
pub mod binaries;
pub mod call;
pub mod control_plane;
pub mod folder;
pub mod platform;
pub mod port;
pub mod process;
pub mod waiting;
