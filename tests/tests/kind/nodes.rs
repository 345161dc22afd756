//! A cluster with two nodes, created with the user's configuration file, from a shell with unusual variables.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use devplat_tests::platform::Platform;
use serde_json::Value;

use crate::{
    expiry::expired_certificates_are_renewed_and_homes_are_kept,
    lane::docker_changes,
    shared::{status, with_shared_cache},
    shell::steered,
    traces::{destroyed, nothing_is_left},
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
    images_are_assembled(platform)?;
    let config = platform.home().join("kind.yaml");
    fs::write(&config, CONFIG)?;
    let profile = platform.home().join("team.yaml");
    fs::write(&profile, "extends: kind\ncluster:\n  kind:\n    workers: 1\n    configFile: kind.yaml\n")?;
    let profile = profile.display().to_string();
    // The proxies in these variables have no server, and the others would steer kind and Docker's command.
    let up = steered(platform, &["up", "--profile", &profile, "--yes"])?.expect(0)?;
    ensure!(up.stderr.contains("ready: platform"), "{}", up.stderr);
    let nodes = platform.kubectl(&["get", "nodes", "--no-headers", "-o", "name"])?;
    ensure!(nodes.lines().count() == 2, "{nodes}");
    let labelled = platform.kubectl(&["get", "nodes", "--selector", "team=ml", "-o", "name"])?;
    ensure!(labelled.trim() == format!("node/{}-control-plane", platform.name), "{labelled}");
    // The node that runs the pods has the images, so none is pulled.
    let status = status(platform)?;
    ensure!(status["ready"] == true, "{status:#}");
    cluster_needs_no_proxy(platform)?;
    // The profile and the configuration are remembered although their files are gone.
    fs::remove_file(&profile)?;
    fs::remove_file(&config)?;
    let again = platform.run(&["up", "--yes"])?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    ensure!(again.stderr.contains("kind.yaml no longer exists"), "{}", again.stderr);
    for verb in ["plan", "status"] {
        platform.run(&[verb])?.expect(0)?;
    }
    registry_beside_the_nodes_is_used_instead(platform)?;
    dropped_registry_leaves_no_trace_in_the_nodes(platform)?;
    expired_certificates_are_renewed_and_homes_are_kept(platform)?;
    destroyed(platform)?;
    nothing_is_left(platform)
}

/// Assembles the base image if no earlier test has: its packages cannot be downloaded through a proxy without a server.
fn images_are_assembled(platform: &Platform) -> Result<()> {
    let debian = ["--profile", "kind", "--set", "devServers.image=debian"];
    let plan = [&["plan", "--output", "json"][..], &debian].concat();
    let plan = platform.run(&plan)?.expect(0)?.stdout;
    let plan: Value = serde_json::from_str(&plan)?;
    let steps = plan["steps"].as_array().context("a plan has steps")?;
    if steps.iter().any(|step| step["id"] == "image devserver-base" && step["action"] != "keep") {
        platform.run(&[&["up", "--yes"][..], &debian].concat())?.expect(0)?;
        destroyed(platform)?;
    }
    Ok(())
}

/// The nodes have the proxies of the shell, for pulls, and connect to each other, to pods and to Services without them.
fn cluster_needs_no_proxy(platform: &Platform) -> Result<()> {
    let network = format!("devplat-{}", platform.name);
    let format = "{{range .IPAM.Config}}{{.Subnet}} {{end}}";
    let subnets = platform.docker(&["network", "inspect", "--format", format, &network])?;
    for node in ["control-plane", "worker"] {
        let node = format!("{}-{node}", platform.name);
        let environment = platform.docker(&["exec", &node, "env"])?;
        let variables: BTreeMap<&str, &str> =
            environment.lines().filter_map(|line| line.split_once('=')).collect();
        ensure!(variables.contains_key("HTTPS_PROXY"), "the node has no proxy:\n{environment}");
        let direct = variables.get("NO_PROXY").context("the node has no NO_PROXY")?;
        let direct: Vec<&str> = direct.split(',').collect();
        let ranges = ["10.244.0.0/16", "10.96.0.0/16"].into_iter().chain(subnets.split_whitespace());
        for range in ranges.chain([node.as_str(), ".svc"]) {
            ensure!(direct.contains(&range), "NO_PROXY of {node} lacks {range}: {direct:?}");
        }
    }
    Ok(())
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

/// The images go into the nodes again.
fn dropped_registry_leaves_no_trace_in_the_nodes(platform: &Platform) -> Result<()> {
    let host = format!("devplat-{}-registry:5000", platform.name);
    let nodes = ["control-plane", "worker"].map(|node| format!("{}-{node}", platform.name));
    let hosts = |node: &str| platform.docker(&["exec", node, "ls", "/etc/containerd/certs.d"]);
    for node in &nodes {
        ensure!(hosts(node)?.contains(&host), "{node} does not know the registry");
    }
    let dropping = ["--set", "images.delivery=nodes", "--lose", "local registry"];
    let plan = platform.run(&[&["plan"][..], &dropping].concat())?.expect(0)?.stdout;
    for resource in ["registry in the nodes", "registry announcement", "local registry"] {
        let deletes = |line: &str| line.trim_start().starts_with(resource) && line.contains(" delete ");
        ensure!(plan.lines().any(deletes), "{resource} is not deleted:\n{plan}");
    }
    let up = platform.run(&[&["up", "--yes"][..], &dropping].concat())?.expect(0)?;
    ensure!(up.stderr.contains("ready: platform"), "{}", up.stderr);
    for node in &nodes {
        ensure!(!hosts(node)?.contains(&host), "{node} still knows the registry");
    }
    let announcement = ["-n", "kube-public", "get", "configmap", "local-registry-hosting"];
    let announcement = [&announcement[..], &["--ignore-not-found", "-o", "name"]].concat();
    ensure!(platform.kubectl(&announcement)?.is_empty(), "the registry is still announced");
    let again = platform.run(&["up", "--yes"])?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    Ok(())
}
