//! Obstacles for an existing platform: a platform of another provider beside it, stopped nodes, taken ports, missing
//! programs; and a foreign k3d cluster.

use std::{fs, net::TcpListener};

use anyhow::{Context, Result, ensure};
use devplat_tests::{bare, call::until, platform::Platform};
use serde_json::Value;

use crate::{
    existing::{added, kubectl, objects},
    expiry::stopped_server_of_k3s_has_expired,
    lane::{docker_changes, docker_is_mine},
    machine::only,
    shared::{LONG, at_rest, ready, signs_in, with_shared_cache},
    traces::{destroyed, nothing_is_left},
};

/// The user's configuration: a label of the agent.
const CONFIG: &str = "\
kind: Simple
apiVersion: k3d.io/v1alpha5
options:
  k3s:
    nodeLabels:
    - {label: team=ml, nodeFilters: [agent:0]}
";
const K3D: [&str; 4] = ["up", "--profile", "k3d", "--yes"];

/// All parts use one cluster.
pub(crate) fn k3d_platform_beside_a_kind_platform_survives_its_troubles() -> Result<()> {
    let kind = ready()?;
    let k3d = with_shared_cache("beside")?;
    let _changes = docker_changes();
    let before = containers(kind)?;
    two_nodes_with_the_users_file(k3d)?;
    for platform in [kind, k3d] {
        signs_in(platform)?;
    }
    cluster_of_another_provider_is_rejected(k3d)?;
    k3d_is_needed_only_to_create_and_to_delete(k3d)?;
    paused_node_is_resumed(k3d)?;
    renamed_parts_get_their_names_back_and_disconnected_ones_their_network(k3d)?;
    port_of_a_stopped_node_is_taken(k3d)?;
    signs_in(k3d)?;
    cluster_is_replaced_if_its_loss_is_allowed(k3d)?;
    destroyed(k3d)?;
    nothing_is_left(k3d)?;
    ensure!(containers(kind)? == before, "before: {before}after: {}", containers(kind)?);
    signs_in(kind)
}

/// An agent by the profile, with a label by the user's configuration file.
fn two_nodes_with_the_users_file(platform: &Platform) -> Result<()> {
    fs::write(platform.home().join("k3d.yaml"), CONFIG)?;
    let profile = platform.home().join("two.yaml");
    fs::write(&profile, "extends: k3d\ncluster:\n  k3d:\n    agents: 1\n    configFile: k3d.yaml\n")?;
    platform.run(&["up", "--profile", &profile.display().to_string(), "--yes"])?.expect(0)?;
    let nodes = platform.kubectl(&["get", "nodes", "--no-headers", "-o", "name"])?;
    ensure!(nodes.lines().count() == 2, "{nodes}");
    let labelled = platform.kubectl(&["get", "nodes", "--selector", "team=ml", "-o", "name"])?;
    ensure!(labelled.trim() == format!("node/k3d-{}-agent-0", platform.name), "{labelled}");
    // Both nodes have pulled the image of dev servers, whichever of them the proof ran on.
    for node in ["server-0", "agent-0"] {
        let images =
            platform.docker(&["exec", &format!("k3d-{}-{node}", platform.name), "crictl", "images"])?;
        ensure!(images.contains("/devserver-base"), "{node}: {images}");
    }
    Ok(())
}

fn cluster_of_another_provider_is_rejected(platform: &Platform) -> Result<()> {
    let before = containers(platform)?;
    let refused = platform.run(&["up", "--profile", "kind", "--yes"])?.expect(2)?.stderr;
    let why = format!("it was created as k3d cluster {}", platform.name);
    for expected in ["without losing every dev server and home in it", &why, "add --lose cluster "] {
        ensure!(refused.contains(expected), "{expected} is not in: {refused}");
    }
    ensure!(containers(platform)? == before, "containers were created or deleted: {refused}");
    // The rejected profile is not remembered.
    nothing_to_change(&platform.run(&["up", "--yes"])?.expect(0)?.stderr)
}

fn cluster_is_replaced_if_its_loss_is_allowed(platform: &Platform) -> Result<()> {
    let typo = platform.run(&["plan", "--profile", "kind", "--lose", "clutser"])?.expect(2)?.stderr;
    ensure!(typo.contains("no resource is named \"clutser\""), "{typo}");
    // The registry is not wanted beside kind, and users may have pushed images to it.
    let refused = platform.run(&["plan", "--profile", "kind", "--lose", "cluster"])?.expect(2)?.stderr;
    ensure!(refused.contains("add --lose 'local registry'"), "{refused}");
    let to_kind = ["--profile", "kind", "--lose", "cluster", "--lose", "local registry"];
    let plan = platform.run(&[&["plan"][..], &to_kind].concat())?.expect(0)?.stdout;
    ensure!(plan.contains("delete") && plan.contains("it was created as k3d cluster"), "{plan}");
    platform.run(&[&["up", "--yes"][..], &to_kind].concat())?.expect(0)?;
    signs_in(platform)
}

fn k3d_is_needed_only_to_create_and_to_delete(platform: &Platform) -> Result<()> {
    let before = containers(platform)?;
    let without = |args: &[&str]| -> Result<_> {
        platform.devplat(args)?.env("PATH", only(platform, &["docker"])?).run(LONG)
    };
    nothing_to_change(&without(&["up", "--yes"])?.expect(0)?.stderr)?;
    let refused = without(&["destroy", "--yes"])?.expect(3)?.stderr;
    ensure!(refused.contains("k3d is not installed") && refused.contains("hint: install k3d"), "{refused}");
    ensure!(containers(platform)? == before, "containers were deleted: {refused}");
    Ok(())
}

