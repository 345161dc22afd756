//! The objects that a server consists of, as they get applied.

use std::collections::BTreeMap;

use devplat_api::{
    Amount, agent,
    name::{self, ServerName},
};
use serde_json::{Value, json};

use super::{
    acceptance::Resolved,
    metadata::{labels, metadata},
    ssh,
};
use crate::{
    config::Defaults,
    digest::hash,
    observed::{AGENT_CONTAINER, SERVER_CONTAINER, ServerFacts},
};

/// Where the home is mounted.
const HOME: &str = "/home/dev";
/// Where the agent gets copied to.
const AGENT_DIR: &str = "/devplat";
/// The label of nodes with their architecture, which their kubelets set.
const ARCHITECTURE_LABEL: &str = "kubernetes.io/arch";
/// This program's architecture, as Kubernetes names it.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
/// Seconds that a pod has to end after SIGTERM.
const GRACE_SECONDS: u32 = 30;
/// Seconds of them after which the agent ends what is left, so that it and not the kubelet does.
const AGENT_GRACE_SECONDS: u32 = 25;
/// Tag of a user's home and programs: the first regular user of Debian and most images.
const FILE_GROUP: u32 = 1000;

/// What a server consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifests {
    /// Its Deployment.
    pub(crate) deployment: Value,
    /// Hash of the Deployment's template, and of the restart that was asked for.
    pub(crate) template: String,
    /// Hash of what the user decided about the template.
    pub(crate) choice: String,
    /// Its home, in the size it has when it is new.
    pub(crate) home: Value,
    /// Its Service; none where SSH is off.
    pub(crate) service: Option<Value>,
    /// Its Secret without what is secret; none where SSH is off.
    pub(crate) keys: Option<Value>,
}

/// Size of the home that the server asks for.
pub(crate) fn home_size<'a>(server: &'a ServerFacts, defaults: &'a Defaults) -> &'a Amount {
    server.spec.persistent_home_size.as_ref().unwrap_or(&defaults.home_size)
}

/// Puts them together.
pub(crate) fn manifests(
    server: &ServerFacts,
    name: &ServerName,
    resolved: &Resolved,
    defaults: &Defaults,
) -> Manifests {
    let pod = pod_spec(server, name, resolved, defaults);
    // Asked for on its own, a restart changes nothing in the pod, and Kubernetes would not replace it.
    let template = match &server.restart {
        None => hash(&pod),
        Some(restart) => hash(&json!([pod, restart])),
    };
    let mut choice = json!({
        "flavor": server.spec.flavor,
        "image": server.spec.image,
        "command": server.spec.command,
        "shared": server.spec.shared_volume_claim_name,
        "restart": server.restart,
    });
    // Only where it is off: an upgrade from an operator that knew nothing of it restarts no server.
    if !server.spec.enable_ssh {
        choice["ssh"] = json!(false);
    }
    let choice = hash(&choice);
    Manifests {
        deployment: deployment(server, name, &pod, &template, &choice),
        template,
        choice,
        home: home(server, name, home_size(server, defaults), defaults.storage_class.as_deref()),
        service: server.spec.enable_ssh.then(|| service(server, name)),
        keys: server.spec.enable_ssh.then(|| ssh::secret(server, name)),
    }
}

/// The home, as large as `size`.
pub(crate) fn home(
    server: &ServerFacts,
    name: &ServerName,
    size: &Amount,
    storage_class: Option<&str>,
) -> Value {
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    });
    if let Some(class) = storage_class {
        spec["storageClassName"] = json!(class);
    }
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        // No owner: it outlives the server.
        "metadata": {"name": name.home(), "namespace": server.key.namespace, "labels": labels(name, "home")},
        "spec": spec,
    })
}

fn service(server: &ServerFacts, name: &ServerName) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(server, name, &name.service(), "ssh", &json!({})),
        "spec": {
            "selector": {(name::APP_LABEL): name::APP, (name::SERVER_LABEL): name.as_str()},
            "ports": [{
                "name": "ssh",
                "port": name::SSH_PORT,
                "protocol": "TCP",
                "targetPort": name::SSH_TARGET_PORT,
            }],
        },
    })
}

