//! A ready platform with unusual shells and folders: none of them leads a run to another place.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use devplat_tests::{call::Ended, platform::Platform};
use serde_json::Value;

use crate::shared::{LONG, READ_ONLY, UP, ready};

/// An address without a server.
const DEAD: &str = "http://127.0.0.1:9";

/// Variables that kind, k3d, Docker's command or an HTTP client read.
const VARIABLES: [(&str, &str); 18] = [
    ("HTTP_PROXY", DEAD),
    ("HTTPS_PROXY", DEAD),
    ("ALL_PROXY", DEAD),
    ("http_proxy", DEAD),
    ("https_proxy", DEAD),
    ("all_proxy", DEAD),
    ("KUBECONFIG", "/nowhere/config"),
    ("KIND_CLUSTER_NAME", "other"),
    ("KIND_EXPERIMENTAL_PROVIDER", "podman"),
    ("KIND_EXPERIMENTAL_DOCKER_NETWORK", "other"),
    ("K3D_CONFIG", "/nowhere/k3d.yaml"),
    ("K3D_FIX_DNS", "1"),
    ("K3D_IMAGE_TOOLS", "registry.example/nothing"),
    ("DOCKER_DEFAULT_PLATFORM", "linux/s390x"),
    ("DOCKER_CONTENT_TRUST", "1"),
    ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
    ("KUBERNETES_SERVICE_PORT", "9"),
    ("SSH_AUTH_SOCK", "/nowhere/agent"),
];

pub(crate) fn variables_of_the_shell_have_no_effect() -> Result<()> {
    let platform = ready()?;
    let steered = |args: &[&str]| steered(platform, args);
    // So that devplat asks kind for it again.
    fs::remove_file(platform.kubeconfig())?;
    let again = steered(&UP)?.expect(0)?;
    ensure!(platform.kubeconfig().exists(), "{}", again.stderr);
    let again = steered(&UP)?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    let status: Value = serde_json::from_str(&steered(&["status", "--output", "json"])?.expect(0)?.stdout)?;
    ensure!(status["ready"] == true, "{status:#}");
    Ok(())
}

/// Runs devplat with all of these variables.
pub(crate) fn steered(platform: &Platform, args: &[&str]) -> Result<Ended> {
    let call = platform.devplat(args)?;
    VARIABLES.iter().fold(call, |call, (name, value)| call.env(name, *value)).run(LONG)
}

pub(crate) fn read_only_verbs_change_no_file_of_the_user() -> Result<()> {
    let platform = ready()?;
    let ssh = platform.home().join(".ssh");
    fs::create_dir_all(&ssh)?;
    fs::write(ssh.join("config"), "Host mine\n")?;
    let before = || Ok::<_, anyhow::Error>([files(&platform.state())?, files(&ssh)?]);
    let all = before()?;
    let other: &[&str] = &["plan", "--profile", "k3d"];
    for verb in READ_ONLY.into_iter().chain([other]) {
        let status = if verb == other { 2 } else { 0 };
        platform.run(verb)?.expect(status)?;
        ensure!(before()? == all, "{verb:?} changed a file");
    }
    Ok(fs::remove_file(ssh.join("config"))?)
}

/// With another engine or account in the decisions, nothing is changed, and a hint names the way out.
pub(crate) fn platform_of_another_engine_or_account_is_not_changed() -> Result<()> {
    let platform = ready()?;
    let file = platform.state().join("decisions.json");
    let text = fs::read_to_string(&file)?;
    let mut decisions: Value = serde_json::from_str(&text)?;
    let place = decisions["place"].as_object_mut().context("the place is remembered")?;
    place.insert("id".to_owned(), "another".into());
    fs::write(&file, decisions.to_string())?;
    for verb in [&UP[..], &["plan"], &["status"], &["destroy", "--yes"]] {
        let refused = platform.run(verb)?.expect(2)?;
        ensure!(refused.stderr.contains("was made in the Docker engine another"), "{}", refused.stderr);
        ensure!(refused.stderr.contains("--forget"), "{}", refused.stderr);
    }
    fs::write(&file, text)?;
    let node = format!("{}-control-plane", platform.name);
    let running = platform.docker(&["inspect", "--format", "{{.State.Running}}", &node])?;
    ensure!(running.trim() == "true", "{running}");
    Ok(())
}

/// In a configuration of ssh, `%` begins a token, and a quote ends a path.
pub(crate) fn state_folder_may_have_any_name() -> Result<()> {
    let platform = ready()?;
    let odd = platform.home().join("100%h \"odd\" \\ 'one'");
    let of = odd.join(&platform.name);
    fs::create_dir_all(&odd)?;
    let copied = platform.call("/bin/cp")?.args(["-a".into(), platform.state(), of]).run(LONG)?;
    copied.expect(0)?;
    let run = |args: &[&str]| platform.devplat(args)?.env("DEVPLAT_STATE_DIR", &odd).run(LONG);
    run(&UP)?.expect(0)?;
    let status: Value = serde_json::from_str(&run(&["status", "--output", "json"])?.expect(0)?.stdout)?;
    let next = status["next"].as_str().context("no next line")?;
    ensure!(next.contains("100%h"), "{next}");
    platform.type_in(&format!("{next} list </dev/null\n"))?.expect(0)?;
    // The same for the block in the user's own configuration.
    let config = platform.home().join(".ssh/config");
    let existed = config.exists();
    run(&["ssh-config", "--yes"])?.expect(0)?;
    let line = format!("ssh -F {} demo@{} list </dev/null\n", config.display(), platform.name);
    platform.type_in(&line)?.expect(0)?;
    run(&["ssh-config", "--remove"])?.expect(0)?;
    ensure!(config.exists() == existed, "{} is left, or deleted", config.display());
    fs::remove_dir_all(odd)?;
    up_again(platform)
}

/// Runs `up` with the usual state folder, whose files have not changed.
fn up_again(platform: &Platform) -> Result<()> {
    let again = platform.run(&UP)?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    Ok(())
}

/// Returns the content of each file below `folder`.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.append(&mut files(&path)?);
        } else {
            all.insert(path.display().to_string(), fs::read(&path)?);
        }
    }
    Ok(all)
}
