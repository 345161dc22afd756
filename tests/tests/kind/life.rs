//! The life of a platform: observed, used, changed, stopped and started again.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use devplat_tests::{call::until, platform::on_path};
use serde_json::Value;

use crate::{
    input::{error_in, said},
    shared::{LONG, UP, began, containers_are_made, example, ready, signs_in, status, up},
};

pub(crate) fn status_lists_every_part_and_the_next_line() -> Result<()> {
    let platform = ready()?;
    let said_json = serde_json::to_string_pretty(&status(platform)?)?;
    said(platform, "status json", &said_json);
    let human = platform.run(&["status"])?.expect(0)?.stdout;
    said(platform, "status", &human);
    Ok(())
}

/// A command of each package in the base image of dev servers.
const PACKAGES: &str = "set -e; echo in $HOME; python3 --version; for one in bash ls git rsync ssh tmux curl ps; do command -v $one; done; test -s /etc/ssl/certs/ca-certificates.crt";

/// The printed line signs in, and runs a command that is appended to it.
pub(crate) fn next_command_line_works() -> Result<()> {
    let platform = ready()?;
    let status = status(platform)?;
    let next = status["next"].as_str().context("no next line")?;
    ensure!(next.starts_with("ssh ") && status["ssh"] == next, "{next}");
    let server = next.replace("demo@", "demo+first@");
    let typed = platform.type_in(&format!(
        "{next} create first --wait\n{server} '{PACKAGES}'\n{next} delete first --force --delete-home\n"
    ))?;
    let typed = typed.expect(0)?.stdout;
    ensure!(typed.contains("in /home/dev"), "{typed}");
    ensure!(typed.contains("Python 3."), "{typed}");
    Ok(())
}

