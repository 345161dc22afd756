//! A foreign cluster with a registry that its nodes pull from: a platform is installed into it and removed again.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    bare, binaries,
    call::until,
    platform::{Platform, on_path},
    port,
    process::Process,
};
use rustix::process::Signal;

use crate::{
    input::{error_in, said},
    killed::{began, forget_journal},
    lane::docker_changes,
    readme::blocks,
    shared::{LONG, at_rest, with_shared_cache},
};

pub(crate) fn platform_in_an_existing_cluster_is_removed_without_a_trace() -> Result<()> {
    let platform = with_shared_cache("guest")?;
    let _changes = docker_changes();
    let registry = Registry::start(platform)?;
    let context = make_cluster(platform, &registry)?;
    let before = at_rest(|| objects(platform))?;
    let run = |args: &[&str]| platform.run(args);
    let prefix = format!("images.registry={}/team", registry.address);
    let up = ["up", "--profile", "existing", "--context", &context, "--set", &prefix];

    let asked = run(&up)?.expect(2)?;
    said(platform, "existing without confirmation", &error_in(&asked.stderr));
    ensure!(objects(platform)? == before, "objects were created without a confirmation");

    // The commands of the README.
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
    // Without the inventory, the CRDs are found by their labels, and dev servers are as safe.
    kubectl(platform, &["-n", "devplat-system", "delete", "configmap", "devplat-release-crds"])?;
    let refused = run(&["destroy", "--yes"])?.expect(2)?;
    ensure!(refused.stderr.contains("mydev"), "{}", refused.stderr);
    kubectl(platform, &["exec", "deployment/mydev", "--", "true"])?;

    run(&["destroy", "--yes", "--lose-data"])?.expect(0)?;
    let after = at_rest(|| objects(platform))?;
    let kept: Vec<&String> = after.difference(&before).collect();
    ensure!(
        kept.len() == 2 && kept.iter().all(|name| name.starts_with("PersistentVolume")),
        "left: {kept:?}"
    );
    let lost: Vec<&String> = before.difference(&after).collect();
    ensure!(lost.is_empty(), "deleted although not devplat's: {lost:?}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    images_come_into_the_nodes(platform, &context, &after)?;
    announced_registry_is_used(platform, &context, &registry)?;
    platform.sweep()
}

/// Without a registry in the profile, images are imported into the nodes through Docker. After a kill in a step, with
/// or without the journal, the next run continues.
fn images_come_into_the_nodes(platform: &Platform, context: &str, before: &BTreeSet<String>) -> Result<()> {
    let up = ["up", "--profile", "existing", "--context", context, "--yes"];
    for (turn, step) in ["create release crds", "create release operator", "create proof"].iter().enumerate()
    {
        let running = platform.devplat(&up)?.start()?;
        began(&running, step)?;
        running.signal(Signal::KILL)?;
        ensure!(running.wait(LONG)?.status.is_none(), "the run ended before it was killed in {step}");
        if turn % 2 == 0 {
            forget_journal(platform)?;
        }
    }
    platform.run(&up)?.expect(0)?;
    let again = platform.run(&up)?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    let image = operators_image(platform)?;
    ensure!(image.starts_with("devplat.local/"), "{image}");
    let running = platform.devplat(&["destroy", "--yes"])?.start()?;
    began(&running, "delete release bastion")?;
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    let after = at_rest(|| objects(platform))?;
    ensure!(after == *before, "differs: {:?}", after.symmetric_difference(before).collect::<Vec<_>>());
    Ok(())
}

/// KEP-1755: a cluster announces the registry that its nodes pull from, with its address on this machine.
fn announced_registry_is_used(platform: &Platform, context: &str, registry: &Registry) -> Result<()> {
    let announced = format!("--from-literal=localRegistryHosting.v1=host: \"{}\"", registry.address);
    let object = ["--namespace", "kube-public", "configmap", "local-registry-hosting"];
    kubectl(platform, &["create", object[0], object[1], object[2], object[3], &announced])?;
    platform.run(&["up", "--profile", "existing", "--context", context, "--yes"])?.expect(0)?;
    let image = operators_image(platform)?;
    ensure!(image.starts_with(&registry.address), "{image}");
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    // The announcement is not devplat's, so it stays.
    kubectl(platform, &["delete", object[0], object[1], object[2], object[3]])?;
    Ok(())
}

fn operators_image(platform: &Platform) -> Result<String> {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let namespace = "devserver-operator-system";
    kubectl(platform, &["get", "--namespace", namespace, "deployment", "devserver-operator", "-o", path])
}

/// The only way to the bastion in this cluster. The forward ends with its command and returns its status.
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

/// Creates a kind cluster without devplat, whose node knows the registry. Its context is in the user's own kubeconfig.
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

/// Returns the names of all objects in the cluster, without those that are recreated all the time.
pub(crate) fn objects(platform: &Platform) -> Result<BTreeSet<String>> {
    let kinds = kubectl(platform, &["api-resources", "--verbs=list", "-o", "name"])?;
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name";
    let get = ["get", &kinds.join(","), "--all-namespaces", "--no-headers", "-o", columns];
    let said = kubectl(platform, &get)?;
    Ok(said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

pub(crate) fn kubectl(platform: &Platform, args: &[&str]) -> Result<String> {
    let file: PathBuf = platform.home().join(".kube/config");
    let call = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", file).args(args);
    Ok(call.run(LONG)?.expect(0)?.stdout)
}
