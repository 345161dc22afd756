//! A cluster of more than one node, made with a configuration file of the user's.

use std::fs;

use anyhow::{Result, ensure};

use crate::{
    killed::{destroyed, nothing_is_left},
    lane::docker_changes,
    life::status,
    shared::with_shared_cache,
};

/// Labels that a file of the user's puts on its node, and a key that devplat leaves alone.
const CONFIG: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  labels: {team: ml}
";

pub(crate) fn nodes_of_the_users_file_and_of_the_profile_make_one_platform() -> Result<()> {
    let platform = with_shared_cache("nodes")?;
    let _changes = docker_changes();
    fs::write(platform.home().join("kind.yaml"), CONFIG)?;
    let profile = platform.home().join("team.yaml");
    fs::write(&profile, "extends: kind\ncluster:\n  kind:\n    workers: 1\n    configFile: kind.yaml\n")?;
    let profile = profile.display().to_string();
    let up = platform.run(&["up", "--profile", &profile, "--yes"])?.expect(0)?;
    ensure!(up.stderr.contains("ready: platform"), "{}", up.stderr);
    let nodes = platform.kubectl(&["get", "nodes", "--no-headers", "-o", "name"])?;
    ensure!(nodes.lines().count() == 2, "{nodes}");
    let labelled = platform.kubectl(&["get", "nodes", "--selector", "team=ml", "-o", "name"])?;
    ensure!(labelled.trim() == format!("node/{}-control-plane", platform.name), "{labelled}");
    // Images are in the node that runs the pods: none is pulled.
    let status = status(platform)?;
    ensure!(status["ready"] == true, "{status:#}");
    // Its profile is remembered, though the file is gone.
    fs::remove_file(&profile)?;
    let again = platform.run(&["up", "--yes"])?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    destroyed(platform)?;
    nothing_is_left(platform)
}
