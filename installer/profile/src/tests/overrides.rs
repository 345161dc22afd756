//! `--set` and environment variables.

use super::{file, loaded, mistakes, origin, shipped, variables, with_sets};
use crate::{Cluster, DevServerImage, Place, TolerationOperator, VariableMistakes, load};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBtb2sPrlWyAosqg7/PUsc9ZY10Ec64MAlZbmu0KIkn1";

#[test]
fn dots_of_a_key_are_escaped_as_in_helm() {
    let loaded = loaded(&with_sets(
        "kind",
        &[
            r"flavors.cpu-small.nodeSelector.kubernetes\.io/arch=amd64",
            r"flavors.gpu.resources.limits.nvidia\.com/gpu=1",
            r#"flavors.gpu.tolerations=[{"key":"nvidia.com/gpu","operator":"Exists"}]"#,
        ],
    ));
    let flavors = &loaded.profile.flavors;
    assert_eq!(flavors["cpu-small"].node_selector["kubernetes.io/arch"], "amd64");
    assert_eq!(flavors["gpu"].resources.limits["nvidia.com/gpu"].as_str(), "1");
    assert_eq!(flavors["gpu"].tolerations[0].operator, Some(TolerationOperator::Exists));
}

#[test]
fn keys_that_no_layer_sets_are_known_by_their_paths() {
    let unset = loaded(&shipped("k3d")).unset();
    for path in ["bastion.hostNames", "cluster.k3d.sshAddress"] {
        assert!(unset.iter().any(|found| found == path), "{path}: {unset:?}");
    }
    assert!(!unset.iter().any(|found| found.starts_with("cluster.kind")), "{unset:?}");
    let set = loaded(&with_sets("k3d", &["cluster.k3d.sshAddress=0.0.0.0"])).unset();
    assert!(!set.iter().any(|found| found == "cluster.k3d.sshAddress"), "{set:?}");
}

#[test]
fn printed_path_can_be_pasted_into_a_set() {
    let set = r"flavors.cpu-small.nodeSelector.kubernetes\.io/arch=amd64";
    let loaded = loaded(&with_sets("kind", &[set]));
    let printed = loaded.origins().into_iter().find(|(path, ..)| path.contains("arch")).unwrap();
    assert_eq!(format!("{}={}", printed.0, printed.1.as_str().unwrap()), set);
}

