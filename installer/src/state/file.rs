//! Reads files of the state folder, and names the remedies for those that cannot be used.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The largest file that is read, in bytes. A remembered profile has at most 16 MiB, and six times as much as JSON.
const LARGEST: u64 = 128 << 20;

/// Reads `path`; `None` if it is absent.
pub fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(bytes))
}

/// Returns the remedy for a file or folder at `path` in the state folder that cannot be read or written.
pub fn remedy(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::IsADirectory => {
            format!("{path} is a folder where devplat keeps a file: move it away, then run the same command")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => format!(
            "a file is where devplat keeps a folder, at {path} or above it: move it away, or name another folder in \
             DEVPLAT_STATE_DIR"
        ),
        io::ErrorKind::FileTooLarge => {
            format!("{path} is too large to be devplat's: move it away, then run the same command")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space there, or name another folder in DEVPLAT_STATE_DIR".to_owned()
        }
        _ => "make it readable and writable for this account, or name another folder in DEVPLAT_STATE_DIR"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use devplat_image::{Access, replace_file};

    use super::*;

    #[test]
    fn folder_in_place_of_a_file_is_named_in_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::create_dir(&path).unwrap();
        let error = read_file(&path).unwrap_err();
        let said = remedy(&path, &error);
        assert!(said.starts_with(&format!("{} is a folder ", path.display())), "{said}");
        let error = replace_file(&path, Access::Private, b"x").unwrap_err();
        assert_eq!(remedy(&path, &error), said);
    }

    #[test]
    fn file_in_place_of_a_folder_is_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("devplat");
        std::fs::write(&file, "").unwrap();
        for error in [
            read_file(&file.join("kubeconfig")).unwrap_err(),
            std::fs::DirBuilder::new().recursive(true).create(&file).unwrap_err(),
            std::fs::DirBuilder::new().recursive(true).create(file.join("below")).unwrap_err(),
        ] {
            let said = remedy(&file, &error);
            assert!(said.starts_with("a file is where devplat keeps a folder"), "{error}: {said}");
        }
    }

    #[test]
    fn file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions.json");
        // Without blocks on the disk.
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        let error = read_file(&path).unwrap_err();
        let said = remedy(&path, &error);
        assert!(
            said.ends_with("is too large to be devplat's: move it away, then run the same command"),
            "{said}"
        );
    }

    #[test]
    fn unreadable_file_is_made_readable() {
        let said = remedy(Path::new("x"), &io::ErrorKind::PermissionDenied.into());
        assert!(said.starts_with("make it readable and writable for this account"), "{said}");
    }
}
