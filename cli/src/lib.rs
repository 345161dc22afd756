//! `devctl`: a developer's view of the platform, in the bastion and on a laptop.
//!
//! A verb (`cli/`) asks the API server (`cluster`), turns the answer into facts (`object/`) and those into text
//! (`view/`), which `terminal` prints.

pub mod cli;

mod cluster;
mod failure;
mod handover;
mod invocation;
mod object;
mod place;
mod process;
mod prompt;
mod settings;
mod terminal;
mod view;
