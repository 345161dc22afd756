//! The state folder: devplat's files about a platform on this machine. All of it can be lost, because devplat finds the
//! resources by their marks.

mod decisions;
mod error;
mod file;
mod known;
mod lock;
mod remains;
mod store;

pub use decisions::{Decisions, DecisionsDamage, Location, RememberedDelivery, RememberedFile};
pub use error::StateError;
pub use file::{read_file, remedy};
pub use known::KnownFolder;
pub use lock::{EngineLock, Lock, LockError, LockHolder};
pub use store::StoreError;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use devplat_image::{Access, replace_file};
use devplat_profile::PlatformName;
use devplat_tool::owner::other_owner;

use decisions::{Unread, VERSION};

/// The name of the file with the decisions.
pub const DECISIONS_FILE: &str = "decisions.json";
/// The name of the folder with the generated keys of users and what `ssh` needs.
pub const SSH_FOLDER: &str = "ssh";

/// The state folder of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    folder: PathBuf,
    platform: PlatformName,
}

impl StateFolder {
    /// Returns the folder of `platform` below `base`.
    pub fn below(base: &Path, platform: &PlatformName) -> Self {
        Self { folder: base.join(platform.as_str()), platform: platform.clone() }
    }

    /// Returns the name of the platform.
    pub fn platform(&self) -> PlatformName {
        self.platform.clone()
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
        self.folder.join(SSH_FOLDER).join(format!("{user}.key"))
    }

    /// Returns the public half of a user's generated key.
    pub fn user_public_key(&self, user: &str) -> PathBuf {
        self.user_key(user).with_extension("pub")
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Returns whether the journal is gone although a run has written its decisions.
    pub fn has_lost_journal(&self) -> bool {
        self.decisions_file().exists() && !self.journal().exists()
    }

    fn decisions_file(&self) -> PathBuf {
        self.folder.join(DECISIONS_FILE)
    }

    /// Returns a folder for files that programs such as k3d always write.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("tools")
    }

    /// Returns the kubeconfig that programs such as k3d use in place of the user's.
    pub fn scratch_kubeconfig(&self) -> PathBuf {
        self.scratch().join("kubeconfig")
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
        self.make_folder(&self.folder.join(SSH_FOLDER))
    }

    /// Creates the folder for files of programs, accessible only for its user.
    pub fn make_scratch(&self) -> Result<(), StateError> {
        self.make_folder(&self.scratch())
    }

    /// Folders above devplat's own, such as `~/.local`, belong to other programs as well and get the usual mode.
    fn make_folder(&self, folder: &Path) -> Result<(), StateError> {
        let above = self.base().parent().map_or(Ok(()), fs::create_dir_all);
        let made = above.and_then(|()| fs::DirBuilder::new().recursive(true).mode(0o700).create(folder));
        made.map_err(|source| self.file_error("make", folder, source))
    }

    /// Returns the folder with the state folders of all platforms.
    fn base(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Whether the folder with the state folders of all platforms exists.
    pub fn has_base(&self) -> bool {
        self.base().exists()
    }

    /// Locks the platform against other runs of this account. A run with nothing to do writes nothing.
    pub fn lock(&self) -> Result<Lock, StateError> {
        let path = self.lock_file();
        let mut tries = 0..3;
        loop {
            self.make()?;
            match Lock::acquire(&path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(holder)) => return Err(StateError::Held(holder)),
                // A run that ended meanwhile has deleted the folder.
                Err(LockError::Io(source))
                    if source.kind() == io::ErrorKind::NotFound && tries.next().is_some() => {}
                Err(LockError::Io(source)) => return Err(self.file_error("lock", &path, source)),
            }
        }
    }

