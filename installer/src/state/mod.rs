//! The state folder: devplat's files about a platform on this machine. All of it can be lost, because devplat finds the
//! resources by their marks.

mod decisions;
mod file;
mod lock;

pub use decisions::{Decisions, Location, RememberedDelivery, RememberedFile};
pub use file::{read_file, replace_file};
pub use lock::{EngineLock, Holder, Lock, LockError};

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use devplat_profile::PlatformName;

/// The state folder of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    folder: PathBuf,
}

/// The reason why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file in it cannot be read or written.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// The failed operation, such as `read`.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// It belongs to another account of this machine.
    #[error("{} belongs to {owner}", path.display())]
    OtherOwner {
        /// The file or folder.
        path: PathBuf,
        /// The account, by name if it has one.
        owner: String,
    },
    /// The decisions do not parse.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// Another run holds the lock.
    #[error("{0} is working on this platform")]
    Held(Holder),
}

impl StateError {
    /// Returns the remedy.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "make it writable, or name another folder in DEVPLAT_STATE_DIR".to_owned(),
            Self::OtherOwner { path, owner } => format!(
                "if devplat was run with sudo or by {owner}, take the folder over: `sudo chown -R \"$USER\" {}`",
                path.display()
            ),
            Self::Damaged { path, .. } => format!(
                "delete {} and name the profile again: devplat finds the created resources without it",
                path.display()
            ),
            Self::Held(_) => "wait until it is done, or name another platform with --name".to_owned(),
        }
    }
}

impl StateFolder {
    /// Returns the folder of `platform` below `base`.
    pub fn below(base: &Path, platform: &PlatformName) -> Self {
        Self { folder: base.join(platform.as_str()) }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the kubeconfig of a cluster that devplat created. devplat never changes the user's own.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The configuration for `ssh -F`.
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh/config")
    }

