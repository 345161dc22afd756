//! The reasons why the state folder cannot be used, with their remedies.

use std::{
    io,
    path::{Path, PathBuf},
};

use devplat_tool::owner::take_over;

use super::{decisions::DecisionsDamage, file::remedy, lock::LockHolder};
use crate::command_line::quoted;

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
    /// The decisions cannot be read from their file.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: DecisionsDamage,
    },
    /// Another devplat wrote the decisions, in a format that this one does not know.
    #[error("{} has version {found}; this devplat reads version {known}", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that this devplat reads.
        known: u64,
    },
    /// Another run holds the lock.
    #[error("{0} is working on this platform")]
    Held(LockHolder),
}

impl StateError {
    /// Returns the remedies.
    pub fn hints(&self) -> Vec<String> {
        let without = |path: &Path| {
            format!(
                "move {} away and name --profile or --context again: devplat finds the created resources without it, \
                 and forgets values of --set and of variables, templates, and accounts that were taken over",
                quoted(&path.display().to_string())
            )
        };
        match self {
            Self::Io { path, source, verb: _ } => vec![remedy(path, source)],
            Self::OtherOwner { path, owner } => vec![format!(
                "if devplat was run with sudo or by {owner}, take the folder over: {}",
                take_over(path)
            )],
            Self::Damaged { path, source: _ } => vec![without(path)],
            Self::OtherVersion { path, found: _, known: _ } => {
                vec![
                    "use the devplat that wrote it, or a later one".to_owned(),
                    format!("or {}", without(path)),
                ]
            }
            Self::Held(_) => {
                vec!["wait until it is done, or name another platform with --name".to_owned()]
            }
        }
    }
}
