//! Nodes and engines that are restarted, while devplat is running or between two runs.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use devplat_tests::{call::until, gate::Gate, platform::Platform};

use crate::{
    lane::docker_changes,
    shared::{LONG, UP, signs_in, status, with_shared_cache},
    traces::{destroyed, nothing_is_left},
};

const ENGINE: &str = "/var/run/docker.sock";

/// The socket of the engine goes away in the middle of a step, and the nodes are killed, as at a restart of the engine.
/// The engine's process itself goes on, because other tests use it.
pub(crate) fn engine_restart_during_up_is_reported_and_up_converges() -> Result<()> {
    let platform = with_shared_cache("engine")?;
    let _changes = docker_changes();
    let socket = platform.home().join("docker.sock");
    let mut gate = Gate::open(socket.clone(), Path::new(ENGINE))?;
    let up = || -> Result<_> {
        // With -v the lines of kind are printed as well.
        Ok(platform
            .devplat(&[&UP[..], &["-v"]].concat())?
            .env("DOCKER_HOST", format!("unix://{}", socket.display())))
    };
    for (moment, named) in
        [("cluster: starting control-plane", "Docker"), ("create release operator", "cannot connect to")]
    {
        let running = up()?.start()?;
        until(moment, LONG, || {
            let said = running.stderr()?;
            ensure!(!said.contains("\nerror:") && !said.contains("ready: platform"), "{said}");
            Ok(said.lines().any(|line| line.contains(moment)).then_some(()))
        })?;
        gate.close()?;
        let nodes = nodes(platform)?;
        ensure!(!nodes.is_empty(), "no node at {moment:?}");
        on_all(platform, "kill", &nodes)?;
        let ended = running.wait(LONG)?.expect(4)?.stderr;
        ensure!(ended.contains(named), "the message does not name {named}: {ended}");
        ensure!(ended.contains("hint: "), "{ended}");
        // Without an engine, nothing is done.
        let refused = up()?.run(LONG)?.expect(3)?.stderr;
        ensure!(refused.contains("is not running"), "{refused}");
        gate.reopen()?;
        // A real engine starts the nodes again, since they have not been stopped by a user.
        on_all(platform, "start", &nodes)?;
    }
    let last = up()?.run(LONG)?.expect(0)?.stderr;
    ensure!(last.contains("ready: platform"), "{last}");
    signs_in(platform)?;
    destroyed(platform)?;
    nothing_is_left(platform)
}

/// With three servers, the cluster answers as long as two of them do. etcd knows them by address, and an engine that
/// chooses addresses gives others to nodes that start in another order.
pub(crate) fn k3d_servers_restart_in_another_order() -> Result<()> {
    let platform = with_shared_cache("servers")?;
    let _changes = docker_changes();
    let profile = platform.home().join("three.yaml");
    fs::write(&profile, "extends: k3d\ncluster:\n  k3d:\n    servers: 3\n    agents: 1\n")?;
    let up = ["up", "--profile", &profile.display().to_string(), "--yes"];
    platform.run(&up)?.expect(0)?;
    signs_in(platform)?;
    let found = platform.kubectl(&["get", "nodes", "--no-headers", "-o", "name"])?;
    ensure!(found.lines().count() == 4, "{found}");
    let node = |role: &str| format!("k3d-{}-{role}", platform.name);
    let all = ["server-0", "server-1", "server-2", "agent-0"].map(node);
    let addresses = addresses_of(platform, &all)?;
    on_all(platform, "stop", &all)?;
    on_all(platform, "start", &["agent-0", "server-2", "server-1"].map(node))?;
    let stopped = status(platform)?;
    ensure!(stopped["ready"] == false, "{stopped:#}");
    let planned = platform.run(&["plan"])?.expect(0)?.stdout;
    let why = format!("{} is stopped", node("server-0"));
    ensure!(planned.contains(&why), "{planned}");
    platform.run(&["up", "--yes"])?.expect(0)?;
    let kept = addresses_of(platform, &all)?;
    ensure!(kept == addresses, "addresses before:\n{addresses}after:\n{kept}");
    signs_in(platform)?;
    let again = platform.run(&["up", "--yes"])?.expect(0)?.stderr;
    ensure!(again.contains("nothing to change"), "{again}");
    let proved = platform.kubectl(&["-n", "devplat-system", "get", "configmap", "devplat-proof"]);
    ensure!(proved.is_ok(), "the platform was not proved after the restart");
    destroyed(platform)?;
    nothing_is_left(platform)
}

fn nodes(platform: &Platform) -> Result<Vec<String>> {
    let label = format!("label=io.x-k8s.kind.cluster={}", platform.name);
    let listed = platform.docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", &label])?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Returns the addresses of running nodes, one a line.
fn addresses_of(platform: &Platform, nodes: &[String]) -> Result<String> {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let nodes = nodes.iter().map(String::as_str);
    let call: Vec<&str> = ["inspect", "--format", format].into_iter().chain(nodes).collect();
    platform.docker(&call)
}

fn on_all(platform: &Platform, verb: &str, nodes: &[String]) -> Result<()> {
    let nodes = nodes.iter().map(String::as_str);
    let call: Vec<&str> = [verb].into_iter().chain(nodes).collect();
    platform.docker(&call).map(drop)
}
