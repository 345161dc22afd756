//! A folder that goes with the test program, even where that is killed.

use std::{
    path::{Path, PathBuf},
    process::{Child, ChildStdin},
};

use anyhow::{Context, Result};

use crate::process;

/// What dies at the same moment may still be writing, so once is not always enough.
const SWEEP: &str =
    r#"cat >/dev/null; for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.2; done"#;

/// A new folder for files of one test program. It is removed when dropped, or when the program ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Open as long as the folder is needed.
    needed: Option<ChildStdin>,
    sweeper: Child,
}

impl Folder {
    /// Makes one.
    pub fn new() -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("devplat-tests-")
            .tempdir()
            .context("cannot make a temporary folder")?
            .keep();
        let (sweeper, needed) = process::watchman(SWEEP, &[&path])?;
        Ok(Self { path, needed: Some(needed), sweeper })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.needed.take());
        // It fails only where somebody else ended it.
        let _ = self.sweeper.wait();
    }
}