#[test]
fn lists_and_nulls_are_values() {
    let keys = format!(r#"users.alice.sshKeys=["{KEY} a, b=c"]"#);
    let loaded = loaded(&with_sets("kind", &[&keys, "users.demo=null", "flavors.cpu-large="]));
    let users = &loaded.profile.users;
    assert_eq!(users.len(), 1);
    assert_eq!(users["alice"].ssh_keys, [format!("{KEY} a, b=c")]);
    assert_eq!(loaded.profile.flavors.len(), 2);
}

#[test]
fn last_of_two_sets_wins_for_lists_too() {
    let loaded = loaded(&with_sets(
        "kind",
        &["bastion.hostNames=[a, b]", "bastion.hostNames=[c]", "operator.replicas=1", "operator.replicas=3"],
    ));
    assert_eq!(loaded.profile.bastion.host_names, ["c"]);
    assert_eq!(loaded.profile.operator.replicas, 3);
}

#[test]
fn entries_of_lists_can_be_changed_and_appended() {
    let mut sources =
        file("extends: kind\ncluster: {kind: {portMappings: [{hostPort: 8080, nodePort: 30080}]}}\n");
    sources.sets = [
        "cluster.kind.portMappings[0].hostPort=8081",
        "cluster.kind.portMappings[1].hostPort=8443",
        "cluster.kind.portMappings[1].nodePort=30443",
        "bastion.hostNames[0]=dev.example",
    ]
    .map(str::to_owned)
    .to_vec();
    let loaded = loaded(&sources);
    let Cluster::Kind(cluster) = &loaded.profile.cluster else { panic!("kind") };
    let ports: Vec<_> = cluster.port_mappings.iter().map(|one| (one.host_port, one.node_port)).collect();
    assert_eq!(ports, [(8081, 30080), (8443, 30443)]);
    assert_eq!(loaded.profile.bastion.host_names, ["dev.example"]);
}

#[test]
fn entry_beyond_the_end_or_without_a_key_is_a_mistake() {
    insta::assert_snapshot!(mistakes(&with_sets(
        "kind",
        &[
            "cluster.kind.portMappings[1].hostPort=8080",
            "cluster.kind.portMappings[0].hostPort=8080",
            "operator[0]=1",
            "bastion.hostNames[x]=a",
        ]
    )));
}

#[test]
fn text_is_taken_as_it_is_written() {
    let loaded = loaded(&with_sets(
        "existing",
        &[
            "images.registry=[::1]:5001/team",
            "cluster.context=my: context #1",
            "devServers.storageClass='quoted'",
            "devServers.image=debian",
            "flavors.cpu-small.nodeSelector.gpu=true",
        ],
    ));
    assert_eq!(loaded.profile.dev_servers.storage_class.as_deref(), Some("quoted"));
    assert_eq!(loaded.profile.dev_servers.image, DevServerImage::Debian);
    assert_eq!(loaded.profile.flavors["cpu-small"].node_selector["gpu"], "true");
    let Cluster::Existing(cluster) = loaded.profile.cluster else { panic!("existing") };
    assert_eq!(cluster.context.as_deref(), Some("my: context #1"));
}

#[test]
fn empty_or_null_text_removes_the_value() {
    for text in ["", "null", "~", " "] {
        let sets = ["cluster.context=prod".to_owned(), format!("cluster.context={text}")];
        let sources = with_sets("existing", &[&sets[0], &sets[1]]);
        let Cluster::Existing(cluster) = loaded(&sources).profile.cluster else { panic!("existing") };
        assert_eq!(cluster.context, None, "{text:?}");
    }
}

#[test]
fn wrong_sets_and_variables_are_mistakes() {
    let mut sources = with_sets(
        "kind",
        &[
            "operator.replicas",
            "operator.replicas=0",
            "operator.replicas=",
            "operatr.replicas=1",
            "flavors..x=1",
            "flavors.cpu-small.nodeSelector.kubernetes.io/arch=amd64",
            "flavors.cpu-small.resources.limits.nvidia.com/gpu=1",
            "extends=k3d",
            "operator=[",
            "cluster.kind.sshPort=0x16",
        ],
    );
    sources.variables = variables(&[
        ("DEVPLAT_OPERATOR_REPLICA", "4"),
        ("DEVPLAT_WHATEVER", "4"),
        ("DEVPLAT_BASTION_REPLICAS", "x"),
    ]);
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn every_path_has_a_variable() {
    let mut sources = shipped("kind");
    sources.variables = variables(&[
        ("DEVPLAT_FLAVORS_CPU_SMALL_NODE_SELECTOR", "{kubernetes.io/arch: amd64}"),
        ("DEVPLAT_FLAVORS_GPU_RESOURCES", "{limits: {nvidia.com/gpu: 1}}"),
        ("DEVPLAT_FLAVORS", "{gpu: {tolerations: [{key: gpu}]}}"),
        ("DEVPLAT_BASTION_HOST_NAMES", "[a.example, b.example]"),
        ("DEVPLAT_CLUSTER_KIND_WORKERS", "2"),
        ("DEVPLAT_IMAGES_REGISTRY", "[::1]:5001/team"),
    ]);
    let loaded = loaded(&sources);
    let flavors = &loaded.profile.flavors;
    assert_eq!(flavors["cpu-small"].node_selector["kubernetes.io/arch"], "amd64");
    assert_eq!(flavors["gpu"].tolerations.len(), 1);
    assert_eq!(flavors["gpu"].resources.limits["nvidia.com/gpu"].as_str(), "1");
    assert_eq!(loaded.profile.bastion.host_names, ["a.example", "b.example"]);
    assert_eq!(origin(&loaded, "cluster.kind.workers"), "$DEVPLAT_CLUSTER_KIND_WORKERS");
}

#[test]
fn variables_of_a_service_are_remarked_and_ignored() {
    let mut sources = shipped("kind");
    sources.variables = variables(&[
        ("DEVPLAT_PORT", "tcp://10.96.0.7:22"),
        ("DEVPLAT_SERVICE_HOST", "10.96.0.7"),
        ("DEVPLAT_UI_SERVICE_HOST", "10.96.0.8"),
    ]);
    assert_eq!(
        loaded(&sources).remarks,
        [
            "$DEVPLAT_PORT, $DEVPLAT_SERVICE_HOST come from a Service named devplat; enableServiceLinks: false keeps \
             them away",
            "$DEVPLAT_UI_SERVICE_HOST comes from a Service named devplat-ui; enableServiceLinks: false keeps it away",
        ]
    );
}

#[test]
fn variables_of_a_docker_link_are_remarked_and_ignored() {
    let mut sources = shipped("kind");
    sources.variables = variables(&[
        ("DEVPLAT_ENV_PATH", "/usr/bin:/bin"),
        ("DEVPLAT_NAME", "/web/devplat"),
        ("DEVPLAT_PORT", "tcp://172.17.0.5:22"),
    ]);
    assert_eq!(
        loaded(&sources).remarks,
        [
            "$DEVPLAT_ENV_PATH, $DEVPLAT_NAME, $DEVPLAT_PORT come from a Docker link named devplat; a network without \
          --link keeps them away"
        ]
    );
}

#[test]
fn mistakes_in_variables_can_be_remarks() {
    let mut sources = shipped("kind");
    sources.variables = variables(&[("DEVPLAT_OPERATOR_REPLICA", "4"), ("DEVPLAT_OPERATOR_REPLICAS", "x")]);
    assert!(load(&sources).is_err());
    sources.variable_mistakes = VariableMistakes::Remark;
    let loaded = loaded(&sources);
    assert_eq!(loaded.profile.operator.replicas, 1);
    assert_eq!(
        loaded.remarks,
        [
            "ignored $DEVPLAT_OPERATOR_REPLICA: no value of the profile has this variable; did you mean \
             \"DEVPLAT_OPERATOR_REPLICAS\"?",
            "ignored $DEVPLAT_OPERATOR_REPLICAS: operator.replicas: \"x\" is not an integer",
        ]
    );
}

#[test]
fn remembered_variable_holds_until_it_is_set_again() {
    let mut first = shipped("kind");
    first.base_folder = "/base".into();
    first.variables = variables(&[
        ("DEVPLAT_BASTION_REPLICAS", "3"),
        ("DEVPLAT_CLUSTER_KIND", "{configFile: k.yaml}"),
        ("DEVPLAT_OPERATOR_REPLICAS", "3"),
        ("DEVPLAT_SERVICE_HOST", "10.96.0.7"),
    ]);
    let mut again = shipped("kind");
    again.base_folder = "/elsewhere".into();
    again.remembered_variables = loaded(&first).variables;
    again.variables = variables(&[("DEVPLAT_OPERATOR_REPLICAS", "2")]);
    let again = loaded(&again);
    let Cluster::Kind(cluster) = &again.profile.cluster else { panic!("kind") };
    assert_eq!(cluster.config_file, Some("/base/k.yaml".into()));
    assert_eq!((again.profile.bastion.replicas, again.profile.operator.replicas), (3, 2));
    assert_eq!(again.remarks.len(), 2, "{:?}", again.remarks);
    assert_eq!(
        again.remarks[0],
        "$DEVPLAT_BASTION_REPLICAS is not set now: using \"3\" of the last `up`; set it again to change it, or \
         --unset bastion.replicas to forget it"
    );
    let names: Vec<&str> = again.variables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["DEVPLAT_BASTION_REPLICAS", "DEVPLAT_CLUSTER_KIND", "DEVPLAT_OPERATOR_REPLICAS"]);
}

#[test]
fn mistake_in_a_remembered_variable_has_that_as_its_place() {
    let mut sources = shipped("kind");
    sources.remembered_variables = variables(&[("DEVPLAT_OPERATOR_REPLICA", "2")]);
    assert!(mistakes(&sources).contains(
        "$DEVPLAT_OPERATOR_REPLICA (remembered from an earlier `devplat up`): no value of the profile has this"
    ));
}

#[test]
fn rule_that_a_remembered_variable_breaks_has_that_as_its_place() {
    let mut sources = shipped("kind");
    sources.remembered_variables = variables(&[("DEVPLAT_CLUSTER_KIND_SUBNET", "10.0.0.0/8")]);
    let mistake = load(&sources).unwrap_err().0.remove(0);
    assert_eq!(mistake.place, Place::RememberedVariable("DEVPLAT_CLUSTER_KIND_SUBNET".to_owned()));
    assert_eq!(mistake.place.variable(), Some("DEVPLAT_CLUSTER_KIND_SUBNET"));
}

#[test]
fn variables_that_break_a_rule_can_be_remarks() {
    let mut sources = shipped("kind");
    sources.variables = variables(&[("DEVPLAT_BASTION_NODE_PORT", "80")]);
    sources.remembered_variables =
        variables(&[("DEVPLAT_BASTION_NODE_PORT", "81"), ("DEVPLAT_CLUSTER_KIND_SUBNET", "10.0.0.0/8")]);
    sources.variable_mistakes = VariableMistakes::Remark;
    let read = loaded(&sources);
    assert_eq!(read.profile.bastion.exposure, crate::Exposure::NodePort(30022));
    assert_eq!(read.remarks.len(), 2, "{:?}", read.remarks);
    let ignored = [
        "ignored $DEVPLAT_CLUSTER_KIND_SUBNET (remembered from an earlier `devplat up`): cluster.kind.subnet: ",
        "ignored $DEVPLAT_BASTION_NODE_PORT: bastion.nodePort: 80 is outside",
    ];
    for (remark, ignored) in read.remarks.iter().zip(ignored) {
        assert!(remark.starts_with(ignored), "{remark}");
    }
    // A mistake elsewhere is still an error.
    sources.sets = vec!["operator.replicas=0".to_owned()];
    assert_eq!(load(&sources).unwrap_err().0.len(), 3);
}

#[test]
fn set_of_this_run_wins_over_a_remembered_one() {
    let mut sources = with_sets("kind", &["operator.replicas=1"]);
    sources.remembered_sets = vec!["operator.replicas=3".to_owned(), "bastion.replicas=3".to_owned()];
    let loaded = loaded(&sources);
    assert_eq!(loaded.profile.operator.replicas, 1);
    assert_eq!(loaded.profile.bastion.replicas, 3);
    assert_eq!(loaded.sets, ["operator.replicas=3", "bastion.replicas=3", "operator.replicas=1"]);
}

#[test]
fn mistake_in_a_remembered_set_has_that_as_its_place() {
    let mut sources = shipped("existing");
    sources.remembered_sets = vec!["images.registry=https://registry.example".to_owned()];
    let mistake = load(&sources).unwrap_err().0.remove(0);
    assert_eq!(mistake.place, Place::RememberedSet("images.registry=https://registry.example".to_owned()));
    insta::assert_snapshot!(mistake.to_string());
}
