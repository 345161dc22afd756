//! devctl for a person at the front door. It runs in another container, without anything of the bastion's within reach;
//! over a socket the bastion hands it a terminal or pipes, and a token of the user's own that is good for minutes.

mod channel;
mod descriptors;
mod enter;
mod handover;
mod input;
mod protocol;
pub mod runner;
mod start;
mod terminal;
mod token;

use std::path::PathBuf;

pub use enter::{Enter, enter};
pub use runner::Runner;
pub use token::Tokens;

pub(crate) use channel::run;

/// How to run devctl.
#[derive(Debug)]
pub struct Devctl {
    /// Socket of the runner.
    pub runner: PathBuf,
    /// URL of the API server.
    pub server: String,
    /// Certificate of its authority, where the runner sees it.
    pub ca_file: PathBuf,
    /// What users reach the bastion by, as `NAME` or `NAME:PORT`, where it was told.
    pub host: Option<String>,
    /// Name of the platform.
    pub platform: Option<String>,
    /// Tokens of users.
    pub tokens: Tokens,
}