fn paused_node_is_resumed(platform: &Platform) -> Result<()> {
    let node = node(platform);
    // With control groups v1, the kernel cannot freeze processes that are just starting.
    until("the node to be paused", LONG, || Ok(platform.docker(&["pause", &node]).ok()))?;
    let status = platform.run(&["status"])?.expect(0)?.stdout;
    ensure!(status.contains(&format!("{node} is paused (`docker unpause {node}` resumes it)")), "{status}");
    platform.run(&["up", "--yes"])?.expect(0)?;
    Ok(())
}

/// The node and the registry.
fn renamed_parts_get_their_names_back_and_disconnected_ones_their_network(platform: &Platform) -> Result<()> {
    let parts = [node(platform), format!("devplat-{}-registry", platform.name)];
    for part in &parts {
        platform.docker(&["rename", part, &format!("{part}-old")])?;
    }
    let status = platform.run(&["status"])?.expect(0)?.stdout;
    for part in &parts {
        let line = format!("docker rename {part}-old {part}");
        ensure!(status.contains(&line), "{line} is not in: {status}");
    }
    platform.run(&["up", "--yes"])?.expect(0)?;
    let network = format!("devplat-{}", platform.name);
    for part in &parts {
        platform.docker(&["network", "disconnect", &network, part])?;
    }
    platform.run(&["up", "--yes"])?.expect(0)?;
    nothing_to_change(&platform.run(&["up", "--yes"])?.expect(0)?.stderr)?;
    signs_in(platform)
}

/// Another program takes the port, as can happen between plan and apply or while the machine is off.
fn port_of_a_stopped_node_is_taken(platform: &Platform) -> Result<()> {
    let node = node(platform);
    let bindings = platform.docker(&["inspect", "--format", "{{json .HostConfig.PortBindings}}", &node])?;
    let bindings: Value = serde_json::from_str(&bindings)?;
    // k3d does not set the protocol.
    let api =
        bindings.get("6443/tcp").or_else(|| bindings.get("6443")).context("no port of the API server")?;
    let port: u16 = api[0]["HostPort"].as_str().context("no port of this machine")?.parse()?;
    platform.docker(&["stop", &node])?;
    stopped_server_of_k3s_has_expired(platform, &node)?;
    let taken = TcpListener::bind(("127.0.0.1", port))?;
    let refused = platform.run(&["up", "--yes"])?.expect(3)?.stderr;
    let (what, why) = (
        format!("error: cannot start container {node}\n"),
        format!("because: port 127.0.0.1:{port} of this machine is taken by "),
    );
    for expected in [&what, &why, "hint: stop the process that listens there (`ss -ltnp` lists it)\n"] {
        ensure!(refused.contains(expected), "{expected} is not in: {refused}");
    }
    drop(taken);
    platform.run(&["up", "--yes"])?.expect(0)?;
    Ok(())
}

/// Without a platform, no step begins if the program of a later step is missing.
pub(crate) fn absent_k3d_is_reported_before_the_first_step() -> Result<()> {
    let platform = Platform::new("no-k3d")?;
    let _alone = docker_is_mine();
    let before = platform.traces()?;
    let path = only(&platform, &["docker"])?;
    let refused = platform.devplat(&K3D)?.env("PATH", path).run(LONG)?.expect(3)?.stderr;
    ensure!(refused.contains("k3d is not installed") && refused.contains("hint: install k3d"), "{refused}");
    ensure!(platform.traces()? == before, "Docker objects were created: {refused}");
    ensure!(!platform.state().join("decisions.json").exists(), "the decisions were written");
    platform.sweep()
}

/// Foreign nodes get images through Docker. Nothing else in the cluster is changed, and no container is started or
/// deleted.
pub(crate) fn foreign_k3d_cluster_gets_images_and_is_not_changed() -> Result<()> {
    let platform = with_shared_cache("k3d-guest")?;
    let _changes = docker_changes();
    bare::create_k3d(platform)?;
    let (context, node) = (format!("k3d-{}", platform.name), node(platform));
    let up = ["up", "--profile", "existing", "--context", &context, "--yes"];
    platform.docker(&["stop", &node])?;
    let refused = platform.run(&up)?.expect(3)?.stderr;
    ensure!(refused.contains("does not answer") && refused.contains(&context), "{refused}");
    ensure!(!platform.state().join("decisions.json").exists(), "the decisions were written");
    platform.docker(&["start", &node])?;
    until("the API server", LONG, || Ok(kubectl(platform, &["get", "--raw", "/readyz"]).ok()))?;
    let before = at_rest(|| objects(platform))?;
    let containers = containers(platform)?;
    let first = platform.run(&up)?.expect(0)?.stderr;
    let how = format!("images will be imported into the nodes of the k3d cluster {}", platform.name);
    ensure!(first.contains(&how), "{first}");
    nothing_to_change(&platform.run(&["up", "--yes"])?.expect(0)?.stderr)?;
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    let left = added(&before, &at_rest(|| objects(platform))?)?;
    ensure!(left.iter().all(|name| name.starts_with("PersistentVolume")), "left: {left:?}");
    ensure!(self::containers(platform)? == containers, "its containers were changed");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    bare::delete_k3d(platform)?;
    platform.sweep()
}

fn node(platform: &Platform) -> String {
    format!("k3d-{}-server-0", platform.name)
}

fn nothing_to_change(said: &str) -> Result<()> {
    ensure!(said.contains("nothing to change"), "{said}");
    Ok(())
}

/// Returns the platform's containers, with the fields that change only if a container is changed.
fn containers(platform: &Platform) -> Result<String> {
    let all =
        platform.docker(&["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.CreatedAt}}"])?;
    let mut own: Vec<&str> = all.lines().filter(|line| line.contains(&platform.name)).collect();
    own.sort_unstable();
    Ok(own.join("\n"))
}
