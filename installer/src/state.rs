//! The folder with what devplat remembers of a platform on this machine. All of it can be lost: what was made is
//! found by its marks of ownership.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use fs4::FileExt;
use serde::{Deserialize, Serialize};

use devplat_profile::PlatformName;

use crate::failure::{Exit, Failure};

/// The folder of one platform.
#[derive(Debug, Clone)]
pub struct StateFolder {
    folder: PathBuf,
}

/// What was decided when the platform was made, so that a later run decides the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Decisions {
    /// What `--profile` was, or what was detected in its place.
    pub profile: Option<String>,
    /// What `--set` said: `status` compares with what was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The context of the cluster, where somebody else made it.
    pub context: Option<String>,
    /// The reference that `devServers.image: auto` came to, or `debian`.
    pub dev_server_image: Option<String>,
}

/// Held while a command works on a platform; dropped, or with the process gone, the next may.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl StateFolder {
    /// The folder of `platform` below `$DEVPLAT_STATE_DIR`, or where this system keeps state.
    pub fn of(platform: &PlatformName) -> Result<Self, Failure> {
        let base = match std::env::var_os("DEVPLAT_STATE_DIR").filter(|value| !value.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => {
                let base = base_folders()?;
                base.state_dir().unwrap_or_else(|| base.data_dir()).join("devplat")
            }
        };
        Ok(Self::below(&base, platform))
    }

    /// The folder of `platform` below another.
    pub fn below(base: &Path, platform: &PlatformName) -> Self {
        Self { folder: base.join(platform.as_str()) }
    }

    /// The kubeconfig of the platform's cluster; devplat never touches the user's own.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The configuration that `ssh -F` takes.
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh/config")
    }

    /// What `ssh` trusts of the platform.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("ssh/known_hosts")
    }

    /// The private key of a user that was made here; its public half lies beside it, ending in `.pub`.
    pub fn user_key(&self, user: &str) -> PathBuf {
        self.folder.join("ssh").join(format!("{user}.key"))
    }

    /// Makes the folder of what `ssh` takes, for its user alone.
    pub fn make_ssh(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = self.folder.join("ssh");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| self.failed("make", &folder, &error))
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Makes the folder, for its user alone.
    pub fn make(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| self.failed("make", &self.folder, &error))
    }

    /// Takes the folder away with all that is in it.
    pub fn remove(&self) -> Result<(), Failure> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("delete", &self.folder, &error))
            }
            _ => Ok(()),
        }
    }

    /// Keeps every other devplat from working on this platform, or tells which one does. Who holds it stands in no file:
    /// a run with nothing to do writes nothing.
    pub fn lock(&self) -> Result<Lock, Failure> {
        self.make()?;
        let path = self.folder.join("lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| self.failed("open", &path, &error))?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(fs4::TryLockError::WouldBlock) => {
                let holder = holder(&file).unwrap_or_else(|| "another devplat".to_owned());
                return Err(Failure::new(Exit::Usage, format!("{holder} is working on this platform"))
                    .hint("wait until it is done, or name another platform with --name"));
            }
            Err(fs4::TryLockError::Error(error)) => return Err(self.failed("lock", &path, &error)),
        }
        Ok(Lock { _file: file })
    }

    /// What was decided before; nothing where that is not known any more.
    pub fn decisions(&self) -> Decisions {
        fs::read(self.folder.join("decisions.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Remembers what was decided.
    pub fn remember(&self, decisions: &Decisions) -> Result<(), Failure> {
        if self.decisions() == *decisions {
            return Ok(());
        }
        self.make()?;
        let path = self.folder.join("decisions.json");
        let text = serde_json::to_vec_pretty(decisions).expect("decisions are JSON");
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|mut file| {
            file.write_all(&text)?;
            file.persist(&path).map_err(io::Error::from).map(|_| ())
        });
        written.map_err(|error| self.failed("write", &path, &error))
    }

    /// Whether anything is remembered.
    pub fn exists(&self) -> bool {
        self.folder.join("decisions.json").exists() || self.kubeconfig().exists()
    }

    #[expect(clippy::unused_self, reason = "its failures are told in one way")]
    fn failed(&self, verb: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::of(Exit::Missing, error)
            .while_doing(format!("cannot {verb} {}", path.display()))
            .hint("name another folder in DEVPLAT_STATE_DIR")
    }
}

/// Where images and downloads are kept between runs.
pub fn cache_folder() -> Result<PathBuf, Failure> {
    match std::env::var_os("DEVPLAT_CACHE_DIR").filter(|value| !value.is_empty()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Ok(base_folders()?.cache_dir().join("devplat")),
    }
}

fn base_folders() -> Result<impl BaseStrategy, Failure> {
    etcetera::choose_base_strategy().map_err(|error| {
        Failure::of(Exit::Missing, &error).hint("set HOME, or DEVPLAT_STATE_DIR and DEVPLAT_CACHE_DIR")
    })
}

/// The process that holds the lock of `file`, as the kernel tells it; nothing where that is in another container.
fn holder(file: &File) -> Option<String> {
    let inode = format!(":{}", file.metadata().ok()?.ino());
    // Such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131090 0 EOF`.
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let process = locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, place, ..] = fields[..] else { return None };
        place.ends_with(&inode).then(|| process.to_owned())
    })?;
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let mut words = line.split_terminator('\0');
    let program = Path::new(words.next()?).file_name()?.to_string_lossy().into_owned();
    let command: Vec<&str> = std::iter::once(&*program).chain(words).collect();
    Some(format!("process {process}, `{}`,", command.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder { folder: base.path().join("a") };
        (base, state)
    }

    #[test]
    fn second_run_on_a_platform_is_told_of_the_first() {
        let (_base, state) = folder();
        let lock = state.lock().unwrap();
        let failure = state.lock().unwrap_err();
        assert_eq!(failure.exit.status(), 2);
        let message = failure.message;
        assert!(message.starts_with(&format!("process {}, `", std::process::id())), "{message}");
        assert!(message.ends_with("`, is working on this platform"), "{message}");
        drop(lock);
        state.lock().unwrap();
        assert_eq!(fs::read(state.folder.join("lock")).unwrap(), b"", "who holds it is written nowhere");
    }

    #[test]
    fn decisions_are_remembered_and_rubbish_is_none() {
        let (_base, state) = folder();
        let decisions = Decisions { profile: Some("kind".to_owned()), ..Decisions::default() };
        state.remember(&decisions).unwrap();
        assert_eq!(state.decisions(), decisions);
        fs::write(state.folder.join("decisions.json"), "{").unwrap();
        assert_eq!(state.decisions(), Decisions::default());
    }
}
