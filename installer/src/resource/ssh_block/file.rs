//! The user's own ssh configuration on disk, often a link into a folder of dotfiles. Links stay, and a written file keeps
//! its mode, owner and group.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use devplat_image::{Access, replace_file};

use super::created::Created;
use crate::{
    failure::{Exit, Failure},
    state,
};

/// A user's file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct UserFile {
    path: PathBuf,
    /// The file at the end of the symbolic links at `path`.
    target: PathBuf,
    /// The content; `None` if the target does not exist.
    text: Option<Vec<u8>>,
}

impl UserFile {
    /// Reads the file at `path`, which may be absent.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let read = target(&path).and_then(|target| Ok((state::read_file(&target)?, target)));
        match read {
            Ok((text, target)) => Ok(Self { path, target, text }),
            Err(error) => Err(Failure::of(Exit::Missing, &error)
                .while_doing(format!("cannot read {}", path.display()))
                .hint("make it a file that your account can read")),
        }
    }

    /// Returns the path that it was opened by.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content; an absent file has none.
    pub(super) fn text(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default()
    }

    /// Returns the parts that a write creates; `None` if the file exists. Fails if the file is a link into a folder that
    /// does not exist.
    pub(super) fn absent(&self) -> Result<Option<Created>, Failure> {
        if self.text.is_some() {
            return Ok(None);
        }
        let folder = folder_of(&self.target);
        if folder.is_dir() {
            return Ok(Some(Created::File));
        }
        if self.target == self.path {
            return Ok(Some(Created::Folder));
        }
        let (path, folder) = (self.path.display(), folder.display());
        Err(Failure::new(Exit::Missing, format!("{path} is a link into {folder}, which is not a folder"))
            .hint(format!("create {folder}, or delete the link {path}")))
    }

    /// Replaces the content. Readers get either the old or the new content, even if this run is killed.
    pub(super) fn replace(&self, text: &[u8]) -> Result<(), Failure> {
        let created = self.absent()?;
        self.write(text, created).map_err(|error| self.file_error("write", &error))
    }

    fn write(&self, text: &[u8], created: Option<Created>) -> io::Result<()> {
        match created {
            // ssh rejects a configuration of another account, as after `sudo devplat`.
            None => replace_file(&self.target, Access::Of(&fs::metadata(&self.target)?), text),
            Some(Created::File) => replace_file(&self.target, Access::Private, text),
            Some(Created::Folder) => {
                fs::DirBuilder::new().mode(0o700).create(folder_of(&self.target))?;
                replace_file(&self.target, Access::Private, text)
            }
        }
    }

    /// Deletes the parts that devplat created. A folder with other files stays.
    pub(super) fn delete(&self, created: Created) -> Result<(), Failure> {
        fs::remove_file(&self.target).map_err(|error| self.file_error("delete", &error))?;
        match created {
            Created::File => {}
            // Fails if other files are in it. ssh writes its `known_hosts` there.
            Created::Folder => drop(fs::remove_dir(folder_of(&self.path))),
        }
        Ok(())
    }

    fn file_error(&self, verb: &str, error: &io::Error) -> Failure {
        Failure::of(Exit::Missing, error)
            .while_doing(format!("cannot {verb} {}", self.target.display()))
            .hint("make it writable, or use the file that the status of the platform names: ssh -F")
    }
}

/// The most symbolic links that Linux follows for one path.
const MOST_LINKS: usize = 40;

/// Follows the symbolic links at `path`, also to a file that does not exist.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(about) if about.is_symlink() => target = folder_of(&target).join(fs::read_link(&target)?),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other(format!("more than {MOST_LINKS} symbolic links")))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Returns a home folder with the folders `.ssh` and `dotfiles`, and the path of the configuration in it.
    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        for folder in [".ssh", "dotfiles"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let path = home.path().join(".ssh/config");
        (home, path)
    }

    #[test]
    fn file_behind_links_is_replaced_and_keeps_its_mode() {
        let (home, path) = home();
        let real = home.path().join("dotfiles/ssh");
        fs::write(&real, "Host a\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("ssh", home.path().join("dotfiles/link")).unwrap();
        symlink("../dotfiles/link", &path).unwrap();
        let file = UserFile::open(path.clone()).unwrap();
        assert_eq!((file.text(), file.absent().unwrap()), (&b"Host a\n"[..], None));
        file.replace(b"Host b\n").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert!(fs::symlink_metadata(home.path().join("dotfiles/link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "Host b\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn file_behind_a_dangling_link_is_created_and_deleted() {
        let (home, path) = home();
        let real = home.path().join("dotfiles/ssh");
        symlink("../dotfiles/ssh", &path).unwrap();
        let file = UserFile::open(path.clone()).unwrap();
        assert_eq!((file.text(), file.absent().unwrap()), (&b""[..], Some(Created::File)));
        file.replace(b"Host a\n").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "Host a\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        UserFile::open(path.clone()).unwrap().delete(Created::Folder).unwrap();
        assert!(!real.exists() && fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[test]
    fn link_into_an_absent_folder_is_rejected_by_name() {
        let (home, path) = home();
        symlink("../nowhere/ssh", &path).unwrap();
        let failure = UserFile::open(path.clone()).unwrap().replace(b"").unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        assert!(
            failure.message.contains("nowhere") && failure.hints[0].contains("delete the link"),
            "{failure:?}"
        );
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        fs::remove_file(&path).unwrap();
        symlink("config", &path).unwrap();
        let failure = UserFile::open(path).unwrap_err();
        assert!(failure.message.starts_with("cannot read ") && !failure.hints.is_empty(), "{failure:?}");
        drop(home);
    }

    #[test]
    fn folder_with_other_files_stays() {
        let home = tempfile::tempdir().unwrap();
        let (folder, path) = (home.path().join(".ssh"), home.path().join(".ssh/config"));
        let open = || UserFile::open(path.clone()).unwrap();
        assert_eq!(open().absent().unwrap(), Some(Created::Folder));
        for known_hosts in [false, true] {
            open().replace(b"Host a\n").unwrap();
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            if known_hosts {
                fs::write(folder.join("known_hosts"), "").unwrap();
            }
            open().delete(Created::Folder).unwrap();
            assert!(!path.exists());
            assert_eq!(folder.exists(), known_hosts);
        }
    }
}
