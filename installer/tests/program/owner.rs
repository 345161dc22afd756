//! State folders of another account of this machine, such as one that a run with sudo created.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use devplat_tool::{Command, Surroundings};

use crate::machine::{Machine, run};

/// The user ID of Debian's account `nobody`.
const NOBODY: u32 = 65534;
/// The verbs that search for a platform or change it.
const VERBS: [&[&str]; 4] = [
    &["status"],
    &["plan", "--profile", "kind"],
    &["up", "--yes", "--profile", "kind"],
    &["destroy", "--yes"],
];
/// A Docker engine that is not running.
const NO_ENGINE: &str = "unix:///nowhere/docker.sock";

/// Fails unless `devplat` rejects each verb, because `folder` belongs to root.
async fn rejects_every_verb(folder: &Path, devplat: impl Fn(&[&str]) -> Command) {
    let folder = folder.display();
    let why = format!("error: {folder} belongs to root\n");
    let remedy = format!("take the folder over: `sudo chown -R \"$USER\" {folder}`");
    for args in VERBS {
        let (status, said) = run(devplat(args)).await;
        assert_eq!(status, 3, "{args:?}: {said}");
        assert!(said.contains(&why) && said.contains(&remedy), "{args:?}: {said}");
    }
}

/// Gives `home` to the account `nobody`, with the state of a platform, which belongs to root from `foreign` down.
/// Returns the path of `foreign`.
fn furnish(home: &Path, foreign: &str) -> PathBuf {
    let (foreign, platform) = (home.join(foreign), home.join(".local/state/devplat/devplat"));
    fs::create_dir_all(&platform).unwrap();
    fs::write(platform.join("decisions.json"), r#"{"profile": "kind"}"#).unwrap();
    for folder in platform.ancestors().take_while(|folder| folder.starts_with(home)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        if !folder.starts_with(&foreign) {
            chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    foreign
}

/// Copies devplat into a folder that every account may enter, without its other programs, which no verb reaches here.
pub(crate) async fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A child process writes the file, because Linux refuses to start a file that is open for writing.
    let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
    let copy = Command::new("cp", &shell).arg(env!("CARGO_BIN_EXE_devplat")).arg(folder.path());
    copy.run().await.unwrap();
    folder
}

#[tokio::test]
async fn state_folder_of_another_account_is_named_with_owner_and_remedy() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a folder to another account. Debian closes root's home folder to all of them.
        let (machine, folder) = (Machine::new(), Path::new("/root"));
        let devplat = |args: &[&str]| machine.devplat(args).env("DEVPLAT_STATE_DIR", folder.as_os_str());
        return rejects_every_verb(folder, devplat).await;
    }
    let folder = open_folder().await;
    for foreign in [".local/state/devplat/devplat", ".local/state/devplat", ".local"] {
        let home = tempfile::tempdir_in(folder.path()).unwrap();
        let foreign = furnish(home.path(), foreign);
        let as_nobody =
            |args: &[&str]| as_nobody(folder.path(), home.path(), args).env("DOCKER_HOST", NO_ENGINE);
        rejects_every_verb(&foreign, as_nobody).await;
        take_over(&foreign);
        let (status, said) = run(as_nobody(&["status"])).await;
        assert_eq!(status, 3, "{said}");
        let why = format!("the Docker engine at {NO_ENGINE} is not running");
        assert!(said.contains(&why) && !said.contains("belongs to"), "{said}");
    }
}

/// `sudo docker login` with the home of the account creates such a file.
#[tokio::test]
async fn docker_configuration_of_another_account_is_named_with_owner_and_remedy() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a folder to another account.
        return;
    }
    let folder = open_folder().await;
    let home = tempfile::tempdir_in(folder.path()).unwrap();
    let config = home.path().join(".docker/config.json");
    fs::create_dir(home.path().join(".docker")).unwrap();
    fs::write(&config, "{}").unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    for own in [home.path(), &home.path().join(".docker")] {
        chown(own, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let config = config.display();
    let hint = format!(
        "{config} belongs to root: if docker was run with sudo, take it over: `sudo chown -R \"$USER\" {config}`"
    );
    for args in [&["status"][..], &["plan"], &["up", "--yes"], &["destroy", "--yes"]] {
        let args = [args, &["--profile", "kind"]].concat();
        let (status, said) = run(as_nobody(folder.path(), home.path(), &args)).await;
        assert_eq!(status, 3, "{args:?}: {said}");
        assert!(said.contains(&hint), "{args:?}: {said}");
    }
}

/// Returns devplat of `folder`, run by the account `nobody` in `home`.
fn as_nobody(folder: &Path, home: &Path, args: &[&str]) -> Command {
    let (shell, nobody) = (Surroundings::new([("PATH", "/usr/bin:/bin")], None), NOBODY.to_string());
    Command::new("setpriv", &shell)
        .args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--"])
        .arg(folder.join("devplat"))
        .args(args.iter().copied())
        .env("HOME", home.as_os_str())
        .folder(home)
}

/// Does what the remedy does.
fn take_over(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            take_over(&entry.unwrap().path());
        }
    }
}
