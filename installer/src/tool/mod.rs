//! The programs that devplat calls, each with what it says turned into types.

pub mod debian;
pub mod docker;
pub mod kind;
pub mod registry;
pub mod scratch;
