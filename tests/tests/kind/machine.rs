//! Missing programs and other obstacles on a machine. Each is reported before the first step.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    binaries,
    platform::{Platform, on_path},
};

use crate::{
    input::{expect_failure, said},
    lane::docker_is_mine,
    shared::{LONG, platform},
};

const UP: [&str; 4] = ["up", "--profile", "kind", "--yes"];

pub(crate) fn absent_docker_is_reported() -> Result<()> {
    let platform = platform()?;
    let ended = platform.devplat(&UP)?.env("PATH", only(platform, &["kind"])?).run(LONG)?.expect(3)?;
    said(platform, "absent docker", &ended.stderr);
    Ok(())
}

pub(crate) fn stopped_docker_is_reported() -> Result<()> {
    let platform = platform()?;
    let socket = format!("unix://{}/no.sock", platform.home().display());
    let ended = platform.devplat(&UP)?.env("DOCKER_HOST", socket).run(LONG)?.expect(3)?;
    said(platform, "stopped docker", &ended.stderr);
    Ok(())
}

/// The engine's socket exists, but only its group may use it: the case of a user who is not in the group docker.
pub(crate) fn docker_without_permission_is_reported() -> Result<()> {
    let platform = Platform::new("nobody")?;
    let call = if rustix::process::geteuid().is_root() {
        // Programs and home must be in folders that the unprivileged user may enter.
        let folder = platform.home().join("open");
        copy_programs(&platform, &folder)?;
        for open in [platform.home(), &folder] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777))?;
        }
        let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        platform
            .call(folder.join("devplat"))?
            .args(UP)
            .env("DEVPLAT_CACHE_DIR", &folder)
            .through(on_path("setpriv")?, &nobody)
    } else {
        let socket = platform.home().join("docker.sock");
        let _listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o000))?;
        platform.devplat(&UP)?.env("DOCKER_HOST", format!("unix://{}", socket.display()))
    };
    let ended = call.run(LONG)?.expect(3)?;
    said(&platform, "docker without permission", &ended.stderr);
    Ok(())
}

pub(crate) fn absent_kind_is_reported() -> Result<()> {
    // There is no platform yet, so the number of steps is printed as well.
    let platform = Platform::new("no-kind")?;
    let path = only(&platform, &["docker"])?;
    let ended = platform.devplat(&UP)?.env("PATH", path).run(LONG)?.expect(3)?;
    said(&platform, "absent kind", &ended.stderr);
    Ok(())
}

pub(crate) fn taken_port_is_reported_before_the_first_step() -> Result<()> {
    let platform = Platform::new("taken-port")?;
    let _alone = docker_is_mine();
    let before = platform.traces()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let set = format!("cluster.kind.apiServerPort={port}");
    let ended = platform.run(&["up", "--profile", "kind", "--yes", "--set", &set])?.expect(3)?;
    let process = format!("(process {})", std::process::id());
    let said_by = ended.stderr.replace(&port, "PORT").replace(&process, "(process NUMBER)");
    let name = said_by.split("taken by ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    said(&platform, "taken port", &said_by.replace(name, "PROGRAM"));
    ensure!(platform.traces()? == before, "Docker objects were created");
    Ok(())
}

pub(crate) fn doctor_lists_missing_programs() -> Result<()> {
    let platform = platform()?;
    platform.run(&["doctor"])?.expect(0)?;
    let ended =
        platform.devplat(&["doctor"])?.env("PATH", only(platform, &["docker"])?).run(LONG)?.expect(3)?;
    ensure!(ended.stderr.contains("this machine lacks: kind"), "{}", ended.stderr);
    ensure!(ended.stdout.contains("kind is not installed"), "{}", ended.stdout);
    Ok(())
}

pub(crate) fn absent_context_is_reported() -> Result<()> {
    let platform = platform()?;
    with_kubeconfig(platform, "http://127.0.0.1:1")?;
    let plan = ["plan", "--profile", "existing", "--set", "images.registry=registry.example/team"];
    expect_failure(platform, &[&plan[..], &["--context", "prodd"]].concat(), 2, "absent context")?;
    expect_failure(platform, &plan, 2, "no context named")?;
    forget_kubeconfig(platform)
}

pub(crate) fn context_without_an_answer_is_reported() -> Result<()> {
    let platform = platform()?;
    // A port that was bound and released, so that no process listens on it.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    with_kubeconfig(platform, &format!("http://{address}"))?;
    let ended = platform.run(&existing())?.expect(3)?;
    said(platform, "context that does not answer", &ended.stderr.replace(&address, "ADDRESS"));
    forget_kubeconfig(platform)
}

pub(crate) fn context_of_an_unsupported_version_is_reported() -> Result<()> {
    let platform = platform()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    // The thread ends with this program.
    thread::Builder::new().spawn(move || answer_as_old(&listener))?;
    with_kubeconfig(platform, &format!("http://{address}"))?;
    let ended = platform.run(&existing())?.expect(3)?;
    said(platform, "context of an unsupported version", &ended.stderr.replace(&address, "ADDRESS"));
    forget_kubeconfig(platform)
}

/// The container has kind's label, so kind treats it as a node of a cluster of that name.
pub(crate) fn foreign_cluster_is_not_changed() -> Result<()> {
    let platform = Platform::new("foreign")?;
    let _alone = docker_is_mine();
    let node = format!("{}-control-plane", platform.name);
    let label = format!("io.x-k8s.kind.cluster={}", platform.name);
    let image = platform.docker(&["images", "--quiet"])?;
    let image = image.lines().next().context("Docker has no images")?;
    platform.docker(&["create", "--name", &node, "--label", &label, image, "sleep"])?;
    let before = platform.traces()?;
    expect_failure(&platform, &UP, 2, "foreign cluster")?;
    let destroyed = platform.run(&["destroy", "--yes"])?.expect(2)?;
    ensure!(platform.traces()? == before, "the foreign container was changed: {destroyed:?}");
    platform.docker(&["rm", "--volumes", &node])?;
    Ok(())
}

fn existing() -> [&'static str; 7] {
    ["plan", "--profile", "existing", "--context", "prod", "--set", "images.registry=registry.example/team"]
}

fn with_kubeconfig(platform: &Platform, server: &str) -> Result<()> {
    write_kubeconfig(platform, "prod", server)
}

fn write_kubeconfig(platform: &Platform, name: &str, server: &str) -> Result<()> {
    fs::create_dir_all(platform.home().join(".kube"))?;
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: '{name}'\n\
         clusters: [{{name: '{name}', cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: '{name}', context: {{cluster: '{name}', user: '{name}'}}}}]\n\
         users: [{{name: '{name}', user: {{}}}}]\n"
    );
    Ok(fs::write(platform.home().join(".kube/config"), text)?)
}

