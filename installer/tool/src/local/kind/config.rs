//! The configuration for kind: devplat's part on top of the user's.

use serde_json::{Map, Value, json};

use super::{creation::KindCreation, needs};
use crate::{
    docker::Cgroups,
    local::{
        ConfigError, Mapping,
        overlay::{Overlay, list_of, shape},
    },
};

/// Arguments that make controllers start faster. kube-controller-manager creates a token for each of its about 45
/// controllers before the last one starts; at its default of 20 calls per second that takes 6 s, in which no pod
/// starts. With one control plane, leader election only costs time: after a restart, the new leader would wait about 17
/// s for the lease of the old one to expire.
fn controllers(one_control_plane: bool) -> [Value; 2] {
    let mut manager = vec![("kube-api-qps", "200"), ("kube-api-burst", "400")];
    let mut scheduler = Vec::new();
    if one_control_plane {
        manager.push(("leader-elect", "false"));
        scheduler.push(("leader-elect", "false"));
    }
    // The list of v1beta4 replaces kind's own list, so repeat its argument.
    let with_kinds_own =
        [("enable-hostpath-provisioner", "true")].iter().chain(&manager).copied().collect::<Vec<_>>();
    let as_map = |arguments: &[(&str, &str)]| {
        Value::Object(arguments.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect())
    };
    let as_list = |arguments: &[(&str, &str)]| {
        Value::Array(arguments.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect())
    };
    let patch = |version: &str, manager: Value, scheduler: Value| {
        json!({
            "apiVersion": format!("kubeadm.k8s.io/{version}"),
            "kind": "ClusterConfiguration",
            "controllerManager": { "extraArgs": manager },
            "scheduler": { "extraArgs": scheduler },
        })
    };
    // One patch per version of kubeadm's configuration: kind ignores patches that do not match.
    [
        patch("v1beta3", as_map(&manager), as_map(&scheduler)),
        patch("v1beta4", as_list(&with_kinds_own), as_list(&scheduler)),
    ]
}

/// Makes containerd read /etc/containerd/certs.d, which is the default in images since kind v0.27.
const REGISTRY_CONFIG: &str =
    "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n";

pub(super) fn config(creation: &KindCreation<'_>) -> Result<String, ConfigError> {
    let KindCreation {
        name,
        network: _,
        image,
        own_cni,
        cgroups,
        api_port,
        mappings,
        workers,
        direct: _,
        owner,
        extra,
        registry_config,
    } = creation;
    let mut config = Overlay::over(extra.as_ref().map(|extra| extra.text))?;
    config.set("kind", "Cluster")?;
    config.set("apiVersion", "kind.x-k8s.io/v1alpha4")?;
    config.set_by("name", *name, "--name")?;
    config.set("networking.apiServerAddress", "127.0.0.1")?;
    if let Some(port) = api_port {
        let setting = "cluster.kind.apiServerPort in the profile";
        config.set_by("networking.apiServerPort", *port, setting)?;
    }
    if *own_cni {
        config.set("networking.disableDefaultCNI", true)?;
    }
    let nodes = config.list("nodes")?;
    if nodes.is_empty() {
        nodes.push(json!({ "role": "control-plane" }));
    }
    let control_planes = nodes.iter().filter(|node| needs::is_control_plane(node)).count();
    let missing = needs::missing_workers(nodes, *workers);
    nodes.extend((0..missing).map(|_| json!({ "role": "worker" })));
    let marks: Vec<Value> = owner
        .marks()
        .iter()
        .map(|mark| json!({ "hostPath": "/dev/null", "containerPath": mark, "readOnly": true }))
        .collect();
    let mut mapped = false;
    for (index, node) in nodes.iter_mut().enumerate() {
        let key = format!("nodes[{index}]");
        let Value::Object(node) = node else { return Err(shape(&key, node, "a map of keys")) };
        if let Some(image) = image
            && !node.contains_key("image")
        {
            node.insert("image".to_owned(), json!(image));
        }
        let mounts = list_of(node, "extraMounts", &format!("{key}.extraMounts"))?;
        mounts.splice(0..0, marks.iter().cloned());
        let control_plane =
            node.get("role").and_then(Value::as_str).unwrap_or("control-plane") == "control-plane";
        if control_plane && !mapped && !mappings.is_empty() {
            mapped = true;
            map_ports(node, &key, mappings)?;
        }
    }
    let mut patches = controllers(control_planes < 2).to_vec();
    if *cgroups == Cgroups::V1 {
        // From Kubernetes 1.35 on, which kind's default image has, a kubelet rejects control groups v1 without this
        // setting.
        patches.push(json!({ "kind": "KubeletConfiguration", "failCgroupV1": false }));
    }
    // kind reads each patch from a text.
    config.prepend("kubeadmConfigPatches", patches.iter().map(|patch| json!(patch.to_string())).collect())?;
    if *registry_config {
        config.prepend("containerdConfigPatches", vec![json!(REGISTRY_CONFIG)])?;
    }
    Ok(config.text())
}

