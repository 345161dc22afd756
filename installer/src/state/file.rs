//! Atomic replacement of files.

use std::{
    io::{self, Write},
    path::Path,
};

/// Writes `bytes` to a file beside `path`, readable only for its user, and renames it. Readers of `path` get either the
/// old or the new content, even if this run is killed.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(io::Error::from).map(|_| ())
}

/// Reads `path`; `None` if it is absent.
pub fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
