//! Values that Docker, kind, k3d or Kubernetes would reject only after the first steps.

use super::{file, loaded, mistakes, with_sets};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBtb2sPrlWyAosqg7/PUsc9ZY10Ec64MAlZbmu0KIkn1";

/// Returns the one mistake in a profile with these sets, without the place of the last one.
fn mistake(profile: &str, sets: &[&str]) -> String {
    let text = mistakes(&with_sets(profile, sets));
    let place = format!("one mistake in the profile: --set {}: ", sets.last().unwrap());
    text.strip_prefix(&place).unwrap_or_else(|| panic!("{sets:?}: {text}")).to_owned()
}

#[test]
fn subnet_must_be_a_free_ipv4_range_of_a_useful_size() {
    for (subnet, why) in [
        ("0.0.0.0/0", "it is larger than a /16"),
        ("10.0.0.0/8", "it is larger than a /16"),
        ("127.0.0.0/16", "127.0.0.0/8 is for loopback addresses"),
        ("169.254.0.0/16", "169.254.0.0/16 is for link-local addresses"),
        ("224.0.0.0/24", "224.0.0.0/4 is for multicast addresses"),
        ("240.0.0.0/24", "240.0.0.0/4 is reserved"),
        ("172.30.0.1/16", "it is not the start of its range, which is 172.30.0.0/16"),
        ("172.30.0.0/31", "it has 2 addresses; this cluster needs 6"),
        ("fd00:1::/64", "it is an IPv6 range"),
        ("172.30.0.0", "it is not an address range"),
    ] {
        for provider in ["kind", "k3d"] {
            let path = format!("cluster.{provider}.subnet");
            let text = mistake(provider, &[&format!("{path}={subnet}")]);
            assert!(text.starts_with(&format!("{path}: {subnet:?} cannot be used: {why}")), "{text}");
        }
    }
}

#[test]
fn subnet_in_a_range_of_the_cluster_needs_a_configuration_file() {
    for (provider, subnet, inside) in [
        ("kind", "10.244.8.0/24", "10.244.0.0/16"),
        ("kind", "10.96.0.0/16", "10.96.0.0/16"),
        ("k3d", "10.42.0.0/16", "10.42.0.0/16"),
        ("k3d", "10.43.7.0/24", "10.43.0.0/16"),
    ] {
        let set = format!("cluster.{provider}.subnet={subnet}");
        let text = mistake(provider, &[&set]);
        assert!(text.ends_with(&format!("the cluster uses {inside} for its pods or Services")), "{text}");
        loaded(&with_sets(provider, &[&set, &format!("cluster.{provider}.configFile=mine.yaml")]));
    }
    loaded(&with_sets("kind", &["cluster.kind.subnet=10.42.0.0/16"]));
}

#[test]
fn node_port_of_a_new_cluster_is_in_the_range_of_kubernetes() {
    for provider in ["kind", "k3d"] {
        for port in ["22", "80", "29999", "32768"] {
            assert_eq!(
                mistake(provider, &[&format!("bastion.nodePort={port}")]),
                format!(
                    "bastion.nodePort: {port} is outside 30000 to 32767, the node ports of Kubernetes; \
                     cluster.{provider}.sshPort is the port of this machine"
                )
            );
        }
        for port in ["30000", "32767"] {
            loaded(&with_sets(provider, &[&format!("bastion.nodePort={port}")]));
        }
        let file = format!("cluster.{provider}.configFile=mine.yaml");
        loaded(&with_sets(provider, &[&file, "bastion.nodePort=80"]));
        loaded(&with_sets(provider, &["bastion.exposure=portForward", "bastion.nodePort=80"]));
    }
    // The API server of an existing cluster knows its own range.
    loaded(&with_sets("existing", &["bastion.exposure=nodePort", "bastion.nodePort=80"]));
    let text = mistake("existing", &["bastion.exposure=nodePort", "bastion.nodePort=65536"]);
    assert_eq!(text, "bastion.nodePort: 65536 is outside 1 to 65535");
}

#[test]
fn port_of_this_host_leads_to_one_place() {
    for (profile, first, second, paths) in [
        (
            "kind",
            "cluster.kind.sshPort=6443",
            "cluster.kind.apiServerPort=6443",
            ["kind.apiServerPort", "kind.sshPort"],
        ),
        ("k3d", "cluster.k3d.sshPort=5001", "images.local.port=5001", ["k3d.sshPort", "images.local.port"]),
        (
            "k3d",
            "cluster.k3d.apiServerPort=5001",
            "images.local.port=5001",
            ["k3d.apiServerPort", "images.local.port"],
        ),
    ] {
        let text = mistakes(&with_sets(profile, &[first, second]));
        let paths = paths
            .map(|path| if path.starts_with("images") { path.to_owned() } else { format!("cluster.{path}") });
        assert!(text.ends_with(&format!("is used twice: by {} and {}", paths[0], paths[1])), "{text}");
    }
    // Docker takes privileged ports; the check of this machine reports a rootless engine.
    loaded(&with_sets("kind", &["cluster.kind.sshPort=1", "cluster.kind.apiServerPort=443"]));
    // Without a registry of devplat's own, its port is not used.
    let registry = "images.registry=registry.example/team";
    loaded(&with_sets("k3d", &["cluster.k3d.sshPort=5001", registry]));
}

