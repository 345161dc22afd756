//! A copy of devplat and its programs, whose operator can be changed.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

use anyhow::Result;
use devplat_tests::{
    call::Call,
    platform::{PROGRAMS, Platform},
};

/// A folder with the programs. devplat takes the programs for the cluster from its own folder.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Copies the programs into the home folder of the platform's user.
    pub(super) fn copy(platform: &Platform) -> Result<Self> {
        let folder = platform.home().join("programs");
        fs::create_dir_all(&folder)?;
        for program in PROGRAMS {
            fs::copy(platform.program(program), folder.join(program))?;
        }
        Ok(Self { folder })
    }

    /// Returns a call of the copied devplat.
    pub(super) fn devplat(&self, platform: &Platform, args: &[&str]) -> Result<Call> {
        Ok(platform.call(self.folder.join("devplat"))?.args(args.iter().copied()))
    }

    /// Changes the operator's file but not its behaviour: the kernel ignores bytes after the last segment.
    pub(super) fn change_operator(&self) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.folder.join("devplat-operator"))?;
        Ok(file.write_all(b"\nchanged\n")?)
    }
}
