//! Platforms on k3d: with nodes of k3s if its image can be pulled, else with the stand-in in tests/kubernetes.

use std::fs;

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    call::until,
    platform::{Platform, on_path},
};
use rustix::process::Signal;

use crate::{
    lane::{docker_changes, docker_is_mine},
    readme::blocks,
    shared::{LONG, with_shared_cache},
    steps::Subject,
    traces::{destroyed, forget_journal, nothing_is_left},
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

/// The user's own ssh configuration. Its last line does not end with a line feed.
const SSH_CONFIG: &str = "# By hand.\nHost mine\n  HostName mine.example";
/// Checks of the platform after `up`.
const LOOKS: &str = r#"
UP 2>&1 | tee second
grep -q 'nothing to change' second
docker port "k3d-$DEVPLAT_NAME-server-0" 6443 | grep -q '^127.0.0.1:'
kubeconfig=~/.local/state/devplat/$DEVPLAT_NAME/kubeconfig
kubectl --kubeconfig "$kubeconfig" -n kube-public get configmap local-registry-hosting -o yaml > hosting
grep -q 'dev.devplat.platform\|devplat.dev/platform' hosting
grep -q "devplat-$DEVPLAT_NAME-registry:5000" hosting
ls -A ~/.config 2>/dev/null && exit 1
"#;
/// Checks of the block in the user's own ssh configuration, with the dev server `mydev`. OpenSSH reads the configuration
/// in the home of the account, which is not `$HOME` here.
const SHORTER_LINES: &str = r#"
devplat ssh-config --yes
ssh() { command ssh -F ~/.ssh/config -o BatchMode=yes "$@"; }
[[ $(ssh -G "mydev.demo.$DEVPLAT_NAME") == *"proxyjump demo@$DEVPLAT_NAME"* ]]
ssh "mydev.demo.$DEVPLAT_NAME" true
[[ $(ssh "mydev.demo.$DEVPLAT_NAME" 'echo $DEVSERVER_NAME') == mydev ]]
[[ $(ssh "demo+mydev@$DEVPLAT_NAME" 'echo $DEVSERVER_NAME') == mydev ]]
[[ $(ssh "$DEVPLAT_NAME" list -o name) == *mydev* ]]
[[ $(devplat status 2>/dev/null) == *"  ssh demo@$DEVPLAT_NAME" ]]
[[ $(ssh -G mine) == *"hostname mine.example"* ]]
"#;

/// Runs the README's commands without a terminal, and compares this machine before and after them.
pub(crate) fn commands_of_the_readme_work_and_leave_no_trace() -> Result<()> {
    let platform = with_shared_cache("k3d")?;
    let _alone = docker_is_mine();
    let (kubeconfig, ssh) = (platform.home().join(".kube/config"), platform.home().join(".ssh/config"));
    for (file, text) in [(&kubeconfig, KUBECONFIG), (&ssh, SSH_CONFIG)] {
        fs::create_dir_all(file.parent().context("it is in a folder")?)?;
        fs::write(file, text)?;
    }
    let before = platform.traces()?;
    let script = blocks("sh k3d")?.concat();
    let script = script
        .replace("devplat/devplat/", &format!("devplat/{}/", platform.name))
        .replace("@devplat", &format!("@{}", platform.name));
    let (up, rest) = script.split_once('\n').context("the block has several lines")?;
    let (create, end) = rest.split_once("devplat destroy").context("the block ends with destroy")?;
    let expected = up == "devplat up --profile k3d" && create.contains("create mydev") && end == " --yes\n";
    ensure!(expected, "{script}");
    let looks = LOOKS.replace("UP", up);
    let typed = format!("cd\n{up}\n{looks}{create}{SHORTER_LINES}devplat destroy{end}");
    let call = platform.call(on_path("bash")?)?.args(["-euo", "pipefail", "-c", &typed]);
    let ended = call.run(LONG)?.expect(0)?;
    ensure!(ended.stderr.contains("; nothing is left"), "{}", ended.stderr);
    let after = platform.traces()?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    let left = fs::read_to_string(&ssh)?;
    ensure!(left == SSH_CONFIG, "the user's ssh configuration has changed:\n{left}");
    Ok(fs::remove_file(kubeconfig)?)
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
            forget_journal(platform)?;
        }
        destroyed(platform)?;
        nothing_is_left(platform).with_context(|| format!("killed in {step:?}"))?;
    }
    Ok(())
}

pub(crate) fn up_and_destroy_converge_after_a_kill_in_any_step() -> Result<()> {
    let platform = with_shared_cache("k3d-on")?;
    let _changes = docker_changes();
    let subject = Subject::k3d(platform);
    subject.kill_up_in_each_step()?;
    deleted_registry_and_stopped_node_are_restored(platform)?;
    subject.kill_destroy_in_each_of(&["cluster", "local registry", "network"])?;
    nothing_is_left(platform)
}

fn deleted_registry_and_stopped_node_are_restored(platform: &Platform) -> Result<()> {
    platform.docker(&["rm", "--force", "--volumes", &format!("devplat-{}-registry", platform.name)])?;
    let restored = platform.run(&UP)?.expect(0)?.stderr;
    ensure!(restored.contains("local registry: create done"), "{restored}");
    // Stop the node, as a restart of the machine does.
    platform.docker(&["stop", &format!("k3d-{}-server-0", platform.name)])?;
    platform.run(&UP)?.expect(0)?;
    Ok(())
}

fn kill_at(platform: &Platform, step: &str) -> Result<()> {
    // With -v the lines of k3d are printed as well.
    let running = platform.devplat(&[&UP[..], &["-v"]].concat())?.start()?;
    until(step, LONG, || {
        let said = running.stderr()?;
        ensure!(!said.contains("\nerror:") && !said.contains("ready: platform"), "{said}");
        Ok(said.lines().any(|line| line.starts_with(step)).then_some(()))
    })?;
    running.signal(Signal::KILL)?;
    ensure!(running.wait(LONG)?.status.is_none(), "the run ended before it was killed");
    Ok(())
}