#[test]
fn address_of_this_host_is_one_that_a_program_can_listen_on() {
    for (address, why) in [
        ("224.0.0.1", "224.0.0.1, a multicast address"),
        ("ff02::1", "ff02::1, a multicast address"),
        ("255.255.255.255", "255.255.255.255, a broadcast address"),
        ("fe80::1", "fe80::1, a link-local address, which needs a zone"),
    ] {
        let text = mistake("kind", &[&format!("cluster.kind.sshAddress={address}")]);
        assert_eq!(text, format!("cluster.kind.sshAddress: no program can listen on {why}"));
        let mapping =
            format!("cluster.kind.portMappings=[{{hostPort: 1, nodePort: 2, listenAddress: \"{address}\"}}]");
        assert!(mistake("kind", &[&mapping]).ends_with(why));
    }
    let mapped = loaded(&with_sets("kind", &["cluster.kind.sshAddress=::ffff:127.0.0.1"]));
    let crate::Cluster::Kind(cluster) = mapped.profile.cluster else { panic!("kind") };
    assert_eq!(cluster.ssh_address.to_string(), "127.0.0.1");
}

#[test]
fn numbers_have_bounds() {
    for (set, why) in [
        ("cluster.kind.workers=21", "cluster.kind.workers: 21 is outside 0 to 20"),
        ("cluster.kind.sshPort=65536", "cluster.kind.sshPort: 65536 is outside 0 to 65535"),
        ("cluster.kind.apiServerPort=-1", "cluster.kind.apiServerPort: -1 is outside 0 to 65535"),
        ("images.local.port=65536", "images.local.port: 65536 is outside 0 to 65535"),
        ("operator.replicas=6", "operator.replicas: 6 is outside 1 to 5"),
        ("bastion.replicas=0", "bastion.replicas: 0 is outside 1 to 20"),
        ("bastion.graceSeconds=4", "bastion.graceSeconds: 4 is outside 5 to 86400"),
        ("bastion.nodePort=0", "bastion.nodePort: 0 is outside 1 to 65535"),
        (
            "cluster.kind.portMappings=[{hostPort: 0, nodePort: 2}]",
            "cluster.kind.portMappings[0].hostPort: 0 is outside 1 to 65535",
        ),
    ] {
        assert_eq!(mistake("kind", &[set]), why);
    }
}

#[test]
fn amounts_have_bounds_and_known_resources() {
    let flavor = "flavors.cpu-small.resources";
    let of = |rest: &str| format!("{flavor}.{rest}");
    for (set, why) in [
        ("devServers.homeSize=10".to_owned(), "devServers.homeSize: 10 is outside 1Mi to 1Pi".to_owned()),
        ("devServers.homeSize=2Pi".to_owned(), "devServers.homeSize: 2Pi is outside 1Mi to 1Pi".to_owned()),
        (
            "operator.resources.limits.memory=128".to_owned(),
            "operator.resources.limits.memory: 128 is outside 4Mi to 64Ti".to_owned(),
        ),
        (
            "bastion.resources.limits.cpu=0".to_owned(),
            "bastion.resources.limits.cpu: 0 is outside 1m to 4096".to_owned(),
        ),
        (
            "bastion.devctlResources.limits.memory=1".to_owned(),
            "bastion.devctlResources.limits.memory: 1 is outside 4Mi to 64Ti".to_owned(),
        ),
        (of("requests.memory=100m"), of("requests.memory: 100m is outside 4Mi to 64Ti")),
        (of("limits.cpu=5000"), of("limits.cpu: 5000 is outside 1m to 4096")),
        (of("limits.ephemeral-storage=1"), of("limits.ephemeral-storage: 1 is outside 1Mi to 1Pi")),
        (of(r"limits.nvidia\.com/gpu=500m"), of(r"limits.nvidia\.com/gpu: 500m is not an integer")),
        (of("limits.hugepages-2Mi=3Mi"), of("limits.hugepages-2Mi: 3Mi is not a multiple of 2Mi")),
        (of(r"requests.nvidia\.com/gpu=1"), "request of nvidia.com/gpu needs an equal limit".to_owned()),
    ] {
        assert_eq!(mistake("kind", &[&set]), why);
    }
    for name in ["gpu", "storage", "hugepages-x", r"-a\.example/b"] {
        let text = mistake("kind", &[&format!("{flavor}.limits.{name}=1")]);
        assert!(text.contains("is not a resource of containers: use cpu, memory"), "{text}");
    }
    let sets = [
        format!(r"{flavor}.requests.nvidia\.com/gpu=2"),
        format!(r"{flavor}.limits.nvidia\.com/gpu=2"),
        format!("{flavor}.limits.hugepages-2Mi=4Mi"),
        format!("{flavor}.requests.cpu=0"),
    ];
    loaded(&with_sets("kind", &sets.each_ref().map(String::as_str)));
}