fn forget_kubeconfig(platform: &Platform) -> Result<()> {
    Ok(fs::remove_dir_all(platform.home().join(".kube"))?)
}

/// Answers every request with an old version.
fn answer_as_old(listener: &TcpListener) {
    let body = serde_json::json!({
        "major": "1", "minor": "24", "gitVersion": "v1.24.1", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": ""
    })
    .to_string();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let _ = stream.read(&mut [0; 4096]);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
        let _ = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    }
}

/// Returns a `PATH` with only these commands.
pub(crate) fn only(platform: &Platform, commands: &[&str]) -> Result<PathBuf> {
    let folder = platform.home().join(format!("only-{}", commands.join("-")));
    fs::create_dir_all(&folder)?;
    for command in commands {
        let link = folder.join(command);
        if !link.exists() {
            // kind and k3d are built for the tests.
            let program = on_path(command).or_else(|_| binaries::command(command))?;
            symlink(program, link)?;
        }
    }
    Ok(folder)
}

fn copy_programs(platform: &Platform, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for program in ["devplat", "devplat-operator", "devplat-bastion", "devplat-agent", "devctl"] {
        fs::copy(platform.program(program), folder.join(program))?;
    }
    Ok(())
}

/// Without a profile, devplat names the cluster of the current context and does not change it.
pub(crate) fn current_cluster_is_recognised_and_not_changed() -> Result<()> {
    let platform = platform()?;
    let local = "https://127.0.0.1:6443";
    let eks = "https://ABCDEF.gr7.eu-west-1.eks.amazonaws.com";
    for (context, server, is) in [
        ("kind-work", local, "kind cluster work"),
        ("k3d-work", local, "k3d cluster work"),
        ("minikube", local, "minikube cluster minikube"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/work", eks, "EKS cluster work"),
        ("work", "https://kubernetes.example", "is a cluster"),
    ] {
        write_kubeconfig(platform, context, server)?;
        for verb in [&["up"][..], &["up", "--yes"], &["plan"]] {
            let ended = platform.run(verb)?.expect(2)?;
            ensure!(ended.stderr.contains(is), "{context} is a {is}, not: {}", ended.stderr);
            let hint = format!("--profile existing --context {context}");
            ensure!(ended.stderr.contains(&hint), "{}", ended.stderr);
        }
    }
    forget_kubeconfig(platform)?;
    let plan = platform.run(&["plan"])?.expect(0)?;
    ensure!(plan.stderr.contains("the kubeconfig names no cluster: using profile kind"), "{}", plan.stderr);
    Ok(())
}
