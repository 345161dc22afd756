//! A foreign cluster with a registry that its nodes pull from: a platform is installed into it and removed again, and
//! nothing else in the cluster is changed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    bare, binaries,
    platform::{Platform, on_path},
    port,
};
use serde_json::{Value, json};

use crate::{
    input::{error_in, said},
    lane::docker_changes,
    readme::blocks,
    registry::Registry,
    shared::{LONG, READ_ONLY, at_rest, with_shared_cache},
    steps::Subject,
    traces::destroyed,
};

/// The objects of a cluster by kind, namespace and name, each with the fields that controllers do not write.
pub(crate) type Objects = BTreeMap<String, Value>;

/// Annotations that controllers write at any time.
const OF_CONTROLLERS: [&str; 2] =
    ["control-plane.alpha.kubernetes.io/leader", "node.alpha.kubernetes.io/ttl"];

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
    full_registry_is_reported(platform, &context)?;

    // The commands of the README.
    let block = blocks("sh existing")?.concat();
    ensure!(block.contains("my-cluster") && block.contains("registry.example/team"), "{block}");
    let block = block
        .replace("my-cluster", &context)
        .replace("registry.example/team", &prefix["images.registry=".len()..]);
    let (install, rest) = block.split_once('\n').context("the block has several lines")?;
    let (status, rest) = rest.split_once('\n').context("the block has several lines")?;
    platform.type_in(&format!("{install} --yes\n{status}\n"))?.expect(0)?;

    let again = run(&[&up[..], &["--yes"]].concat())?.expect(0)?;
    ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    read_only_verbs_change_no_object(platform)?;

    lines_of_the_readme_lead_in(platform, rest)?;
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

    let destroyed = run(&["destroy", "--yes", "--lose-data"])?.expect(0)?.stderr;
    ensure!(destroyed.contains("; kept: 1 home (default/mydev-home)"), "{destroyed}");
    let after = at_rest(|| objects(platform))?;
    let kept = added(&before, &after)?;
    ensure!(
        kept.len() == 2 && kept.iter().all(|name| name.starts_with("PersistentVolume")),
        "left: {kept:?}"
    );
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    images_come_into_the_nodes(platform, &context, &after)?;
    announced_registry_is_used(platform, &context, &registry)?;
    platform.sweep()
}

fn read_only_verbs_change_no_object(platform: &Platform) -> Result<()> {
    // `up` does not wait for the end of the proof's namespace.
    kubectl(platform, &["wait", "--for=delete", "namespace/dev-devplat-proof", "--timeout=120s"])?;
    let before = at_rest(|| objects(platform))?;
    for verb in READ_ONLY {
        platform.run(verb)?.expect(0)?;
        let created = added(&before, &objects(platform)?).with_context(|| format!("during {verb:?}"))?;
        ensure!(created.is_empty(), "{verb:?} created {created:?}");
    }
    Ok(())
}

/// The registry answers with status 500 and the reason.
fn full_registry_is_reported(platform: &Platform, context: &str) -> Result<()> {
    let registry = Registry::on_a_small_disk("1m", platform)?;
    let set = format!("images.registry={}/team", registry.address);
    let up = ["up", "--profile", "existing", "--context", context, "--set", &set, "--yes"];
    let error = error_in(&platform.run(&up)?.expect(4)?.stderr);
    for expected in [" in the registry", &registry.address, "no space left on device", "a full disk"] {
        ensure!(error.contains(expected), "{expected:?} is not in: {error}");
    }
    // A release without images may already be applied.
    destroyed(platform)
}

