//! mmdebstrap, which puts a Debian root together from this machine's own package sources.

use std::path::Path;

use devplat_image::base::Recipe;

use crate::{
    failure::{Exit, Failure},
    process::{Command, Error},
};

/// The recipe for this machine, from its own os-release; Debian's stable release elsewhere.
pub fn recipe() -> Recipe {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|value| value.trim_matches('"').to_owned())
        .filter(|value| !value.is_empty());
    Recipe { suite: codename.unwrap_or_else(|| "bookworm".to_owned()) }
}

/// Writes the root that `recipe` describes as a tar to `target`.
pub async fn bootstrap(recipe: &Recipe, target: &Path, mut tell: impl FnMut(&str)) -> Result<(), Failure> {
    let arguments = recipe.arguments(target, &sources());
    let command =
        if Command::new("mmdebstrap").arg("--version").run().await.is_ok() && can_have_mounts().await {
            Command::new("unshare").args(OWN_MOUNTS).arg("mmdebstrap")
        } else {
            Command::new("mmdebstrap")
        };
    command
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "0")
        // Its own folders lie beside the result, and go with it.
        .env("TMPDIR", target.parent().unwrap_or(Path::new("/tmp")))
        .run_telling(|line| {
            if let Some(step) = line.strip_prefix("I: ") {
                tell(step.trim_end_matches('.'));
            }
        })
        .await
        .map(|_| ())
        .map_err(|error| explain(&error))
}

fn explain(error: &Error) -> Failure {
    if matches!(error, Error::Absent { .. }) {
        return Failure::new(Exit::Missing, "mmdebstrap is not installed")
            .hint("`sudo apt-get install mmdebstrap`, or name an image: --set devServers.image=REFERENCE");
    }
    if error.said().contains("unable to pick chroot mode") {
        return Failure::new(Exit::Missing, "mmdebstrap cannot make a root without being root")
            .hint("`sudo apt-get install uidmap`, or name an image: --set devServers.image=REFERENCE");
    }
    let failure = Failure::of(Exit::PartWay, error);
    if error.said().contains("No space left") {
        failure.hint("free some space, then run the same command")
    } else {
        failure.hint("are Debian's packages reachable? try `sudo apt-get update`")
    }
}

/// Arguments for util-linux's unshare, before the command: what that mounts is seen by nobody else, and goes with it.
const OWN_MOUNTS: [&str; 4] = ["--mount", "--propagation", "private", "--"];

/// Whether mounts of its own can be given to a command: root mostly can. mmdebstrap mounts in its root, and one that is
/// killed would leave those on the machine. Run by others, it sees to that itself.
async fn can_have_mounts() -> bool {
    Command::new("unshare").args(OWN_MOUNTS).arg("true").run().await.is_ok()
}

/// The files that name this machine's package sources.
fn sources() -> Vec<String> {
    let folder = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<String> = folder
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.ends_with("/debian.sources") || path.ends_with("/ubuntu.sources"))
        .collect();
    let list = "/etc/apt/sources.list";
    if files.is_empty() && std::fs::metadata(list).is_ok_and(|found| found.len() > 0) {
        files.push(list.to_owned());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_without_newuidmap_is_told_what_to_install() {
        let error = Error::of_a_program_that_said(
            "E: unable to pick chroot mode automatically (use --mode for manual selection)",
        );
        let failure = explain(&error);
        assert_eq!(failure.exit, Exit::Missing);
        assert!(failure.hints[0].contains("install uidmap"), "{:?}", failure.hints);
    }
}
