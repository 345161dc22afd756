//! A cluster with two nodes, created with the user's configuration file.

use std::fs;

use anyhow::{Result, ensure};
use devplat_tests::platform::Platform;

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
    registry_beside_the_nodes_is_used_instead(platform)?;
    destroyed(platform)?;
    nothing_is_left(platform)
}

/// A later run may choose another delivery. The nodes then pull from a registry that belongs to the platform.
fn registry_beside_the_nodes_is_used_instead(platform: &Platform) -> Result<()> {
    let up = platform.run(&["up", "--yes", "--set", "images.delivery=registry"])?.expect(0)?;
    ensure!(up.stderr.contains("ready: platform"), "{}", up.stderr);
    let registry = format!("devplat-{}-registry:5000/", platform.name);
    let path = "jsonpath={.items[*].spec.template.spec.containers[*].image}";
    let images = platform.kubectl(&["-n", "devserver-operator-system", "get", "deployments", "-o", path])?;
    ensure!(images.split(' ').all(|image| image.starts_with(&registry)), "{images}");
    let announced = platform.kubectl(&[
        "-n",
        "kube-public",
        "get",
        "configmap",
        "local-registry-hosting",
        "-o",
        "name",
    ])?;
    ensure!(!announced.trim().is_empty(), "the registry is not announced");
    let again = platform.run(&["up", "--yes"])?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    Ok(())
}