pub(crate) fn second_server_of_the_same_name_is_rejected() -> Result<()> {
    let platform = ready()?;
    let example = example(platform)?;
    let apply = |verb: &str| platform.kubectl_ended(&[verb, "-f", &example]);
    apply("apply")?.expect(0)?;
    let second = apply("create")?.expect(1)?;
    ensure!(
        second.stderr.contains(r#"devservers.apps.devservers.io "mydev" already exists"#),
        "{}",
        second.stderr
    );
    Ok(())
}

pub(crate) fn unknown_flavor_is_a_condition_of_its_server() -> Result<()> {
    let platform = ready()?;
    let text = fs::read_to_string(example(platform)?)?;
    let text = text.replace("name: mydev", "name: odd").replace("cpu-small", "cpu-tiny");
    let file = platform.home().join("odd.yaml");
    fs::write(&file, text)?;
    platform.kubectl(&["apply", "-f", &file.display().to_string()])?;
    let wait = ["wait", "--for=condition=Ready=False", "--timeout=30s", "devserver/odd"];
    platform.kubectl(&wait)?;
    let message = platform.kubectl(&["get", "devserver/odd", "-o", "jsonpath={.status.conditions}"])?;
    ensure!(
        message.contains("cpu-tiny") && message.contains("cpu-small"),
        "the message names neither: {message}"
    );
    platform.kubectl(&["delete", "devserver/odd"])?;
    Ok(())
}

/// The cache is on a file system of one MiB, which has no room for the operator's image.
pub(crate) fn full_disk_is_reported_and_leaves_no_partial_file() -> Result<()> {
    let platform = ready()?;
    let small = platform.home().join("small");
    fs::create_dir_all(&small)?;
    let unshare = small_disk(&small, "1m");
    let unshare: Vec<&str> = unshare.iter().map(String::as_str).collect();
    // The assembly of the base image uses another folder and would take long to fail.
    let set = "devServers.image=registry.example/dev:1";
    let ended = platform
        .devplat(&[&UP[..], &["--set", set]].concat())?
        .env("DEVPLAT_CACHE_DIR", &small)
        .through(on_path("unshare")?, &unshare)
        .run(LONG)?
        .expect(4)?;
    // The images are assembled concurrently, so any of them may be the first to find the disk full.
    said(
        platform,
        "full disk",
        &["devplat-agent", "devplat-operator", "devplat-bastion"]
            .iter()
            .fold(error_in(&ended.stderr), |text, image| text.replace(image, "IMAGE")),
    );
    platform.run(&[&UP[..], &["--set", "devServers.image=auto"]].concat())?.expect(0)?;
    Ok(())
}

/// Returns the arguments of `unshare` before a program that has a file system of this size in `folder`. No other program
/// sees it, and it is gone when the program ends.
pub(crate) fn small_disk(folder: &Path, size: &str) -> Vec<String> {
    let script = format!("mount -t tmpfs -o size={size} none {} && exec \"$@\"", folder.display());
    let root: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let arguments = [&["--mount"][..], root, &["sh", "-euc", &script, "sh"]].concat();
    arguments.into_iter().map(str::to_owned).collect()
}

pub(crate) fn concurrent_run_is_rejected() -> Result<()> {
    let platform = ready()?;
    // A change, so that the first run holds the lock for a while.
    platform.kubectl(&["delete", "--namespace", "devplat-system", "configmap", "devplat-proof"])?;
    let first = platform.devplat(&UP)?.start()?;
    began(&first, "dev server for the proof")?;
    for verb in [&UP[..], &["destroy", "--yes"]] {
        let second = platform.run(verb)?.expect(2)?;
        ensure!(second.stderr.contains("is working on this platform"), "{}", second.stderr);
        said(platform, "concurrent run", &digits_out(&second.stderr));
    }
    first.wait(LONG)?.expect(0)?;
    Ok(())
}

pub(crate) fn events_are_json_lines() -> Result<()> {
    let platform = ready()?;
    platform.kubectl(&["delete", "--namespace", "devplat-system", "configmap", "devplat-proof"])?;
    let said = platform.run(&["up", "--profile", "kind", "--yes", "--output", "json"])?.expect(0)?;
    ensure!(said.stderr.is_empty(), "{}", said.stderr);
    let events: Vec<Value> = said.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let waiting = kinds.iter().filter(|kind| **kind == "waiting").count();
    ensure!(waiting > 0, "no event of a wait: {kinds:?}");
    let others: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "waiting").collect();
    // The dev server for the proof, then the proof.
    ensure!(others == ["planned", "begun", "done", "begun", "done", "ready"], "{others:?}");
    let failed = platform.run(&["plan", "--profile", "knid", "--output", "json"])?.expect(2)?;
    let event: Value = serde_json::from_str(&failed.stdout)?;
    ensure!(event["event"] == "error" && event["exit"] == 2, "{event:#}");
    Ok(())
}

pub(crate) fn bars_are_drawn_on_a_terminal_and_plain_lines_in_a_pipe() -> Result<()> {
    let platform = ready()?;
    let proof_again = ["delete", "--namespace", "devplat-system", "configmap", "devplat-proof"];
    let program = platform.program("devplat").display().to_string();
    platform.kubectl(&proof_again)?;
    let line = [&[program.as_str()], &UP[..]].concat().join(" ");
    let terminal = platform.call("script")?.env("TERM", "xterm").args(["-qec", &line, "/dev/null"]);
    let shown = terminal.run(LONG)?.expect(0)?.stdout;
    let spins = |frame: &&str| frame.contains(|one| ('\u{2801}'..='\u{28ff}').contains(&one));
    let frames: Vec<&str> = shown.split(['\r', '\n']).filter(spins).collect();
    // The proof itself may end before its bar is drawn.
    let step = "dev server for the proof";
    ensure!(frames.iter().any(|frame| frame.contains(step)), "no bar for {step:?}: {shown:?}");
    ensure!(shown.contains("ready: platform"), "{shown:?}");
    platform.kubectl(&proof_again)?;
    let plain = up(platform)?.expect(0)?.stderr;
    ensure!(plain.contains("create proof") && !plain.contains(['\u{1b}', '\r']), "{plain:?}");
    Ok(())
}

