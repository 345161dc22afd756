//! Fixtures: a real API server and real clusters on this machine, for as long as a test program is running. A missing
//! program fails a test with its name; no test is skipped.

pub mod audit;
pub mod bare;
pub mod binaries;
pub mod call;
pub mod control_plane;
pub mod folder;
pub mod gate;
pub mod platform;
pub mod port;
pub mod process;
pub mod waiting;