#[test]
fn names_follow_the_rules_of_their_readers() {
    for (set, why) in [
        (
            "devServers.storageClass=Fast",
            "devServers.storageClass: \"Fast\" is not the name of a StorageClass",
        ),
        (
            "bastion.hostNames=[Dev.example]",
            "\"Dev.example\" is not a host name: write it in lower case, as OpenSSH compares it",
        ),
        (
            "bastion.hostNames=[0.0.0.0]",
            "\"0.0.0.0\" is not a host name: no client can connect to this address",
        ),
        (
            "flavors.cpu-small.nodeSelector.a b=1",
            "\"a b\" is not a label; write one such as example.com/disk",
        ),
        (
            r#"flavors.cpu-small.tolerations=[{key: ""}]"#,
            "flavors.cpu-small.tolerations[0].key: an empty key, which stands for all taints, needs operator Exists",
        ),
        (
            "flavors.cpu-small.tolerations=[{key: a b}]",
            "flavors.cpu-small.tolerations[0].key: \"a b\" is not the key of a taint",
        ),
        (
            "flavors.cpu-small.tolerations=[{key: a, operator: Exists, value: b}]",
            "flavors.cpu-small.tolerations[0].value: operator Exists takes no value; use operator Equal",
        ),
        ("users.demo.groups=[\"\"]", "users.demo.groups[0]: a group has a name"),
        (
            "users.demo.displayName=\"a\\tb\"",
            "users.demo.displayName: \"a\\tb\" is not one line of at most 253 characters",
        ),
        ("cluster.kind.configFile=\"\"", "cluster.kind.configFile: \"\" is not the path of a file"),
        (
            "users.demo.sshKeys=[\"# mine\"]",
            "\"# mine\"… is not a public key; take the line of a file that ends in .pub",
        ),
        (
            "devServers.image=Debian",
            "\"Debian\" is not an image reference: each part of the name has lowercase letters, digits and single '.', '_' or '-' between them, as in registry.example/team/image:1.2",
        ),
    ] {
        assert_eq!(mistake("kind", &[set]), why);
    }
    for value in ["-a", "a b", &"a".repeat(64)] {
        let text = mistake("kind", &[&format!("flavors.cpu-small.nodeSelector.disk={value}")]);
        assert!(text.contains("is not the value of a label"), "{text}");
    }
}

#[test]
fn lists_have_bounds() {
    let repeated = |text: &str, count: usize| vec![text; count].join(",");
    let mappings: Vec<String> = (1..=101).map(|port| format!("{{hostPort: {port}, nodePort: 1}}")).collect();
    for (set, why) in [
        (
            format!("bastion.hostNames=[{}]", repeated("a", 65)),
            "bastion.hostNames: 65 entries; at most 64 are allowed",
        ),
        (
            format!("users.demo.sshKeys=[{}]", repeated(KEY, 64)),
            "users.demo.sshKeys: 64 entries; at most 63 are allowed",
        ),
        (
            format!("users.demo.groups=[{}]", repeated("a", 257)),
            "users.demo.groups: 257 entries; at most 256 are allowed",
        ),
        (
            format!("cluster.kind.portMappings=[{}]", mappings.join(",")),
            "cluster.kind.portMappings: 101 entries; at most 100 are allowed",
        ),
    ] {
        assert_eq!(mistake("kind", &[&set]), why);
    }
}

#[test]
fn key_in_a_block_of_yaml_is_trimmed() {
    let text = format!("extends: kind\nusers:\n  eve:\n    sshKeys:\n      - |\n        {KEY}\n");
    assert_eq!(loaded(&file(&text)).profile.users["eve"].ssh_keys, [KEY]);
}

#[test]
fn mistake_in_a_file_has_the_place_of_its_value() {
    let text = "extends: kind\ncluster:\n  kind:\n    subnet: 10.0.0.0/8\nbastion:\n  nodePort: 80\n";
    let said = mistakes(&file(text));
    assert!(said.contains("\n  my.yaml:4:13: cluster.kind.subnet: \"10.0.0.0/8\" cannot be used"), "{said}");
    assert!(said.contains("\n  my.yaml:6:13: bastion.nodePort: 80 is outside 30000 to 32767"), "{said}");
}
