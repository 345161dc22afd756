//! `devplat`: turns a machine or a cluster into a place where developers get machines, and takes it all away
//! again. See ARCHITECTURE.md for the way through these modules.

pub mod apply;
pub mod check;
pub mod cli;
pub mod failure;
pub mod observe;
pub mod plan;
pub mod process;
pub mod programs;
pub mod resource;
pub mod state;
pub mod tool;
pub mod ui;
pub mod world;