/// Returns the images that a configuration names for its nodes.
pub(super) fn images(config: &str) -> Vec<String> {
    let Ok(config) = serde_saphyr::from_str::<Value>(config) else { return Vec::new() };
    let nodes = config["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes.iter().filter_map(|node| node["image"].as_str().map(str::to_owned)).collect()
}

/// Adds devplat's mappings to a node. Two mappings to one port of the node are a conflict.
fn map_ports(node: &mut Map<String, Value>, key: &str, mappings: &[Mapping]) -> Result<(), ConfigError> {
    let path = format!("{key}.extraPortMappings");
    let list = list_of(node, "extraPortMappings", &path)?;
    let ours = |mapping: &Mapping| {
        json!({
            "hostPort": mapping.host_port,
            "containerPort": mapping.node_port,
            "listenAddress": mapping.address.to_string(),
        })
    };
    for mapping in mappings {
        let same = |theirs: &&Value| theirs.get("containerPort") == Some(&json!(mapping.node_port));
        if let Some(theirs) = list.iter().find(same) {
            let (theirs, ours) = (theirs.to_string(), ours(mapping).to_string());
            let setting = Some("cluster.kind.sshPort or cluster.kind.portMappings in the profile");
            return Err(ConfigError::Conflict { key: path, theirs, ours, setting });
        }
    }
    list.splice(0..0, mappings.iter().map(ours));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{Account, ExtraConfig, Mark};

    fn owner() -> Mark {
        Mark { platform: "team-a".to_owned(), account: Some(Account { uid: 1000, name: "ada".to_owned() }) }
    }

    fn with<'a>(owner: &'a Mark, mappings: &'a [Mapping], extra: Option<&'a str>) -> KindCreation<'a> {
        KindCreation {
            name: "team-a",
            network: "devplat-team-a",
            image: Some("devplat/kind-node:v1.34.3"),
            own_cni: true,
            cgroups: Cgroups::V2,
            api_port: None,
            mappings,
            workers: 0,
            direct: &[],
            owner,
            extra: extra.map(|text| ExtraConfig { path: "kind.yaml".as_ref(), text }),
            registry_config: false,
        }
    }

    fn mapping() -> Mapping {
        Mapping { address: "127.0.0.1".parse().unwrap(), host_port: 8080, node_port: 30080 }
    }

    #[test]
    fn configuration_has_the_owners_marks() {
        let (owner, mappings) = (owner(), [mapping()]);
        insta::assert_snapshot!(config(&with(&owner, &mappings, None)).unwrap());
    }

    #[test]
    fn each_patch_is_a_text_that_kind_parses() {
        let owner = owner();
        let text = config(&with(&owner, &[], None)).unwrap();
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        let patches = value["kubeadmConfigPatches"].as_array().unwrap();
        let versions: Vec<Value> = patches
            .iter()
            .map(|patch| {
                serde_json::from_str::<Value>(patch.as_str().unwrap()).unwrap()["apiVersion"].clone()
            })
            .collect();
        assert_eq!(versions, ["kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"]);
    }

    #[test]
    fn kubelet_accepts_control_groups_v1_only_if_they_are_used() {
        let owner = owner();
        let patches = |cgroups| {
            let text = config(&KindCreation { cgroups, ..with(&owner, &[], None) }).unwrap();
            let value: Value = serde_saphyr::from_str(&text).unwrap();
            value["kubeadmConfigPatches"].as_array().unwrap().len()
        };
        assert_eq!((patches(Cgroups::V2), patches(Cgroups::V1)), (2, 3));
    }

    #[test]
    fn nodes_mounts_patches_and_mappings_of_the_user_stay() {
        let theirs = "\
featureGates: {InPlacePodVerticalScaling: true}
nodes:
- role: control-plane
  extraMounts: [{hostPath: /data, containerPath: /data}]
  extraPortMappings: [{hostPort: 80, containerPort: 30081}]
- role: worker
  image: kindest/node:v1.33.0
kubeadmConfigPatches: ['kind: Mine']
";
        let (owner, mappings) = (owner(), [mapping()]);
        let creation =
            KindCreation { workers: 2, registry_config: true, ..with(&owner, &mappings, Some(theirs)) };
        insta::assert_snapshot!(config(&creation).unwrap());
    }

    #[test]
    fn two_control_planes_use_leader_election() {
        let owner = owner();
        let theirs = "nodes: [{role: control-plane}, {role: control-plane}]";
        assert!(!config(&with(&owner, &[], Some(theirs))).unwrap().contains("leader-elect"));
        assert!(config(&with(&owner, &[], None)).unwrap().contains("leader-elect"));
    }

    #[test]
    fn different_value_for_a_key_of_devplats_is_a_conflict() {
        let (owner, mappings) = (owner(), [mapping()]);
        let error = |text: &str| config(&with(&owner, &mappings, Some(text))).unwrap_err().to_string();
        assert_eq!(error("name: other"), "name is \"other\"; devplat sets it to \"team-a\"");
        assert!(
            error("networking: {apiServerAddress: 0.0.0.0}").starts_with("networking.apiServerAddress is")
        );
        assert!(
            error("networking: {disableDefaultCNI: false}").starts_with("networking.disableDefaultCNI is")
        );
        let taken = "nodes: [{extraPortMappings: [{containerPort: 30080, hostPort: 1}]}]";
        assert!(error(taken).starts_with("nodes[0].extraPortMappings is"), "{}", error(taken));
    }
    #[test]
    fn conflict_with_a_setting_names_the_setting() {
        let (owner, mappings) = (owner(), [mapping()]);
        for (theirs, setting) in [
            ("name: other", "--name"),
            ("networking: {apiServerPort: 1}", "cluster.kind.apiServerPort in the profile"),
            (
                "nodes: [{extraPortMappings: [{containerPort: 30080}]}]",
                "cluster.kind.sshPort or cluster.kind.portMappings in the profile",
            ),
        ] {
            let creation = KindCreation { api_port: Some(6443), ..with(&owner, &mappings, Some(theirs)) };
            let hint = config(&creation).unwrap_err().hint().unwrap();
            assert!(hint.ends_with(&format!(" from the file; {setting} sets it")), "{hint}");
        }
    }
}
