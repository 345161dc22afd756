//! What templates can name.

use std::collections::BTreeMap;

use devplat_profile::{
    Bastion, Cluster, DevServers, Exposure, Flavor, OperatorSize, PlatformName, Profile, User,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Seconds for which a replica of the bastion still lets in whoever comes after it was told to go: until every node
/// leads them elsewhere.
const LEAVE: u32 = 3;

/// The images that manifests name, each as a whole reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The operator's.
    pub operator: String,
    /// The bastion's.
    pub bastion: String,
    /// The agent's.
    pub agent: String,
    /// That of dev servers whose users name none.
    pub dev_server: String,
}

/// Everything that manifests are made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Whose platform.
    pub platform: &'a PlatformName,
    /// What it shall be.
    pub profile: &'a Profile,
    /// The images.
    pub images: &'a Images,
    /// Public keys of users that were made on this machine, by user.
    pub made_keys: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context<'a> {
    platform: &'a str,
    images: &'a Images,
    operator: &'a OperatorSize,
    bastion: Value,
    dev_servers: Value,
    users: BTreeMap<&'a str, Value>,
    flavors: BTreeMap<&'a str, FlavorContext<'a>>,
}

#[derive(Serialize)]
struct FlavorContext<'a> {
    default: bool,
    spec: &'a Flavor,
}

impl<'a> Context<'a> {
    pub(crate) fn new(input: Input<'a>) -> Self {
        let Input { platform, profile, images, made_keys } = input;
        let Profile { cluster, delivery: _, operator, bastion, dev_servers, users, flavors } = profile;
        let DevServers { image: _, default_flavor, home_size, storage_class } = dev_servers;
        let flavors = flavors
            .iter()
            .map(|(name, spec)| (name.as_str(), FlavorContext { default: name == default_flavor, spec }))
            .collect();
        Self {
            platform: platform.as_str(),
            images,
            operator,
            bastion: bastion_values(bastion, cluster),
            users: users
                .iter()
                .map(|(name, user)| (name.as_str(), user_spec(user, made_keys.get(name))))
                .collect(),
            dev_servers: json!({
                "defaultFlavor": default_flavor,
                "homeSize": home_size,
                "storageClass": storage_class,
            }),
            flavors,
        }
    }
}

fn bastion_values(bastion: &Bastion, cluster: &Cluster) -> Value {
    let Bastion {
        replicas,
        resources,
        exposure,
        host_names,
        user_authorities,
        user_revocations,
        grace_seconds,
    } = bastion;
    let (service_type, node_port) = match exposure {
        Exposure::NodePort(port) => ("NodePort", Some(port)),
        Exposure::LoadBalancer => ("LoadBalancer", None),
        Exposure::PortForward => ("ClusterIP", None),
    };
    json!({
        "replicas": replicas,
        "resources": resources,
        "serviceType": service_type,
        "nodePort": node_port,
        "host": host(bastion, cluster),
        "hostNames": host_names.join(","),
        "userAuthorities": user_authorities.join("\n"),
        "userRevocations": user_revocations.join("\n"),
        "graceSeconds": grace_seconds,
        "leaveSeconds": LEAVE,
        // The kubelet's SIGKILL comes after what the bastion itself allows, which begins after the leave.
        "terminationSeconds": grace_seconds + LEAVE + 5,
    })
}

/// What people reach the bastion by, for devctl to tell them; nothing where only they know.
fn host(bastion: &Bastion, cluster: &Cluster) -> Option<String> {
    let port = match (bastion.exposure, cluster) {
        (Exposure::NodePort(_), Cluster::Kind(kind)) => kind.ssh_port?,
        (Exposure::NodePort(port), Cluster::Existing(_)) => port,
        (Exposure::LoadBalancer, _) => 22,
        (Exposure::PortForward, _) => return None,
    };
    // A pattern is good for a certificate, and nothing to be typed.
    let plain = |name: &&String| name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:%".contains(c));
    let name = bastion.host_names.iter().find(plain)?;
    Some(match port {
        22 => name.clone(),
        port if name.contains(':') => format!("[{name}]:{port}"),
        port => format!("{name}:{port}"),
    })
}

/// The spec of a `DevUser`.
fn user_spec(user: &User, made: Option<&String>) -> Value {
    let User { display_name, ssh_keys, groups, generate_key: _ } = user;
    let keys: Vec<&String> = ssh_keys.iter().chain(made).collect();
    let mut spec = json!({"sshKeys": keys, "groups": groups});
    if let Some(name) = display_name {
        spec["displayName"] = json!(name);
    }
    spec
}