pub(crate) fn drift_is_repaired() -> Result<()> {
    let platform = ready()?;
    let operator = ["--namespace", "devserver-operator-system", "deployment/devserver-operator"];
    platform.kubectl(&["scale", "--replicas=0", operator[0], operator[1], operator[2]])?;
    let plan = platform.run(&["plan", "--profile", "kind"])?.expect(0)?.stdout;
    ensure!(plan.contains("spec.replicas"), "the plan does not name the field:\n{plan}");
    up(platform)?.expect(0)?;
    let replicas = platform.kubectl(&[
        "get",
        operator[0],
        operator[1],
        operator[2],
        "-o",
        "jsonpath={.spec.replicas}",
    ])?;
    ensure!(replicas == "1", "{replicas} replicas");
    Ok(())
}

/// `up` waits until the namespaces are gone, creates them again, and proves the new bastion before it is done.
pub(crate) fn namespaces_that_are_being_deleted_are_created_again() -> Result<()> {
    let platform = ready()?;
    for namespaces in [&["devserver-bastion"][..], &["devserver-operator-system"]] {
        platform.kubectl(&[&["delete", "namespace", "--wait=false"], namespaces].concat())?;
        let said = up(platform)?.expect(0)?.stderr;
        ensure!(
            said.contains("proof: create done") || said.contains("proof: update done"),
            "not proved again:\n{said}"
        );
        signs_in(platform)?;
    }
    Ok(())
}

/// A file of the user's own beside the generated keys stays.
pub(crate) fn key_of_a_dropped_user_is_deleted() -> Result<()> {
    let platform = ready()?;
    let ssh = platform.state().join("ssh");
    platform.run(&[&UP[..], &["--set", "users.bob.generateKey=true"]].concat())?.expect(0)?;
    let users = || platform.kubectl(&["get", "devusers", "--output", "name"]);
    ensure!(ssh.join("bob.pub").exists() && users()?.contains("/bob"), "bob was not added");
    let own = ssh.join("own.key");
    fs::write(&own, "the user's")?;
    // A value that was given is kept until it is given again.
    let kept = platform.run(&["plan", "--profile", "kind"])?.expect(0)?.stdout;
    ensure!(kept.contains("nothing to change"), "{kept}");
    let dropped = ["--set", "users.bob=null"];
    let plan = platform.run(&[&["plan", "--profile", "kind"][..], &dropped].concat())?.expect(0)?.stdout;
    let deletes = |line: &str| line.trim_start().starts_with("key of user bob") && line.contains(" delete ");
    ensure!(plan.lines().any(deletes) && !plan.contains("own"), "{plan}");
    platform.run(&[&UP[..], &dropped].concat())?.expect(0)?;
    ensure!(!ssh.join("bob.key").exists() && !ssh.join("bob.pub").exists(), "the key of bob is left");
    ensure!(!users()?.contains("/bob"), "user bob is left");
    let config = fs::read_to_string(ssh.join("config"))?;
    ensure!(!config.contains("bob"), "the ssh configuration still has bob:\n{config}");
    ensure!(ssh.join("demo.key").exists() && fs::read_to_string(&own)? == "the user's");
    fs::remove_file(own)?;
    let again = up(platform)?.expect(0)?.stderr;
    ensure!(again.contains("nothing to change"), "{again}");
    Ok(())
}