    /// The host keys that `ssh` trusts.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("ssh/known_hosts")
    }

    /// Returns the generated private key of a user.
    pub fn user_key(&self, user: &str) -> PathBuf {
        self.folder.join("ssh").join(format!("{user}.key"))
    }

    /// Returns the public half of a user's generated key.
    pub fn user_public_key(&self, user: &str) -> PathBuf {
        self.user_key(user).with_extension("pub")
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Returns a folder for files that programs such as k3d always write.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("tools")
    }

    /// Whether the folder exists.
    pub fn exists(&self) -> bool {
        self.folder.exists()
    }

    /// Creates the folder, accessible only for its user.
    pub fn make(&self) -> Result<(), StateError> {
        self.make_folder(&self.folder)
    }

    /// Creates the folder of ssh files, accessible only for its user.
    pub fn make_ssh(&self) -> Result<(), StateError> {
        self.make_folder(&self.folder.join("ssh"))
    }

    /// Creates the folder for files of programs, accessible only for its user.
    pub fn make_scratch(&self) -> Result<(), StateError> {
        self.make_folder(&self.scratch())
    }

    /// Folders above devplat's own, such as `~/.local`, belong to other programs as well and get the usual mode.
    fn make_folder(&self, folder: &Path) -> Result<(), StateError> {
        let above = self.base().parent().map_or(Ok(()), fs::create_dir_all);
        let made = above.and_then(|()| fs::DirBuilder::new().recursive(true).mode(0o700).create(folder));
        made.map_err(|source| self.failed("make", folder, source))
    }

    /// Returns the folder with the state folders of all platforms.
    fn base(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Deletes the folder with everything in it.
    pub fn remove(&self) -> Result<(), StateError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("delete", &self.folder, error))
            }
            _ => Ok(()),
        }
    }

    /// Deletes the folder if it holds only the lock.
    pub fn remove_if_unused(&self) {
        let only_lock = fs::read_dir(&self.folder).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lock"))
        });
        if only_lock {
            // A failed deletion is not an error of this run.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// Locks the platform against other runs of this account. A run with nothing to do writes nothing.
    pub fn lock(&self) -> Result<Lock, StateError> {
        self.make()?;
        let path = self.folder.join("lock");
        Lock::acquire(&path).map_err(|error| match error {
            LockError::Held(holder) => StateError::Held(holder),
            LockError::Io(source) => self.failed("lock", &path, source),
        })
    }

    /// Reads the decisions; empty ones if the file is absent.
    pub fn decisions(&self) -> Result<Decisions, StateError> {
        let path = self.folder.join("decisions.json");
        match read_file(&path).map_err(|source| self.failed("read", &path, source))? {
            None => Ok(Decisions::default()),
            Some(text) => {
                serde_json::from_slice(&text).map_err(|source| StateError::Damaged { path, source })
            }
        }
    }

    /// Writes the decisions, if they differ from those in the file.
    pub fn remember(&self, decisions: &Decisions) -> Result<(), StateError> {
        let path = self.folder.join("decisions.json");
        let text = serde_json::to_vec_pretty(decisions).expect("decisions are JSON");
        let before = read_file(&path).map_err(|source| self.failed("read", &path, source))?;
        if before.is_some_and(|before| before == text) {
            return Ok(());
        }
        self.make()?;
        replace_file(&path, &text).map_err(|source| self.failed("write", &path, source))
    }

    /// Reads a file of the folder; `None` if it is absent.
    pub fn read(&self, path: &Path) -> Result<Option<String>, StateError> {
        let bytes = read_file(path).map_err(|source| self.failed("read", path, source))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces a file of the folder, readable only for its user.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), StateError> {
        replace_file(path, text.as_bytes()).map_err(|source| self.failed("write", path, source))
    }

    /// Deletes a file of the folder. An absent file is not an error.
    pub fn delete(&self, path: &Path) -> Result<(), StateError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("delete", path, error)),
            _ => Ok(()),
        }
    }

    /// Returns the names of the users with a file at [`StateFolder::user_key`], in order.
    pub fn users_with_keys(&self) -> Result<Vec<String>, StateError> {
        let folder = self.folder.join("ssh");
        let failed = |source| self.failed("read", &folder, source);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut users = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let user = name.to_str().and_then(|name| name.strip_suffix(".key"));
            if let Some(user) = user
                && entry.file_type().map_err(failed)?.is_file()
            {
                users.push(user.to_owned());
            }
        }
        users.sort();
        Ok(users)
    }

    /// Returns the error; often another account has created the folder.
    fn failed(&self, verb: &'static str, path: &Path, source: io::Error) -> StateError {
        if source.kind() == io::ErrorKind::PermissionDenied
            && let Some((path, owner)) = other_owner(path, self.base())
        {
            return StateError::OtherOwner { path, owner };
        }
        StateError::Io { verb, path: path.to_owned(), source }
    }
}

/// Returns the topmost file or folder on the way to `path` that belongs to another account, and its name. If this account
/// owns no folder above it, only files and folders from `base` down count.
pub fn other_owner(path: &Path, base: &Path) -> Option<(PathBuf, String)> {
    let owner_of = |one: &Path| fs::symlink_metadata(one).ok().map(|about| about.uid());
    let own = rustix::process::geteuid().as_raw();
    let (path, owner) = foreign_part(path, base, own, owner_of)?;
    Some((path.to_owned(), account_name(owner)))
}

/// Goes from `path` up to the first folder of account `own`, which is usually the home folder. The owner of a file in an
/// unreadable folder is unknown.
fn foreign_part<'a>(
    path: &'a Path,
    base: &Path,
    own: u32,
    owner_of: impl Fn(&Path) -> Option<u32>,
) -> Option<(&'a Path, u32)> {
    let mut foreign = Vec::new();
    for one in path.ancestors() {
        match owner_of(one) {
            Some(owner) if owner == own => return foreign.pop(),
            Some(owner) => foreign.push((one, owner)),
            None => {}
        }
    }
    foreign.into_iter().rev().find(|(one, _)| one.starts_with(base))
}

