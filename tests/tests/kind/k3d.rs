//! Platforms on k3d: with nodes of k3s if its image can be pulled, else with the stand-in in tests/kubernetes.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use devplat_tests::{call::until, platform::Platform};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    killed::{destroyed, forget_journal_later, nothing_is_left},
    lane::{docker_changes, docker_is_mine},
    life::status,
    readme::blocks,
    shared::{LONG, with_shared_cache},
};

const UP: [&str; 4] = ["up", "--profile", "k3d", "--yes"];
/// A kubeconfig whose context k3d must neither change nor replace as the current one.
const KUBECONFIG: &str = "apiVersion: v1
kind: Config
current-context: prod
clusters: [{name: prod, cluster: {server: https://prod.example}}]
contexts: [{name: prod, context: {cluster: prod, user: prod}}]
users: [{name: prod, user: {}}]
";

/// Runs the README's commands, and compares this machine before and after them.
pub(crate) fn commands_of_the_readme_work_and_leave_no_trace() -> Result<()> {
    let platform = with_shared_cache("k3d")?;
    let _alone = docker_is_mine();
    fs::create_dir_all(platform.home().join(".kube"))?;
    fs::write(platform.home().join(".kube/config"), KUBECONFIG)?;
    let before = platform.traces()?;
    let script = blocks("sh k3d")?.concat();
    let script = script
        .replace("devplat/devplat/", &format!("devplat/{}/", platform.name))
        .replace("@devplat", &format!("@{}", platform.name));
    let up = UP.join(" ");
    let (first, rest) = script.split_once('\n').context("the block has several lines")?;
    ensure!(first == "devplat up --profile k3d" && rest.contains("devplat destroy --yes"), "{script}");
    let looks = format!(
        "devplat {up} 2>&1 | tee second
         grep -q 'nothing to change' second
         docker port k3d-{name}-server-0 6443 | grep -q '^127.0.0.1:'
         kubectl --kubeconfig ~/.local/state/devplat/{name}/kubeconfig -n kube-public get configmap local-registry-hosting -o yaml > hosting
         grep -q 'dev.devplat.platform\\|devplat.dev/platform' hosting
         grep -q 'devplat-{name}-registry:5000' hosting
         ls -A ~/.config 2>/dev/null && exit 1
",
        name = platform.name,
    );
    let (ssh, end) = rest.split_once("devplat destroy").context("the block ends with destroy")?;
    let ssh = ssh.replace(" create mydev --wait", " create mydev --wait </dev/null");
    let typed = format!("set -euo pipefail; cd\n{first} --yes\n{looks}{ssh}devplat destroy{end}");
    let typed = platform.type_in(&typed)?.expect(0)?.stdout;
    ensure!(typed.contains("; nothing is left"), "{typed}");
    let after = platform.traces()?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    Ok(fs::remove_file(platform.home().join(".kube/config"))?)
}

/// Each run starts without a platform, so that only half-made resources exist; every second one loses its journal.
pub(crate) fn destroy_leaves_nothing_after_a_kill_in_up() -> Result<()> {
    let platform = with_shared_cache("k3d-cut")?;
    let _changes = docker_changes();
    let steps = [
        "create network",
        "create local registry",
        "create cluster",
        "cluster: Starting node",
        "create release operator",
    ];
    for (turn, step) in steps.into_iter().enumerate() {
        kill_at(platform, step)?;
        if turn % 2 == 1 {
            forget_journal_later(platform)?;
        }
        destroyed(platform)?;
        nothing_is_left(platform).with_context(|| format!("killed in {step:?}"))?;
    }
    Ok(())
}

/// A half-created cluster is replaced, and blobs in the registry are not pushed again.
pub(crate) fn up_continues_after_a_kill_in_up() -> Result<()> {
    let platform = with_shared_cache("k3d-on")?;
    let _changes = docker_changes();
    kill_at(platform, "cluster: Starting node")?;
    let went_on = platform.run(&UP)?.expect(0)?.stderr;
    ensure!(went_on.contains("ready: platform"), "{went_on}");
    let status = status_by_name(&status(platform)?)?;
    ensure!(status.values().all(|ready| *ready), "{status:#?}");
    // Delete only the registry: `up` creates it again, with its images.
    platform.docker(&["rm", "--force", "--volumes", &format!("devplat-{}-registry", platform.name)])?;
    let mended = platform.run(&UP)?.expect(0)?.stderr;
    ensure!(mended.contains("local registry: create done"), "{mended}");
    // Stop the node, as a restart of the machine does.
    platform.docker(&["stop", &format!("k3d-{}-server-0", platform.name)])?;
    platform.run(&UP)?.expect(0)?;
    destroyed(platform)?;
    nothing_is_left(platform)
}

fn status_by_name(status: &Value) -> Result<BTreeMap<String, bool>> {
    let parts = status["parts"].as_array().context("a status has parts")?;
    let part = |part: &Value| Some((part["name"].as_str()?.to_owned(), part["ready"].as_bool()?));
    Ok(parts.iter().filter_map(part).collect())
}

fn kill_at(platform: &Platform, step: &str) -> Result<()> {
    let running = platform.devplat(&UP)?.start()?;
    until(step, LONG, || {
        let said = running.stderr()?;
        ensure!(!said.contains("error:") && !said.contains("ready: platform"), "{said}");
        Ok(said.lines().any(|line| line.starts_with(step)).then_some(()))
    })?;
    running.signal(Signal::KILL)?;
    ensure!(running.wait(LONG)?.status.is_none(), "the run ended before it was killed");
    Ok(())
}
