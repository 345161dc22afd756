//! A cluster that somebody else made, with a registry that its nodes pull from: what comes into it goes again.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    bare, binaries,
    call::until,
    platform::{Platform, on_path},
    port,
    process::Process,
};

use crate::{
    input::{error_in, said},
    lane::docker_changes,
    readme::blocks,
    shared::{LONG, at_rest, with_shared_cache},
};

pub(crate) fn platform_comes_into_a_cluster_of_somebody_else_and_goes_without_a_trace() -> Result<()> {
    let platform = with_shared_cache("guest")?;
    let _changes = docker_changes();
    let registry = Registry::start(platform)?;
    let context = make_cluster(platform, &registry)?;
    let before = at_rest(|| objects(platform))?;
    let run = |args: &[&str]| platform.run(args);
    let prefix = format!("images.registry={}/team", registry.address);
    let up = ["up", "--profile", "existing", "--context", &context, "--set", &prefix];

    let asked = run(&up)?.expect(2)?;
    said(platform, "existing without a word", &error_in(&asked.stderr));
    ensure!(objects(platform)? == before, "something was made without a word");

    // As the README says it.
    let block = blocks("sh existing")?.concat();
    ensure!(block.contains("my-cluster") && block.contains("registry.example/team"), "{block}");
    let block = block
        .replace("my-cluster", &context)
        .replace("registry.example/team", &prefix["images.registry=".len()..]);
    let (install, rest) = block.split_once('\n').context("the block has several lines")?;
    platform.type_in(&format!("{install} --yes\n{rest}"))?.expect(0)?;

    let again = run(&[&up[..], &["--yes"]].concat())?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);

    port_forward_leads_in(platform)?;
    let example = platform.home().join("example.yaml");
    fs::write(&example, run(&["render", "example"])?.expect(0)?.stdout)?;
    kubectl(platform, &["apply", "-f", &example.display().to_string()])?;
    kubectl(platform, &["wait", "--for=condition=Ready", "--timeout=120s", "devserver/mydev"])?;
    let refused = run(&["destroy", "--yes"])?.expect(2)?;
    said(platform, "existing with data", &refused.stderr);
    kubectl(platform, &["exec", "deployment/mydev", "--", "true"])?;

    run(&["destroy", "--yes", "--lose-data"])?.expect(0)?;
    let after = at_rest(|| objects(platform))?;
    let kept: Vec<&String> = after.difference(&before).collect();
    ensure!(
        kept.len() == 2 && kept.iter().all(|name| name.starts_with("PersistentVolume")),
        "left: {kept:?}"
    );
    let lost: Vec<&String> = before.difference(&after).collect();
    ensure!(lost.is_empty(), "taken away, though not devplat's: {lost:?}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    platform.sweep()
}

/// The only way in there. The command's end is the end of it, with a status that says how.
fn port_forward_leads_in(platform: &Platform) -> Result<()> {
    let [port] = port::free()?;
    let script = format!(
        r#"ssh-keygen -q -t ed25519 -N '' -f "$HOME/alice"
        devplat users add alice --key "$HOME/alice.pub"
        in=(devplat port-forward --port {port} -- ssh -F {config} -p {port} -i "$HOME/alice" -o IdentitiesOnly=yes)
        for n in $(seq 30); do "${{in[@]}}" alice@{name} devctl list && break; sleep 1; done
        "${{in[@]}}" alice@{name} devctl create box --wait
        [[ $("${{in[@]}}" alice+box@{name} 'echo in') == in ]]
        ended=0; "${{in[@]}}" alice+box@{name} 'exit 7' || ended=$?
        [[ $ended == 4 ]]
        "${{in[@]}}" alice@{name} devctl delete box --force --delete-home
        devplat users remove alice --yes"#,
        port = port.port(),
        config = platform.state().join("ssh/config").display(),
        name = platform.name,
    );
    let ended = platform.call(on_path("bash")?)?.args(["-euc", &script]).run(LONG)?.expect(0)?;
    ensure!(ended.stderr.contains("ssh ended with status 7"), "{}", ended.stderr);
    Ok(())
}

/// A registry on this machine, with its data in the platform's home.
struct Registry {
    address: String,
    port: u16,
    _process: Process,
}

impl Registry {
    fn start(platform: &Platform) -> Result<Self> {
        let [free] = port::free()?;
        let folder = platform.home().join("registry");
        fs::create_dir_all(&folder)?;
        let config = folder.join("config.yaml");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: ':{}'}}\n",
                folder.join("data").display(),
                free.port()
            ),
        )?;
        let args = ["serve".to_owned(), config.display().to_string()];
        let mut process = Process::start(&binaries::command("registry")?, &args, &folder.join("log"))?;
        until("the registry", LONG, || {
            process.check()?;
            Ok(std::net::TcpStream::connect(free).ok())
        })?;
        Ok(Self { address: format!("localhost:{}", free.port()), port: free.port(), _process: process })
    }
}

/// A cluster by kind alone, whose node finds the registry; its context is in the user's own kubeconfig.
fn make_cluster(platform: &Platform, registry: &Registry) -> Result<String> {
    bare::create(platform)?;
    let name = &platform.name;
    let format = "{{range .IPAM.Config}}{{.Gateway}} {{end}}";
    let gateways = platform.docker(&["network", "inspect", "--format", format, &bare::network(platform)])?;
    let gateway =
        gateways.split_whitespace().find(|address| address.contains('.')).context("no IPv4 gateway")?;
    let folder = format!("/etc/containerd/certs.d/{}", registry.address);
    let write = format!(
        "mkdir -p {folder} && echo '[host.\"http://{gateway}:{}\"]' > {folder}/hosts.toml",
        registry.port
    );
    platform.docker(&["exec", &format!("{name}-control-plane"), "sh", "-c", &write])?;
    Ok(format!("kind-{name}"))
}

/// The names of all objects in the cluster that are not made anew all the time.
fn objects(platform: &Platform) -> Result<BTreeSet<String>> {
    let kinds = kubectl(platform, &["api-resources", "--verbs=list", "-o", "name"])?;
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name";
    let get = ["get", &kinds.join(","), "--all-namespaces", "--no-headers", "-o", columns];
    let said = kubectl(platform, &get)?;
    Ok(said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

fn kubectl(platform: &Platform, args: &[&str]) -> Result<String> {
    let file: PathBuf = platform.home().join(".kube/config");
    let call = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", file).args(args);
    Ok(call.run(LONG)?.expect(0)?.stdout)
}