fn deployment(server: &ServerFacts, name: &ServerName, pod: &Value, template: &str, choice: &str) -> Value {
    let annotations = json!({(name::CHOICE_ANNOTATION): choice, (name::TEMPLATE_ANNOTATION): template});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(server, name, name.as_str(), "machine", &annotations),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            // A volume for one node cannot be in two pods at once.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {(name::APP_LABEL): name::APP, (name::SERVER_LABEL): name.as_str()}},
            "template": {
                "metadata": {
                    "labels": labels(name, "machine"),
                    "annotations": {(name::TEMPLATE_ANNOTATION): template},
                },
                "spec": pod,
            },
        },
    })
}

fn pod_spec(server: &ServerFacts, name: &ServerName, resolved: &Resolved, defaults: &Defaults) -> Value {
    let spec = &server.spec;
    let agent = format!("{AGENT_DIR}/devplat-agent");
    let mut command = vec![agent.clone(), "init".to_owned()];
    command.extend(["--grace".to_owned(), AGENT_GRACE_SECONDS.to_string()]);
    if spec.enable_ssh {
        command.extend(ssh::arguments(server, name));
    }
    if !spec.command.is_empty() {
        command.push("--".to_owned());
        command.extend(spec.command.iter().cloned());
    }
    let mut volumes = vec![
        json!({"name": "home", "persistentVolumeClaim": {"claimName": name.home()}}),
        json!({"name": "devplat", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}),
        // Data loaders of PyTorch need more than the 64 MiB of a container's own.
        json!({"name": "shm", "emptyDir": {"medium": "Memory"}}),
    ];
    let mut mounts = vec![
        json!({"name": "home", "mountPath": HOME}),
        json!({"name": "devplat", "mountPath": AGENT_DIR, "readOnly": true}),
        json!({"name": "shm", "mountPath": "/dev/shm"}),
    ];
    if let Some(claim) = &spec.shared_volume_claim_name {
        volumes.push(json!({"name": "shared", "persistentVolumeClaim": {"claimName": claim}}));
        mounts.push(json!({"name": "shared", "mountPath": "/shared"}));
    }
    if spec.enable_ssh {
        volumes.extend(ssh::volumes(server, name));
        mounts.extend(ssh::mounts());
    }
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {"fsGroup": FILE_GROUP, "fsGroupChangePolicy": "OnRootMismatch"},
        "nodeSelector": node_selector(&resolved.offer.node_selector),
        "tolerations": resolved.offer.tolerations,
        "initContainers": [{
            "name": AGENT_CONTAINER,
            "image": defaults.agent_image,
            "command": ["/devplat-agent", "install", agent],
            "volumeMounts": [{"name": "devplat", "mountPath": AGENT_DIR}],
            "resources": agent::resources(),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }],
        "containers": [{
            "name": SERVER_CONTAINER,
            "image": resolved.image,
            "command": command,
            "workingDir": HOME,
            "env": [
                {"name": "HOME", "value": HOME},
                {"name": "DEVSERVER_NAME", "value": name.as_str()},
                {"name": "DEVSERVER_OWNER", "value": owner(server)},
                {"name": "DEVSERVER_MODE", "value": spec.mode.as_str()},
            ],
            "resources": resolved.offer.resources,
            "volumeMounts": mounts,
        }],
        "volumes": volumes,
    });
    if spec.enable_ssh {
        ssh::open(&mut pod["containers"][0]);
    }
    pod
}

/// Who it belongs to: the spec's word, else the user whose namespace it is in.
fn owner(server: &ServerFacts) -> &str {
    let namespace = &*server.key.namespace;
    server.spec.owner.as_deref().unwrap_or_else(|| namespace.strip_prefix("dev-").unwrap_or(namespace))
}

/// Returns the labels that a server's node needs: those of its flavor, and the architecture of the agent, which is the
/// operator's own. A flavor may name another one.
fn node_selector(flavor: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut selector = flavor.clone();
    selector.entry(ARCHITECTURE_LABEL.to_owned()).or_insert_with(|| ARCHITECTURE.to_owned());
    selector
}
