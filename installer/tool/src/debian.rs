//! Runs mmdebstrap, which installs a Debian root from this machine's own package sources.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use devplat_image::base::Recipe;
use indicatif::DecimalBytes;

use crate::{Command, Surroundings, limits, process};

/// The release of Debian if os-release names none.
const STABLE: &str = "bookworm";
/// The longest os-release that is read.
const OS_RELEASE_LIMIT: u64 = 64 << 10;

/// The reason why there is no Debian root.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// The file that names this machine's release exists but cannot be read.
    #[error("cannot read {}", path.display())]
    Release {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// mmdebstrap is not installed.
    #[error("mmdebstrap is not installed")]
    Absent(#[source] process::Error),
    /// This user is not root, and newuidmap, which gives root in a user namespace, is not installed.
    #[error("mmdebstrap needs root or newuidmap")]
    NoNamespace,
    /// The disk is full.
    #[error("cannot create a Debian root: {} are left in {}", DecimalBytes(*free), folder.display())]
    NoSpace {
        /// The folder of the root.
        folder: PathBuf,
        /// The free bytes there.
        free: u64,
    },
    /// mmdebstrap failed for another reason.
    #[error("cannot create a Debian root")]
    Failed(#[source] process::Error),
}

impl DebianError {
    /// The remedy.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Release { .. } => "let this user read it",
                Self::Absent(_) => "install mmdebstrap (`sudo apt-get install mmdebstrap`)",
                Self::NoNamespace => "install newuidmap (`sudo apt-get install uidmap`)",
                Self::NoSpace { .. } => "free some space there, then run the same command",
                Self::Failed(_) => "check that Debian's packages are reachable: `sudo apt-get update`",
            }
            .to_owned(),
        )
    }
}

/// Returns the recipe for this machine, from its os-release; Debian's stable release if that file is absent or names no
/// release.
pub fn recipe() -> Result<Recipe, DebianError> {
    recipe_of(Path::new("/etc/os-release"))
}

fn recipe_of(path: &Path) -> Result<Recipe, DebianError> {
    let text = match limits::read_bounded(path, OS_RELEASE_LIMIT) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(DebianError::Release { path: path.to_owned(), source }),
    };
    let codename = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|value| value.trim_matches('"').to_owned())
        .filter(|value| !value.is_empty());
    Ok(Recipe { suite: codename.unwrap_or_else(|| STABLE.to_owned()) })
}

/// Writes the root that `recipe` describes as a tar to `target`, and reports each of mmdebstrap's steps.
pub async fn bootstrap(
    surroundings: &Surroundings,
    recipe: &Recipe,
    target: &Path,
    mut tell: impl FnMut(&str),
) -> Result<(), DebianError> {
    let arguments = recipe.arguments(target, &sources());
    let folder = target.parent().unwrap_or(Path::new("/tmp"));
    let command = if surroundings.program("mmdebstrap").is_some() && can_have_mounts(surroundings).await {
        Command::new("unshare", surroundings).args(OWN_MOUNTS).arg("mmdebstrap")
    } else {
        Command::new("mmdebstrap", surroundings)
    };
    let made = command
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "0")
        // mmdebstrap's temporary folders lie beside the result and are deleted with it.
        .env("TMPDIR", folder)
        .run_telling(|line| {
            if let Some(step) = line.strip_prefix("I: ") {
                tell(step.trim_end_matches('.'));
            }
        })
        .await;
    match made {
        Ok(_) => Ok(()),
        Err(error @ process::Error::Absent { .. }) => Err(DebianError::Absent(error)),
        Err(error) => Err(explain(error, folder, surroundings)),
    }
}

/// Returns the reason for a failure, from facts of the machine, because mmdebstrap reports it only as text.
fn explain(error: process::Error, folder: &Path, surroundings: &Surroundings) -> DebianError {
    if let Ok(free) = limits::disk_free(folder)
        && free < limits::FULL
    {
        return DebianError::NoSpace { folder: folder.to_owned(), free };
    }
    if !rustix::process::geteuid().is_root() && surroundings.program("newuidmap").is_none() {
        return DebianError::NoNamespace;
    }
    DebianError::Failed(error)
}

/// Arguments for util-linux's unshare, before the command: no other process sees the command's mounts, and they end
/// with it.
const OWN_MOUNTS: [&str; 4] = ["--mount", "--propagation", "private", "--"];

/// Returns whether a command can get a mount namespace, which root usually may create. mmdebstrap mounts file systems
/// in its root, and a killed one would leave them on the machine. Run by other users, it creates a namespace itself.
async fn can_have_mounts(surroundings: &Surroundings) -> bool {
    Command::new("unshare", surroundings).args(OWN_MOUNTS).arg("true").run().await.is_ok()
}

/// Returns the files that name this machine's package sources.
fn sources() -> Vec<String> {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<String> = folder
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.ends_with("/debian.sources") || path.ends_with("/ubuntu.sources"))
        .collect();
    let list = "/etc/apt/sources.list";
    if files.is_empty() && fs::metadata(list).is_ok_and(|found| found.len() > 0) {
        files.push(list.to_owned());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_this_machines_or_else_stable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("os-release");
        let suite = || recipe_of(&path).unwrap().suite;
        assert_eq!(suite(), STABLE);
        fs::write(&path, "ID=ubuntu\nVERSION_CODENAME=\"noble\"\n").unwrap();
        assert_eq!(suite(), "noble");
        fs::write(&path, "ID=arch\n").unwrap();
        assert_eq!(suite(), STABLE);
    }

    #[test]
    fn release_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = recipe_of(folder.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", folder.path().display()));
    }

    #[test]
    fn free_space_is_shown_with_a_unit() {
        let full = DebianError::NoSpace { folder: "/tmp".into(), free: 12_345_678 };
        assert_eq!(full.to_string(), "cannot create a Debian root: 12.35 MB are left in /tmp");
    }

    #[tokio::test]
    async fn absent_mmdebstrap_is_an_error_with_a_remedy() {
        let surroundings = Surroundings::new([("PATH", "/nowhere")], None);
        let recipe = Recipe { suite: STABLE.to_owned() };
        let error = bootstrap(&surroundings, &recipe, Path::new("/tmp/x.tar"), |_| {}).await.unwrap_err();
        assert!(matches!(error, DebianError::Absent(_)), "{error}");
        assert!(error.hint().unwrap().contains("apt-get install mmdebstrap"));
    }
}