/// Stops the node, as a restart of the machine does.
pub(crate) fn stopped_node_is_started_and_homes_are_kept() -> Result<()> {
    let platform = ready()?;
    platform.kubectl(&["apply", "-f", &example(platform)?])?;
    let in_server =
        |command: &str| platform.kubectl(&["exec", "deployment/mydev", "--", "bash", "-c", command]);
    let wait = ["wait", "--for=condition=Ready", "--timeout=120s", "devserver/mydev"];
    platform.kubectl(&wait)?;
    in_server("echo kept > /home/dev/file && sync")?;
    containers_are_made(platform)?;
    platform.docker(&["stop", &format!("{}-control-plane", platform.name)])?;
    let status = platform.run(&["status", "--output", "json"])?;
    ensure!(status.stdout.contains("stopped"), "{}", status.stdout);
    up(platform)?.expect(0)?;
    let kept =
        until("the dev server's home", Duration::from_mins(2), || Ok(in_server("cat /home/dev/file").ok()))?;
    ensure!(kept == "kept\n", "{kept}");
    containers_are_made(platform)?;
    // The node is started manually, and `status` runs before the API server answers.
    platform.docker(&["restart", &format!("{}-control-plane", platform.name)])?;
    up(platform)?.expect(0)?;
    // The node has another name, and is connected to its network again with an address that Docker chooses.
    let (node, network) = (format!("{}-control-plane", platform.name), format!("devplat-{}", platform.name));
    platform.docker(&["rename", &node, &format!("{node}-old")])?;
    platform.docker(&["network", "disconnect", &network, &format!("{node}-old")])?;
    up(platform)?.expect(0)?;
    containers_are_made(platform)
}

/// The client certificate in the state folder expires after a year. The node's own kubeconfig may be newer.
pub(crate) fn expired_certificate_is_fetched_again() -> Result<()> {
    let platform = ready()?;
    let (file, key) = (platform.kubeconfig(), "client-certificate-data: ");
    let current = fs::read_to_string(&file)?;
    ensure!(current.matches(key).count() == 1, "{current}");
    let certificate = platform.home().join("expired.pem");
    let pem = include_bytes!("../../../connect/src/testdata/expired.pem");
    fs::write(&certificate, pem)?;
    let by_file = |line: &str| match line.split_once(key) {
        Some((indent, _)) => format!("{indent}client-certificate: {}", certificate.display()),
        None => line.to_owned(),
    };
    let expired = current.lines().map(by_file).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&file, &expired)?;
    let rejected = platform.kubectl_ended(&["get", "nodes"])?;
    ensure!(rejected.status != Some(0), "the certificate is accepted: {}", rejected.stdout);
    for verb in [&["status", "--output", "json"][..], &["users", "list"], &["plan"]] {
        let ended = platform.devplat(verb)?.run(Duration::from_secs(30))?.expect(0)?;
        ensure!(fs::read_to_string(&file)? == expired, "{verb:?} wrote the kubeconfig");
        if verb[0] == "status" {
            let status: Value = serde_json::from_str(&ended.stdout)?;
            ensure!(status["ready"] == true, "{status:#}");
        }
    }
    up(platform)?.expect(0)?;
    let written = fs::read_to_string(&file)?;
    ensure!(written == current, "`up` did not write the node's own kubeconfig:\n{current}\nbut:\n{written}");
    Ok(())
}

pub(crate) fn missing_rights_are_listed() -> Result<()> {
    let platform = ready()?;
    let text = fs::read_to_string(platform.kubeconfig())?;
    let file = platform.home().join("nobody.yaml");
    let context = format!("kind-{}", platform.name);
    fs::write(
        &file,
        text.replace("  user:\n", "  user:\n    as: stranger\n    as-groups: [system:authenticated]\n"),
    )?;
    let set = "images.registry=localhost:1/team";
    let ended = platform
        .devplat(&["plan", "--profile", "existing", "--context", &context, "--set", set])?
        .env("KUBECONFIG", &file)
        .run(LONG)?
        .expect(3)?;
    // Other tests have set values of the platform's own profile.
    said(platform, "user without rights", &error_in(&ended.stderr));
    Ok(())
}

fn digits_out(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            other => out.push(other),
        }
    }
    out
}
