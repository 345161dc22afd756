//! Putting this program where the dev server's own container finds it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Why the program could not be put in its place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The running program cannot be read.
    #[error("cannot read this program")]
    Read(#[source] io::Error),
    /// The destination cannot be written.
    #[error("cannot write {}", dest.display())]
    Write {
        /// Where it was to go.
        dest: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Copies the running program to `dest`: beside it first, then moved there, so that no one starts half of it.
pub(crate) fn install(dest: &Path) -> Result<(), Error> {
    let program = fs::read("/proc/self/exe").map_err(Error::Read)?;
    let failed = |source| Error::Write { dest: dest.to_owned(), source };
    let mut beside = dest.as_os_str().to_owned();
    beside.push(".new");
    let put = fs::write(&beside, program)
        .and_then(|()| fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&beside, dest));
    if put.is_err() {
        // Half a program beside its place is of use to nobody.
        let _ = fs::remove_file(&beside);
    }
    put.map_err(failed)
}