    /// Returns the process that holds the lock, without taking the lock; `None` if no visible process holds it.
    pub fn holder(&self) -> Option<LockHolder> {
        Lock::holder(&self.lock_file())
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// Reads the decisions; empty ones if the file is absent.
    pub fn decisions(&self) -> Result<Decisions, StateError> {
        let path = self.decisions_file();
        let text = read_file(&path).map_err(|source| self.file_error("read", &path, source))?;
        let Some(text) = text else { return Ok(Decisions::default()) };
        Decisions::parse(&text).map_err(|unread| match unread {
            Unread::OtherVersion(found) => StateError::OtherVersion { path, found, known: VERSION },
            Unread::Damaged(source) => StateError::Damaged { path, source },
        })
    }

    /// Writes the decisions, if they differ from those in the file.
    pub fn remember(&self, decisions: &Decisions) -> Result<(), StateError> {
        let path = self.decisions_file();
        let text = decisions.text();
        let before = read_file(&path).map_err(|source| self.file_error("read", &path, source))?;
        if before.is_some_and(|before| before == text) {
            return Ok(());
        }
        self.make()?;
        let replaced = replace_file(&path, Access::Private, &text);
        replaced.map_err(|source| self.file_error("write", &path, source))
    }

    /// Reads a file of the folder; `None` if it is absent.
    pub fn read(&self, path: &Path) -> Result<Option<String>, StateError> {
        let bytes = read_file(path).map_err(|source| self.file_error("read", path, source))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces a file of the folder, readable only for its user.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), StateError> {
        let replaced = replace_file(path, Access::Private, text.as_bytes());
        replaced.map_err(|source| self.file_error("write", path, source))
    }

    /// Deletes a file of the folder. An absent file is not an error.
    pub fn delete(&self, path: &Path) -> Result<(), StateError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.file_error("delete", path, error))
            }
            _ => Ok(()),
        }
    }

    /// Returns the names of the users with a file at [`StateFolder::user_key`], in order.
    pub fn users_with_keys(&self) -> Result<Vec<String>, StateError> {
        let folder = self.folder.join(SSH_FOLDER);
        let failed = |source| self.file_error("read", &folder, source);
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
    fn file_error(&self, verb: &'static str, path: &Path, source: io::Error) -> StateError {
        if source.kind() == io::ErrorKind::PermissionDenied
            && let Some((path, owner)) = other_owner(path, self.base())
        {
            return StateError::OtherOwner { path, owner };
        }
        StateError::Io { verb, path: path.to_owned(), source }
    }
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
    fn only_a_folder_with_decisions_can_have_lost_its_journal() {
        let (_base, state) = folder();
        let _lock = state.lock().unwrap();
        assert!(!state.has_lost_journal(), "a run that was killed before its first step");
        state.remember(&Decisions::default()).unwrap();
        assert!(state.has_lost_journal());
        fs::write(state.journal(), "").unwrap();
        assert!(!state.has_lost_journal());
    }

    #[test]
    fn decisions_that_cannot_be_read_are_errors_that_name_the_file() {
        let (_base, state) = folder();
        state.make().unwrap();
        for (text, why, source) in [
            ("{", "is damaged", Some("it is not JSON from line 1, column 1")),
            ("null", "is damaged", Some("it is not a JSON object")),
            (r#"{"version": 99}"#, "has version 99; this devplat reads version 1", None),
        ] {
            fs::write(state.folder.join("decisions.json"), text).unwrap();
            let error = state.decisions().unwrap_err();
            assert!(error.to_string().ends_with(&format!("decisions.json {why}")), "{text}: {error}");
            let said = std::error::Error::source(&error).map(ToString::to_string);
            assert_eq!(said.as_deref(), source, "{text}");
            let hints = error.hints().join("\n");
            assert!(hints.contains("decisions.json away") && hints.contains("forgets"), "{text}: {hints}");
        }
    }

    #[test]
    fn folder_in_place_of_a_file_is_named_in_the_hint() {
        let (_base, state) = folder();
        fs::create_dir_all(state.kubeconfig()).unwrap();
        let error = state.read(&state.kubeconfig()).unwrap_err();
        let path = state.kubeconfig();
        assert!(error.hints()[0].starts_with(&format!("{} is a folder ", path.display())), "{error:?}");
    }

    #[test]
    fn holder_of_the_lock_is_found_without_taking_it() {
        let (_base, state) = folder();
        assert_eq!(state.holder(), None);
        assert!(!state.exists(), "a look creates nothing");
        let _lock = state.lock().unwrap();
        let holder = state.holder().unwrap().to_string();
        assert!(holder.starts_with(&format!("process {}, `", std::process::id())), "{holder}");
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
}
