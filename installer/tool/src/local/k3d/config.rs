//! The configuration for k3d: devplat's part on top of the user's.

use serde_json::{Value, json};

use super::creation::K3dCreation;
use crate::{
    Surroundings,
    docker::Cgroups,
    local::{ConfigError, Mapping, overlay::Overlay},
};

/// Parts of k3s that devplat switches off: traefik takes ports 80 and 443, servicelb's load balancers are reachable
/// only inside the node's container, and metrics-server is not needed.
const DISABLED: [&str; 3] = ["traefik", "servicelb", "metrics-server"];

/// Settings of the kubelet with which a node works on a nearly full disk, as kind's nodes do. With k3s's own, it accepts no
/// pods while less than 5 % of the disk is free, which on a large disk is many GiB, until more than 15 % are free; and the
/// kubelet deletes images that no container uses, which may be those of devplat, while less than 15 % is free.
const ON_FULL_DISKS: [&str; 2] =
    ["eviction-hard=imagefs.available<0%,nodefs.available<0%", "image-gc-high-threshold=100"];

/// How long k3d itself waits for its nodes before it fails.
const K3D_LIMIT: &str = "15m0s";

pub(super) fn config(
    creation: &K3dCreation<'_>,
    surroundings: &Surroundings,
    no_proxy: Option<&str>,
    rootless: bool,
) -> Result<String, ConfigError> {
    let K3dCreation {
        name,
        network,
        image,
        cgroups,
        api_port,
        mappings,
        servers,
        agents,
        direct: _,
        owner,
        extra,
        registries,
    } = creation;
    let mut config = Overlay::over(extra.as_ref().map(|extra| extra.text))?;
    config.set("apiVersion", "k3d.io/v1alpha5")?;
    config.set("kind", "Simple")?;
    config.set_by("metadata.name", *name, "--name")?;
    config.set_by("servers", *servers, "cluster.k3d.servers in the profile")?;
    config.set_by("agents", *agents, "cluster.k3d.agents in the profile")?;
    config.set_by("image", *image, "cluster.k3d.image in the profile")?;
    config.set("network", *network)?;
    config.set("kubeAPI.hostIP", "127.0.0.1")?;
    config.set("kubeAPI.host", "127.0.0.1")?;
    if let Some(port) = api_port {
        let setting = "cluster.k3d.apiServerPort in the profile";
        config.set_by("kubeAPI.hostPort", port.to_string(), setting)?;
    }
    config.set("options.k3d.wait", true)?;
    // The load balancer closes idle connections after 10 minutes, which would end SSH sessions.
    config.set("options.k3d.disableLoadbalancer", true)?;
    config.set("options.kubeconfig.updateDefaultKubeconfig", false)?;
    config.set("options.kubeconfig.switchCurrentContext", false)?;
    if !config.has("options.k3d.timeout") {
        config.set("options.k3d.timeout", K3D_LIMIT)?;
    }
    let labels = owner.labels().into_iter();
    let labels =
        labels.map(|(key, value)| json!({ "label": format!("{key}={value}"), "nodeFilters": ["all"] }));
    config.prepend("options.runtime.labels", labels.collect())?;
    // From Kubernetes 1.35 on, kubelets reject control groups v1 by default.
    let on_old_kernels = (*cgroups == Cgroups::V1).then_some("fail-cgroupv1=false");
    // Without it, the kubelet of a rootless engine ends because it may not write kernel settings. kind sets it itself.
    let without_root = rootless.then_some("feature-gates=KubeletInUserNamespace=true");
    let kubelet = ON_FULL_DISKS.into_iter().chain(on_old_kernels).chain(without_root);
    let kubelet: Vec<String> = kubelet.map(|set| format!("--kubelet-arg={set}")).collect();
    let mut arguments: Vec<Value> =
        DISABLED.iter().map(|part| argument(&format!("--disable={part}"), "server:*")).collect();
    arguments.extend(kubelet.iter().map(|set| argument(set, "server:*")));
    if *agents > 0 {
        arguments.extend(kubelet.iter().map(|set| argument(set, "agent:*")));
    }
    config.prepend("options.k3s.extraArgs", arguments)?;
    let ports =
        mappings.iter().map(|mapping| json!({ "port": port(mapping), "nodeFilters": ["server:0:direct"] }));
    config.prepend("ports", ports.collect())?;
    if let Some(no_proxy) = no_proxy {
        // Unlike kind, k3d does not pass the shell's proxies to its nodes.
        let proxies =
            surroundings.proxies().map(|(name, value)| format!("{name}={}", value.to_string_lossy()));
        let all = proxies.chain([format!("NO_PROXY={no_proxy}"), format!("no_proxy={no_proxy}")]);
        config.prepend(
            "env",
            all.map(|variable| json!({ "envVar": variable, "nodeFilters": ["all"] })).collect(),
        )?;
    }
    if let Some(registries) = registries {
        config.set("registries.config", *registries)?;
    }
    Ok(config.text())
}

fn argument(argument: &str, nodes: &str) -> Value {
    json!({ "arg": argument, "nodeFilters": [nodes] })
}

