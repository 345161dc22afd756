//! A folder that is deleted with the test program, even if the program is killed.

use std::{
    path::{Path, PathBuf},
    process::{Child, ChildStdin},
};

use anyhow::{Context, Result};

use crate::process;

/// Deletes the folder. Processes that end at the same moment may still be writing, so it retries.
const SWEEP: &str =
    r#"cat >/dev/null; for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.2; done"#;

/// A new folder for files of one test program. It is deleted when dropped, or when the program ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Open while the folder is in use.
    needed: Option<ChildStdin>,
    sweeper: Child,
}

impl Folder {
    /// Creates a folder.
    pub fn new() -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("devplat-tests-")
            .tempdir()
            .context("cannot create a temporary folder")?
            .keep();
        let (sweeper, needed) = process::watchman(SWEEP, &[&path])?;
        Ok(Self { path, needed: Some(needed), sweeper })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.needed.take());
        // It fails only if the process has already ended.
        let _ = self.sweeper.wait();
    }
}
