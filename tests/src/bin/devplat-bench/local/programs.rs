//! A copy of devplat and its programs, in which the operator can be changed.

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

/// A folder with the programs. devplat takes those for the cluster from the folder that it lies in itself.
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

    /// A call of the copied devplat.
    pub(super) fn devplat(&self, platform: &Platform, args: &[&str]) -> Result<Call> {
        Ok(platform.call(self.folder.join("devplat"))?.args(args.iter().copied()))
    }

    /// Makes the operator another program that does the same: the kernel ignores bytes after the last segment.
    pub(super) fn change_operator(&self) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.folder.join("devplat-operator"))?;
        Ok(file.write_all(b"\nchanged\n")?)
    }
}
