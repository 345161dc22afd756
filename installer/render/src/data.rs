//! The values that templates use.

use std::collections::BTreeMap;

use devplat_profile::{
    Bastion, Cluster, DevServers, Exposure, Flavor, OperatorSize, PlatformName, Profile, User,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Seconds that a stopping replica of the bastion still accepts connections: kube-proxy on every node needs that long to
/// send new ones elsewhere.
const LEAVE: u32 = 3;

/// The loopback addresses, which the operator adds to the bastion's certificate.
const ALWAYS: [&str; 2] = ["127.0.0.1", "::1"];

/// The images in manifests, each a complete reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReferences {
    pub operator: String,
    /// The bastion, with devctl.
    pub bastion: String,
    pub agent: String,
    /// Dev servers that name none.
    pub dev_server: String,
}

/// The input of every template.
#[derive(Debug, Clone, Copy)]
pub struct TemplateInput<'a> {
    /// The name of the platform.
    pub platform: &'a PlatformName,
    pub profile: &'a Profile,
    pub images: &'a ImageReferences,
    /// Public keys that `devplat up` generated on this machine, by user.
    pub made_keys: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateData<'a> {
    platform: &'a str,
    images: &'a ImageReferences,
    operator: &'a OperatorSize,
    bastion: Value,
    dev_servers: Value,
    users: BTreeMap<&'a str, Value>,
    flavors: BTreeMap<&'a str, FlavorData<'a>>,
}

#[derive(Serialize)]
struct FlavorData<'a> {
    default: bool,
    spec: &'a Flavor,
}

impl<'a> TemplateData<'a> {
    pub(crate) fn new(input: TemplateInput<'a>) -> Self {
        let TemplateInput { platform, profile, images, made_keys } = input;
        let Profile { cluster, operator, bastion, dev_servers, users, flavors } = profile;
        let DevServers { image: _, default_flavor, home_size, storage_class, pod_security } = dev_servers;
        let flavors = flavors
            .iter()
            .map(|(name, spec)| (name.as_str(), FlavorData { default: name == default_flavor, spec }))
            .collect();
        Self {
            platform: platform.as_str(),
            images,
            operator,
            bastion: bastion_values(bastion, cluster),
            users: users
                .iter()
                .map(|(name, user)| (name.as_str(), user_spec(user, made_keys.get(name.as_str()))))
                .collect(),
            dev_servers: json!({
                "defaultFlavor": default_flavor,
                "homeSize": home_size,
                "storageClass": storage_class,
                "podSecurity": pod_security,
            }),
            flavors,
        }
    }
}

fn bastion_values(bastion: &Bastion, cluster: &Cluster) -> Value {
    let Bastion {
        replicas,
        resources,
        devctl_resources,
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
        "devctlResources": devctl_resources,
        "serviceType": service_type,
        "nodePort": node_port,
        "host": host(bastion, cluster),
        "hostNames": names(host_names, cluster).join(","),
        "userAuthorities": user_authorities.join("\n"),
        "userRevocations": user_revocations.join("\n"),
        "graceSeconds": grace_seconds,
        "leaveSeconds": LEAVE,
        // The bastion's own deadline starts after the preStop sleep, so the kubelet's SIGKILL has to come later than both.
        "terminationSeconds": grace_seconds + LEAVE + 5,
    })
}

/// Returns the names of the bastion's host certificate, besides those that it always has: the profile's, and the address at
/// which a local cluster binds the port of the bastion.
fn names(host_names: &[String], cluster: &Cluster) -> Vec<String> {
    let bound = cluster.local().map(|local| local.ssh_address).filter(|address| !address.is_unspecified());
    let bound = bound.map(|address| address.to_string()).filter(|name| !ALWAYS.contains(&name.as_str()));
    let bound = bound.filter(|name| !host_names.contains(name));
    host_names.iter().cloned().chain(bound).collect()
}

/// Returns the address of the bastion that devctl shows, or `None` if the profile does not determine one.
fn host(bastion: &Bastion, cluster: &Cluster) -> Option<String> {
    let port = match bastion.exposure {
        Exposure::NodePort(port) => match cluster.local() {
            // Nodes are containers, so developers connect to the port of this machine that leads to a node.
            Some(local) => local.ssh_port?,
            None => port,
        },
        Exposure::LoadBalancer => 22,
        Exposure::PortForward => return None,
    };
    // A pattern such as *.example.com is valid in a certificate, but a client cannot connect to it.
    let plain = |name: &&String| name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:%".contains(c));
    let name = bastion.host_names.iter().find(plain)?;
    Some(match port {
        22 => name.clone(),
        port if name.contains(':') => format!("[{name}]:{port}"),
        port => format!("{name}:{port}"),
    })
}

/// Returns the spec of a `DevUser`.
fn user_spec(user: &User, made: Option<&String>) -> Value {
    let User { display_name, ssh_keys, groups, generate_key: _ } = user;
    let keys: Vec<&String> = ssh_keys.iter().chain(made).collect();
    let mut spec = json!({"sshKeys": keys, "groups": groups});
    if let Some(name) = display_name {
        spec["displayName"] = json!(name);
    }
    spec
}
