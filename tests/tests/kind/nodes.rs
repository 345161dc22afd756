//! A cluster with two nodes, created with the user's configuration file.

use std::fs;

use anyhow::{Result, ensure};

use crate::{
    killed::{destroyed, nothing_is_left},
    lane::docker_changes,
    life::status,
    shared::with_shared_cache,
};

/// The user's configuration: labels of its node, and a key that devplat does not set.
const CONFIG: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  labels: {team: ml}
";

pub(crate) fn cluster_has_the_nodes_of_the_users_file_and_of_the_profile() -> Result<()> {
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
    // The node that runs the pods has the images, so none is pulled.
    let status = status(platform)?;
    ensure!(status["ready"] == true, "{status:#}");
    // The profile is remembered although its file is gone.
    fs::remove_file(&profile)?;
    let again = platform.run(&["up", "--yes"])?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    destroyed(platform)?;
    nothing_is_left(platform)
}
