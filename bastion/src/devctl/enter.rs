//! Between the runner and devctl: makes a session of its own and takes the terminal, then becomes devctl. A process of
//! its own, since between fork and exec nothing safe can be done.

use std::{ffi::OsString, io, os::unix::process::CommandExt, path::PathBuf};

use clap::Args;
use rustix::{
    process::{ioctl_tiocsctty, setsid},
    stdio::stdin,
};

use super::runner::command;

/// What to become.
#[derive(Debug, Clone, Args)]
pub struct Enter {
    /// Standard input is a terminal to be taken
    #[arg(long)]
    terminal: bool,
    /// The program
    program: PathBuf,
    /// Its arguments
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Becomes it; returns only where that is not possible.
pub fn enter(enter: &Enter) -> io::Error {
    let prepared = || -> io::Result<()> {
        setsid()?;
        if enter.terminal {
            ioctl_tiocsctty(stdin())?;
        }
        Ok(())
    };
    match prepared() {
        Ok(()) => command(&enter.program).args(&enter.arguments).exec(),
        Err(error) => error,
    }
}
