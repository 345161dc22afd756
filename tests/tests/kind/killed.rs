//! Interrupted `up` and `destroy`, at every step: by SIGKILL, also with a lost journal, and by Ctrl-C.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use devplat_tests::{call::until, platform::Platform};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    input::{error_in, said},
    lane::{docker_changes, docker_is_mine},
    shared::{LONG, UP, began, new_platform, platform, ready, with_shared_cache},
    steps::Subject,
    traces::{destroyed, forget_journal, nothing_is_left},
};

pub(crate) fn up_converges_after_a_kill_in_any_step() -> Result<()> {
    let _changes = docker_changes();
    Subject::kind(platform()?).kill_up_in_each_step()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    ensure!(!mounts.contains("/devplat-scratch-"), "mounts are left on this machine:\n{mounts}");
    Ok(())
}

/// Both steps must be running at the same time.
pub(crate) fn images_are_assembled_while_the_cluster_starts() -> Result<()> {
    let platform = new_platform("at-once")?;
    let _changes = docker_changes();
    let running = platform.devplat(&UP)?.start()?;
    until("the cluster and the largest image to be made concurrently", LONG, || {
        let said = running.stderr()?;
        ensure!(!said.contains("error:") && !said.contains("cluster: create done"), "{said}");
        ensure!(!said.contains("image devserver-base: create done"), "{said}");
        let begun = |step: &str| said.lines().any(|line| line.starts_with(step));
        Ok((begun("create cluster") && begun("create image devserver-base")).then_some(()))
    })?;
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    nothing_is_left(platform)
}

/// Each run starts without a platform, so that only half-made resources exist; every second one loses its journal, and
/// `destroy` follows immediately, while Docker may still work on a call.
pub(crate) fn destroy_leaves_nothing_after_a_kill_in_up() -> Result<()> {
    let platform = with_shared_cache("cut-short")?;
    let _changes = docker_changes();
    // The beginnings of lines. At the second line of the cluster, its node is already running.
    for (turn, step) in ["create network", "create cluster", "cluster: starting", "create release operator"]
        .into_iter()
        .enumerate()
    {
        // With -v the lines of kind are printed as well.
        let running = platform.devplat(&[&UP[..], &["-v"]].concat())?.start()?;
        until(step, LONG, || {
            let said = running.stderr()?;
            ensure!(!said.contains("\nerror:") && !said.contains("ready: platform"), "{said}");
            Ok(said.lines().any(|line| line.starts_with(step)).then_some(()))
        })?;
        running.signal(Signal::KILL)?;
        ensure!(running.wait(LONG)?.status.is_none(), "the run ended before it was killed");
        if turn % 2 == 1 {
            forget_journal(platform)?;
        }
        destroyed(platform)?;
        nothing_is_left(platform).with_context(|| format!("killed in {step:?}"))?;
    }
    Ok(())
}

pub(crate) fn destroy_finishes_after_a_kill_in_destroy() -> Result<()> {
    let platform = ready()?;
    let _changes = docker_changes();
    Subject::kind(platform).kill_destroy_in_each_of(&["cluster", "network"])?;
    nothing_is_left(platform)
}

pub(crate) fn interrupted_up_can_be_continued_or_destroyed() -> Result<()> {
    let platform = with_shared_cache("interrupted")?;
    let _alone = docker_is_mine();
    let before = platform.traces()?;
    // After the first signal, calls that must not be interrupted are finished, waits end, and no step starts.
    let running = platform.devplat(&UP)?.start()?;
    began(&running, "create cluster")?;
    running.signal(Signal::INT)?;
    let ended = running.wait(LONG)?.expect(4)?;
    ensure!(ended.stderr.contains("cluster: created; not waiting until it is ready"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("create release"), "{}", ended.stderr);
    said(platform, "interrupted", &error_in(&ended.stderr));
    // SIGTERM ends a wait for a Deployment as Ctrl-C does.
    let running = platform.devplat(&UP)?.start()?;
    began(&running, "create release operator")?;
    running.signal(Signal::TERM)?;
    running.wait(Duration::from_secs(10))?.expect(4)?;
    // After the second signal, running steps are abandoned.
    let running = platform.devplat(&UP)?.start()?;
    began(&running, "create release operator")?;
    running.signal(Signal::INT)?;
    until("the report that it stops", Duration::from_secs(10), || {
        Ok(running.stderr()?.contains("Ctrl-C again").then_some(()))
    })?;
    running.signal(Signal::INT)?;
    let ended = running.wait(Duration::from_secs(10))?;
    // That step may just have ended.
    ensure!(ended.status == Some(4), "{ended:?}");
    interrupt_before_the_proof_leaves_no_dev_server(platform)?;
    foreign_container_in_its_network_is_reported_and_kept(platform)?;
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    let after = platform.traces()?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    Ok(())
}

/// The bastion is slow to become ready, so that the dev server of the proof exists before it is.
fn interrupt_before_the_proof_leaves_no_dev_server(platform: &Platform) -> Result<()> {
    let folder = platform.home().join("slow");
    fs::create_dir_all(folder.join("bastion"))?;
    let template = include_str!("../../../templates/bastion/deployment.yaml.hbs");
    let probe = "readinessProbe:\n";
    ensure!(template.contains(probe), "the bastion no longer has a readiness probe");
    let slow = template.replace(probe, "readinessProbe:\n            initialDelaySeconds: 40\n");
    fs::write(folder.join("bastion/deployment.yaml.hbs"), slow)?;
    let folder = folder.display().to_string();
    let running = platform.devplat(&[&UP[..], &["--templates", &folder]].concat())?.start()?;
    until("the dev server for the proof", LONG, || {
        let said = running.stderr()?;
        ensure!(!said.contains("\nerror:") && !said.contains("ready: platform"), "{said}");
        Ok(said.contains("dev server for the proof: create done").then_some(()))
    })?;
    running.signal(Signal::TERM)?;
    // The bastion would be ready after 40 s.
    let ended = running.wait(Duration::from_secs(30))?.expect(4)?;
    ensure!(ended.stderr.contains("dev server for the proof: delete done"), "{}", ended.stderr);
    // The run has not waited until they are gone.
    let listed = platform.kubectl(&["get", "devservers,devusers", "-A", "-o", "json"])?;
    let listed: Value = serde_json::from_str(&listed)?;
    let stays = |object: &&Value| {
        let metadata = &object["metadata"];
        metadata["name"] == "devplat-proof" && metadata["deletionTimestamp"].is_null()
    };
    let left: Vec<&Value> = listed["items"].as_array().into_iter().flatten().filter(stays).collect();
    ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}

fn foreign_container_in_its_network_is_reported_and_kept(platform: &Platform) -> Result<()> {
    let (node, guest) = (format!("{}-control-plane", platform.name), format!("{}-guest", platform.name));
    let image = platform.docker(&["inspect", "--format", "{{.Config.Image}}", &node])?;
    let network = format!("devplat-{}", platform.name);
    let run = ["run", "--detach", "--name", &guest, "--network", &network, "--entrypoint", "sleep"];
    platform.docker(&[&run[..], &[image.trim(), "600"]].concat())?;
    let ended = platform.run(&["destroy", "--yes"]);
    let runs = platform.docker(&["inspect", "--format", "{{.State.Running}}", &guest]);
    platform.docker(&["rm", "--force", "--volumes", &guest])?;
    let ended = ended?.expect(5)?;
    said(platform, "left", &error_in(&ended.stderr));
    ensure!(runs?.trim() == "true", "{guest} was stopped");
    Ok(())
}
