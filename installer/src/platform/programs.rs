//! devplat's own programs for the cluster, which are in the same folder as devplat.

use std::{
    path::{Path, PathBuf},
    thread::ScopedJoinHandle,
};

use devplat_image::{ImageName, Key};
use tokio::task::JoinHandle;

use crate::failure::{Exit, Failure};

/// The programs of one image, and its key.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The paths of the programs; the first one is the image's entrypoint.
    pub paths: Vec<PathBuf>,
    /// The key of the image.
    pub key: Key,
}

/// The programs of each image.
#[derive(Debug, Clone)]
pub struct AllPrograms {
    pub operator: Programs,
    /// The bastion, and devctl beside it.
    pub bastion: Programs,
    pub agent: Programs,
}

/// A search for the programs on other threads. It hashes some 60 MB, so a run begins it before its first question to
/// Docker or to a cluster.
pub struct Search(JoinHandle<Result<AllPrograms, Failure>>);

impl Search {
    /// Begins to search in `folder`. Must be called in a Tokio runtime.
    pub fn begin(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self(tokio::task::spawn_blocking(move || AllPrograms::find(&folder)))
    }

    /// Waits for its end, and returns the programs.
    pub async fn found(self) -> Result<AllPrograms, Failure> {
        self.0.await.map_err(|error| Failure::of(Exit::Internal, &error))?
    }
}

impl AllPrograms {
    /// Finds the programs in `folder`.
    pub fn find(folder: &Path) -> Result<Self, Failure> {
        std::thread::scope(|scope| {
            let operator = scope.spawn(|| programs(folder, ImageName::Operator, &["devplat-operator"]));
            let bastion =
                scope.spawn(|| programs(folder, ImageName::Bastion, &["devplat-bastion", "devctl"]));
            let agent = programs(folder, ImageName::Agent, &["devplat-agent"])?;
            let joined = |thread: ScopedJoinHandle<'_, Result<Programs, Failure>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            Ok(Self { operator: joined(operator)?, bastion: joined(bastion)?, agent })
        })
    }
}

/// Returns the folder of the running program; a link to it is followed.
pub fn own_folder() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().and_then(std::fs::canonicalize).map_err(|error| {
        Failure::of(Exit::Internal, &error).while_doing("cannot find the folder of devplat itself")
    })?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_owned())
}

fn programs(folder: &Path, image: ImageName, names: &[&str]) -> Result<Programs, Failure> {
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let all: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let key = Key::of_programs(image, &all).map_err(|error| {
        let missing = paths.iter().find(|path| !path.is_file()).or(paths.first());
        let missing = missing.map_or_else(String::new, |path| path.display().to_string());
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot read {missing}, which goes into the cluster"))
            .hint(
                "keep devplat, devplat-operator, devplat-bastion, devplat-agent and devctl in one folder; `cargo build --release` builds them all",
            )
    })?;
    Ok(Programs { paths, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn search_ends_with_the_program_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["devplat-operator", "devplat-bastion", "devplat-agent"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let failure = Search::begin(folder.path()).found().await.unwrap_err();
        assert_eq!(failure.exit, Exit::Missing, "{failure:?}");
        let missing = folder.path().join("devctl").display().to_string();
        assert!(failure.message.contains(&missing), "{failure:?}");
        std::fs::write(folder.path().join("devctl"), "devctl").unwrap();
        assert_eq!(Search::begin(folder.path()).found().await.unwrap().bastion.paths.len(), 2);
    }
}
