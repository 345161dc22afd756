//! The files with the keys that the server starts with, and the reasons why it does not start.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Why SSH does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file is not there.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no key: {source}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: russh::keys::ssh_key::Error,
    },
    /// The port is taken.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Reads the file `name` in `dir`. Returns its path too.
pub(super) fn read(dir: &Path, name: &str) -> Result<(PathBuf, String), Error> {
    let path = dir.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(Error::Read { path, source }),
    }
}