/// Without a registry in the profile, images are imported into the nodes through Docker.
fn images_come_into_the_nodes(platform: &Platform, context: &str, before: &Objects) -> Result<()> {
    let profile = ["--profile", "existing", "--context", context];
    let subject = Subject::existing(platform, &profile);
    subject.kill_up_in_each_step()?;
    let image = operators_image(platform)?;
    ensure!(image.starts_with("devplat.local/"), "{image}");
    let releases =
        ["release bastion", "release users", "release flavors", "release operator", "release crds"];
    subject.kill_destroy_in_each_of(&[&["proof"][..], &releases].concat())?;
    let left = added(before, &at_rest(|| objects(platform))?)?;
    ensure!(left.is_empty(), "left: {left:?}");
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

/// The README's lines, typed by a user whose key is in an agent: `ssh` ignores `$HOME` and does not find it there.
fn lines_of_the_readme_lead_in(platform: &Platform, lines: &str) -> Result<()> {
    let host = format!("@{}", platform.name);
    let lines =
        lines.replace("devplat/devplat/", &format!("devplat/{}/", platform.name)).replace("@devplat", &host);
    ensure!(lines.contains("\ndevplat port-forward -- ssh ") && lines.contains(&host), "{lines}");
    // A new user has access a moment later.
    let patient = |line: &str| {
        if line.starts_with("devplat port-forward") {
            format!("tries=0; until {line} </dev/null; do (( ++tries < 30 )); sleep 1; done\n")
        } else {
            format!("{line}\n")
        }
    };
    let typed: String = lines.lines().map(patient).collect();
    let agent = r#"mkdir -p ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
        eval "$(ssh-agent -s)"; trap 'ssh-agent -k' EXIT; ssh-add -q ~/.ssh/id_ed25519"#;
    platform.type_in(&format!("{agent}\n{typed}"))?.expect(0)?;
    Ok(())
}

/// The only way to the bastion in this cluster. The forward ends with its command and returns its status.
fn port_forward_leads_in(platform: &Platform) -> Result<()> {
    let [port] = port::free()?;
    let script = format!(
        r#"ssh-keygen -q -t ed25519 -N '' -f "$HOME/bob"
        devplat users add bob --key "$HOME/bob.pub"
        in=(devplat port-forward --port {port} -- ssh -F {config} -p {port} -i "$HOME/bob" -o IdentitiesOnly=yes)
        for n in $(seq 30); do "${{in[@]}}" bob@{name} devctl list && break; sleep 1; done
        "${{in[@]}}" bob@{name} devctl create box --wait
        [[ $("${{in[@]}}" bob+box@{name} 'echo in') == in ]]
        ended=0; "${{in[@]}}" bob+box@{name} 'exit 7' || ended=$?
        [[ $ended == 7 ]]
        "${{in[@]}}" bob@{name} devctl delete box --force --delete-home
        devplat users remove bob --yes"#,
        port = port.port(),
        config = platform.state().join("ssh/config").display(),
        name = platform.name,
    );
    platform.call(on_path("bash")?)?.args(["-euc", &script]).run(LONG)?.expect(0)?;
    Ok(())
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

/// Returns all objects in the cluster, without those that are recreated all the time.
pub(crate) fn objects(platform: &Platform) -> Result<Objects> {
    let kinds = kubectl(platform, &["api-resources", "--verbs=list", "-o", "name"])?;
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let said = kubectl(platform, &["get", &kinds.join(","), "--all-namespaces", "--output", "json"])?;
    let list: Value = serde_json::from_str(&said)?;
    let items = list["items"].as_array().context("a list has items")?;
    Ok(items.iter().map(|object| (name(object), lasting(object))).collect())
}

fn name(object: &Value) -> String {
    let text = |field: &Value| field.as_str().unwrap_or("-").to_owned();
    let metadata = &object["metadata"];
    format!("{} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// Returns an object without the fields that controllers write at any time. The UID remains, so that an object that was
/// deleted and created again differs.
fn lasting(object: &Value) -> Value {
    let mut metadata = object["metadata"].clone();
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|field, _| field != "resourceVersion" && field != "managedFields");
        if let Some(annotations) = fields.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|annotation, _| !OF_CONTROLLERS.contains(&annotation.as_str()));
        }
    }
    match object["kind"].as_str().unwrap_or_default() {
        // Homes, which are devplat's and outlive it.
        "PersistentVolume" | "PersistentVolumeClaim" => json!({"uid": metadata["uid"]}),
        // Controllers also write the taints of a node and the addresses of pods.
        "Node" => json!({"metadata": metadata}),
        "Endpoints" | "EndpointSlice" => json!({"uid": metadata["uid"], "labels": metadata["labels"]}),
        _ => {
            let mut object = object.as_object().cloned().unwrap_or_default();
            object.remove("status");
            object.insert("metadata".to_owned(), metadata);
            Value::Object(object)
        }
    }
}

/// Returns the names of the objects that were added between two looks. Fails if another one was changed or deleted.
pub(crate) fn added(before: &Objects, after: &Objects) -> Result<Vec<String>> {
    for (name, was) in before {
        let now = after.get(name).with_context(|| format!("deleted although not devplat's: {name}"))?;
        ensure!(now == was, "changed although not devplat's: {name}\nbefore: {was}\nafter: {now}");
    }
    Ok(after.keys().filter(|name| !before.contains_key(*name)).cloned().collect())
}

pub(crate) fn kubectl(platform: &Platform, args: &[&str]) -> Result<String> {
    let file: PathBuf = platform.home().join(".kube/config");
    let call = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", file).args(args);
    Ok(call.run(LONG)?.expect(0)?.stdout)
}