/// Returns the name of an account of this machine, or its user ID if `/etc/passwd` does not name it.
pub fn account_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::below(base.path(), &PlatformName::default());
        (base, state)
    }

    #[test]
    fn decisions_are_remembered() {
        let (_base, state) = folder();
        assert_eq!(state.decisions().unwrap(), Decisions::default());
        let place =
            Location::Engine { id: "ABCD".to_owned(), endpoint: "unix:///run/docker.sock".to_owned() };
        let decisions =
            Decisions { profile: Some("kind".to_owned()), place: Some(place), ..Decisions::default() };
        state.remember(&decisions).unwrap();
        assert_eq!(state.decisions().unwrap(), decisions);
    }

    #[test]
    fn decisions_of_an_older_devplat_are_read() {
        let (_base, state) = folder();
        state.make().unwrap();
        fs::write(
            state.folder.join("decisions.json"),
            r#"{"profile": "kind", "context": null, "devServerImage": "debian"}"#,
        )
        .unwrap();
        let decisions = state.decisions().unwrap();
        assert_eq!(decisions.dev_server_image.as_deref(), Some("debian"));
        assert_eq!(decisions.place, None);
    }

    #[test]
    fn damaged_decisions_are_an_error_that_names_the_file() {
        let (_base, state) = folder();
        state.make().unwrap();
        fs::write(state.folder.join("decisions.json"), "{").unwrap();
        let error = state.decisions().unwrap_err();
        assert!(error.to_string().ends_with("decisions.json is damaged"), "{error}");
        assert!(error.hint().starts_with("delete "), "{}", error.hint());
    }

    #[test]
    fn only_folders_of_devplat_are_closed_for_other_accounts() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let usual = home.path().join("usual");
        fs::create_dir(&usual).unwrap();
        let base = home.path().join(".local/state/devplat");
        let state = StateFolder::below(&base, &PlatformName::default());
        state.make_ssh().unwrap();
        for above in [".local", ".local/state"] {
            assert_eq!(mode(&home.path().join(above)), mode(&usual), "{above}");
        }
        for own in [base.as_path(), state.path(), &state.path().join("ssh")] {
            assert_eq!(mode(own), 0o700, "{}", own.display());
        }
    }

    #[test]
    fn topmost_part_of_another_account_is_named() {
        const ADA: u32 = 1000;
        let base = Path::new("/home/ada/.local/state/devplat");
        let path = base.join("devplat/decisions.json");
        let found = |owners: &[(&str, u32)]| {
            let owner_of =
                |one: &Path| owners.iter().find(|(path, _)| Path::new(path) == one).map(|(_, owner)| *owner);
            foreign_part(&path, base, ADA, owner_of).map(|(part, owner)| (part.to_owned(), owner))
        };
        let of = |path: &str| Some((PathBuf::from(path), 0));
        let (root, home, local) = (("/", 0), ("/home/ada", ADA), "/home/ada/.local");
        // An unreadable folder hides the owners of the files below it.
        assert_eq!(found(&[root, ("/home", 0), home, (local, 0)]), of(local));
        let (state, devplat) = ("/home/ada/.local/state", "/home/ada/.local/state/devplat");
        let platform = "/home/ada/.local/state/devplat/devplat";
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, 0), (platform, 0)]), of(devplat));
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, ADA), (platform, 0)]), of(platform));
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, ADA), (platform, ADA)]), None);
        // A home folder of another account, as in a container.
        let all = [root, ("/home", 0), ("/home/ada", 0), (local, 0), (state, 0), (devplat, 0)];
        assert_eq!(found(&all), of(devplat));
        assert_eq!(found(&[root, ("/home", 0), ("/home/ada", 0)]), None);
    }

    #[test]
    fn accounts_in_the_password_file_are_named() {
        assert_eq!(account_name(0), "root");
        assert_eq!(account_name(4_000_000_000), "uid 4000000000");
    }
}
