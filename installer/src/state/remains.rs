//! The remains of a run in the state folder, and their deletion.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{DecisionsDamage, StateError, StateFolder};

impl StateFolder {
    /// Deletes the folder with everything in it.
    pub fn remove(&self) -> Result<(), StateError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.file_error("delete", &self.folder, error))
            }
            _ => Ok(()),
        }
    }

    /// Deletes the folder with the state folders of all platforms if it is empty.
    pub fn remove_empty_base(&self) {
        // A failed deletion, of one that is not empty, is not an error of this run.
        let _ = fs::remove_dir(self.base());
    }

    /// Whether the folder exists and holds only the lock: a run that did not get to its first step left it.
    pub fn is_unused(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lock"))
        })
    }

    /// Returns the file with the decisions and its damage, if it is damaged.
    pub fn damaged_decisions(&self) -> Option<(PathBuf, DecisionsDamage)> {
        match self.decisions() {
            Err(StateError::Damaged { path, source }) => Some((path, source)),
            Ok(_)
            | Err(
                StateError::Io { .. }
                | StateError::OtherOwner { .. }
                | StateError::OtherVersion { .. }
                | StateError::Held(_),
            ) => None,
        }
    }

    /// Moves a damaged file of the folder aside, in the place of an earlier one.
    pub fn set_aside(&self, path: &Path) -> Result<(), StateError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".damaged");
        let moved = fs::rename(path, path.with_file_name(name));
        moved.map_err(|source| self.file_error("rename", path, source))
    }

    /// Deletes the folder if it holds only the lock.
    pub fn remove_if_unused(&self) {
        if self.is_unused() {
            // A failed deletion is not an error of this run.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use devplat_profile::PlatformName;

    use super::{super::Decisions, *};

    #[test]
    fn folder_with_only_a_lock_is_unused() {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::below(base.path(), &PlatformName::default());
        assert!(!state.is_unused(), "it is absent");
        let _lock = state.lock().unwrap();
        assert!(state.is_unused());
        state.remember(&Decisions::default()).unwrap();
        assert!(!state.is_unused());
        state.set_aside(&state.decisions_file()).unwrap();
        let aside = state.path().join("decisions.json.damaged");
        assert!(aside.exists() && !state.decisions_file().exists());
        assert!(!state.is_unused());
        fs::remove_file(aside).unwrap();
        state.remove_if_unused();
        assert!(!state.exists());
    }
}
