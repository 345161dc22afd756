//! Atomic replacement of files, for this crate and the crates above it.

use std::{
    fs::{File, Metadata},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// The owner and the mode of a file to write.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// Only the account of this run may read and write it.
    Private,
    /// The owner, group and mode of the file that it replaces.
    Of(&'a Metadata),
}

/// Writes `bytes` to a file beside `path` and renames it. Readers of `path` get either the old or the new content, even if
/// this run is killed or the power fails.
pub fn replace_file(path: &Path, access: Access<'_>, bytes: &[u8]) -> io::Result<()> {
    replace_in(path.parent().unwrap_or(path), access, |file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok((path.to_owned(), ()))
    })
}

/// Replaces a file whose path `write` returns, because it may depend on the content. The file is first in `folder`,
/// which must be on the same file system. `write` decides whether to wait for the disk.
pub(crate) fn replace_in<T>(
    folder: &Path,
    access: Access<'_>,
    write: impl FnOnce(&mut File) -> io::Result<(PathBuf, T)>,
) -> io::Result<T> {
    let mut file = NamedTempFile::new_in(folder)?;
    match access {
        // The mode of every temporary file.
        Access::Private => {}
        Access::Of(before) => take_over(file.as_file(), before)?,
    }
    let (path, value) = write(file.as_file_mut())?;
    file.persist(path)?;
    Ok(value)
}

/// Gives a new file the owner, group and mode of the file that it replaces.
fn take_over(file: &File, before: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (before.uid(), before.gid()) {
        fchown(file, Some(before.uid()), Some(before.gid())).map_err(|error| {
            io::Error::new(error.kind(), format!("its owner and group cannot be kept: {error}"))
        })?;
    }
    file.set_permissions(before.permissions())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn file_has_the_requested_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace_file(&path, Access::Private, b"one").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"one"[..], 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let before = fs::metadata(&path).unwrap();
        replace_file(&path, Access::Of(&before), b"two").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"two"[..], 0o644));
        replace_file(&path, Access::Private, b"three").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"three"[..], 0o600));
    }

    #[test]
    fn failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace_file(&path, Access::Private, b"old").unwrap();
        let failed = replace_in(folder.path(), Access::Private, |file| {
            file.write_all(b"half")?;
            Err::<(PathBuf, ()), _>(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }
}