/// Returns a mapping in the format of Docker's command; without a host port, Docker takes a free one.
fn port(mapping: &Mapping) -> String {
    let Mapping { address, host_port, node_port } = mapping;
    let address = match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    match host_port {
        0 => format!("{address}::{node_port}"),
        port => format!("{address}:{port}:{node_port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{Account, ExtraConfig, Mark};

    fn owner() -> Mark {
        Mark { platform: "team-a".to_owned(), account: Some(Account { uid: 1000, name: "ada".to_owned() }) }
    }

    fn creation<'a>(owner: &'a Mark, mappings: &'a [Mapping], extra: Option<&'a str>) -> K3dCreation<'a> {
        K3dCreation {
            name: "team-a",
            network: "devplat-team-a",
            image: "rancher/k3s:v1.34.3-k3s1",
            cgroups: Cgroups::V2,
            api_port: Some(6550),
            mappings,
            servers: 1,
            agents: 0,
            direct: &[],
            owner,
            extra: extra.map(|text| ExtraConfig { path: "k3d.yaml".as_ref(), text }),
            registries: None,
        }
    }

    fn text(creation: &K3dCreation<'_>) -> Result<String, ConfigError> {
        config(creation, &Surroundings::default(), None, false)
    }

    #[test]
    fn configuration_has_no_load_balancer_and_keeps_the_kubeconfig() {
        let owner = owner();
        let mappings = [
            Mapping { address: "127.0.0.1".parse().unwrap(), host_port: 2222, node_port: 30022 },
            Mapping { address: "::1".parse().unwrap(), host_port: 0, node_port: 30080 },
        ];
        insta::assert_snapshot!(text(&creation(&owner, &mappings, None)).unwrap());
    }

    #[test]
    fn volumes_ports_and_arguments_of_the_user_stay() {
        let theirs = "\
volumes: [{volume: '/data:/data', nodeFilters: ['server:*']}]
ports: [{port: '127.0.0.1:8080:80', nodeFilters: ['server:0:direct']}]
options:
  k3d: {timeout: 60s}
  k3s: {extraArgs: [{arg: --tls-san=x, nodeFilters: ['server:*']}]}
";
        let owner = owner();
        let creation = K3dCreation { agents: 1, cgroups: Cgroups::V1, ..creation(&owner, &[], Some(theirs)) };
        insta::assert_snapshot!(text(&creation).unwrap());
    }

    #[test]
    fn nodes_get_the_shells_proxies() {
        let owner = owner();
        let surroundings = Surroundings::new([("HTTPS_PROXY", "http://proxy:3128")], None);
        let no_proxy = Some("localhost,10.43.0.0/16");
        let config = config(&creation(&owner, &[], None), &surroundings, no_proxy, false).unwrap();
        let value: Value = serde_saphyr::from_str(&config).unwrap();
        let names: Vec<&str> =
            value["env"].as_array().unwrap().iter().map(|entry| entry["envVar"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "HTTPS_PROXY=http://proxy:3128",
                "NO_PROXY=localhost,10.43.0.0/16",
                "no_proxy=localhost,10.43.0.0/16"
            ]
        );
    }

    #[test]
    fn different_value_for_a_key_of_devplats_is_a_conflict() {
        let owner = owner();
        let error = |theirs: &str| text(&creation(&owner, &[], Some(theirs))).unwrap_err().to_string();
        assert_eq!(
            error("metadata: {name: other}"),
            "metadata.name is \"other\"; devplat sets it to \"team-a\""
        );
        assert!(error("network: bridge").starts_with("network is"));
        assert!(
            error("options: {kubeconfig: {switchCurrentContext: true}}").starts_with("options.kubeconfig.")
        );
        assert!(error("apiVersion: k3d.io/v1alpha4").starts_with("apiVersion is"));
    }
    #[test]
    fn conflict_with_a_setting_names_the_setting() {
        let owner = owner();
        for (theirs, setting) in [
            ("metadata: {name: other}", "--name"),
            ("servers: 3", "cluster.k3d.servers in the profile"),
            ("agents: 2", "cluster.k3d.agents in the profile"),
            ("image: 'rancher/k3s:v1'", "cluster.k3d.image in the profile"),
            ("kubeAPI: {hostPort: '1'}", "cluster.k3d.apiServerPort in the profile"),
        ] {
            let hint = text(&creation(&owner, &[], Some(theirs))).unwrap_err().hint().unwrap();
            assert!(hint.ends_with(&format!(" from the file; {setting} sets it")), "{hint}");
        }
        let hint = text(&creation(&owner, &[], Some("network: bridge"))).unwrap_err().hint();
        assert_eq!(hint.as_deref(), Some("remove network from the file"));
    }

    #[test]
    fn kubelets_of_a_rootless_engine_run_in_a_user_namespace() {
        let owner = owner();
        let creation = K3dCreation { agents: 1, ..creation(&owner, &[], None) };
        let gates = |rootless| {
            let text = config(&creation, &Surroundings::default(), None, rootless).unwrap();
            text.matches("--kubelet-arg=feature-gates=KubeletInUserNamespace=true").count()
        };
        assert_eq!((gates(false), gates(true)), (0, 2), "of servers and of agents");
    }
}
