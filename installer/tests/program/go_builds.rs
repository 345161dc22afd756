//! The builds that `./quickstart` runs in the background, where no image registry is reachable.

use std::{fs, os::unix::fs::symlink, path::Path};

use devplat_tool::{Command, Surroundings};

use crate::machine::{Machine, run};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Stands in for `tests/kubernetes/binaries`. Like the builds, it holds a lock until it ends.
const BINARIES: &str = r#"#!/usr/bin/env bash
echo "building for $2, registries: $DEVPLAT_TEST_REGISTRY" >&2
exec 9>"$HOME/lock"
flock 9
touch "$HOME/begun"
eval "$THEN"
"#;
/// Calls functions of quickstart, without the script's last line, which begins the installation.
const BUILD: &str = r#"
sed '$d' "$REPOSITORY/quickstart" > quickstart
. ./quickstart
missing=(kind)
begin_go_builds
until [[ -e $HOME/begun ]]; do sleep 0.05; done
eval "$NEXT"
"#;

/// Stands in for the scripts that make images of nodes.
const IMAGES: &str = r#"#!/usr/bin/env bash
echo "making ${0##*/}${1:+ $1}, registries: $DEVPLAT_TEST_REGISTRY" >&2
"#;

/// Returns a machine with the scripts of the repository, in which [`BINARIES`] builds.
async fn machine() -> Machine {
    let machine = Machine::new();
    fs::create_dir_all(machine.at("work/tests/kubernetes")).unwrap();
    for path in ["bootstrap", "tests/kubernetes/cache.sh", "tests/kubernetes/registry.sh"] {
        symlink(Path::new(REPOSITORY).join(path), machine.at("work").join(path)).unwrap();
    }
    for (name, text) in [("binaries", BINARIES), ("node-image", IMAGES), ("k3s-image", IMAGES)] {
        let write = format!("cat > tests/kubernetes/{name}; chmod 755 tests/kubernetes/{name}");
        // A child process writes the file, because Linux refuses to start a file that is open for writing.
        bash(&machine).args(["-c", &write]).stdin(text).run().await.unwrap();
    }
    machine
}

fn bash(machine: &Machine) -> Command {
    let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
    Command::new("bash", &shell).env("HOME", machine.at("home").into_os_string()).folder(&machine.at("work"))
}

/// Returns the exit status and the output of a shell that starts builds, which run `then`, and then runs `next`.
async fn build(machine: &Machine, then: &str, next: &str) -> (i32, String) {
    let command = bash(machine).args(["-c", BUILD]).env("REPOSITORY", REPOSITORY);
    run(command.env("THEN", then).env("NEXT", next)).await
}

#[tokio::test]
async fn quickstart_shows_the_builds_that_ran_in_the_background() {
    let machine = machine().await;
    let (status, said) = build(&machine, "true", "await_builds; echo built >&2").await;
    assert_eq!(status, 0, "{said}");
    // The packages are installed beside the rest.
    let (packages, built): (Vec<&str>, Vec<&str>) =
        said.trim().lines().partition(|line| line.contains("--packages"));
    assert_eq!(packages, ["making node-image --packages, registries: no"]);
    let building = ["node", "clients"].map(|set| format!("building for {set}, registries: no\n"));
    assert_eq!(built.join("\n"), format!("{}making node-image, registries: no\nbuilt", building.concat()));
}

#[tokio::test]
async fn quickstart_shows_the_second_builds_without_the_first_ones() {
    let machine = machine().await;
    let next = "await_builds; begin_k3d_images; echo first built >&2; await_builds";
    let (status, said) = build(&machine, "true", next).await;
    assert_eq!(status, 0, "{said}");
    let (_, second) = said.split_once("first built\n").unwrap();
    assert_eq!(second.trim(), "making k3s-image, registries: no");
}

#[tokio::test]
async fn quickstart_fails_if_a_build_in_the_background_failed() {
    let machine = machine().await;
    let (status, said) =
        build(&machine, "echo 'error: kubelet cannot be built' >&2; exit 3", "await_builds").await;
    assert_eq!(status, 3, "{said}");
    // The packages are installed beside the rest.
    let said = said.replace("making node-image --packages, registries: no\n", "");
    let why = "error: kubelet cannot be built\nerror: Kubernetes cannot be built from Go modules\nhint: read the output";
    assert!(said.contains(why) && !said.contains("clients"), "{said}");
}

/// Runs [`BUILD`] and then waits until no process of the builds holds the lock.
const END_EARLY: &str = r#"
status=0
bash -c "$BUILD" || status=$?
flock --timeout 30 "$HOME/lock" true || status=1
exit "$status"
"#;

#[tokio::test]
async fn quickstart_ends_its_builds_when_it_ends_early() {
    let machine = machine().await;
    for (next, ended) in [("exit 7", 7), ("kill -TERM $$", 143)] {
        let command =
            bash(&machine).args(["-c", END_EARLY]).env("BUILD", BUILD).env("REPOSITORY", REPOSITORY);
        let (status, said) = run(command.env("THEN", "sleep 600").env("NEXT", next)).await;
        assert_eq!(status, ended, "{said}");
        fs::remove_file(machine.at("home/begun")).unwrap();
    }
}
