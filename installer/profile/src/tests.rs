//! Layers and their mistakes, as users see them.

mod bounds;
mod delivery;
mod eks;
mod files;
mod local;
mod overrides;
mod unset;

use crate::{Loaded, ProfileFile, SHIPPED, Sources, load};

fn shipped(name: &str) -> Sources {
    Sources { shipped: Some(name.to_owned()), ..Sources::default() }
}

fn with_sets(name: &str, sets: &[&str]) -> Sources {
    Sources { sets: sets.iter().map(|&set| set.to_owned()).collect(), ..shipped(name) }
}

fn file(text: &str) -> Sources {
    let file = ProfileFile { name: "my.yaml".to_owned(), folder: None, text: text.to_owned() };
    Sources { file: Some(file), ..Sources::default() }
}

fn variables(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn loaded(sources: &Sources) -> Loaded {
    load(sources).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn mistakes(sources: &Sources) -> String {
    load(sources).unwrap_err().to_string()
}

fn origin(loaded: &Loaded, path: &str) -> String {
    loaded.origins().into_iter().find(|(found, ..)| found == path).unwrap().2.to_string()
}

#[test]
fn schema_is_the_one_in_the_repository() {
    let text = serde_json::to_string_pretty(&crate::schema()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../profiles/schema.json");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(path, &text).unwrap();
    }
    let current = std::fs::read_to_string(path).unwrap() == text;
    assert!(current, "profiles/schema.json is old; run this test with INSTA_UPDATE=always");
}

#[test]
fn every_shipped_profile_loads() {
    for profile in SHIPPED {
        insta::assert_json_snapshot!(profile.name, loaded(&shipped(profile.name)).profile);
    }
}

#[test]
fn description_of_a_shipped_profile_is_the_one_in_its_file() {
    for profile in SHIPPED {
        let line = format!("description: {}\n", profile.description);
        assert!(profile.text.contains(&line), "{}", profile.name);
    }
}

#[test]
fn five_mistakes_are_reported_together() {
    insta::assert_snapshot!(mistakes(&file(
        "extends: kind\n\
         cluster:\n  provider: knid\n\
         operator:\n  replicas: many\n  resorces: {}\n\
         devServers:\n  homeSize: 10GB\n  defaultFlavor: cpu-smal\n",
    )));
}

#[test]
fn impossible_combinations_are_reported_with_their_places() {
    insta::assert_snapshot!(mistakes(&file(
        "extends: kind\n\
         cluster:\n  context: prod\n  kind:\n    portMappings:\n      - {hostPort: 80, nodePort: 1}\n      - {hostPort: 80, nodePort: 2}\n  k3d: {agents: 1}\n\
         flavors:\n  cpu-small:\n    resources:\n      requests: {memory: 3Gi}\n  cpu-medium:\n    resources:\n      limits: {cpu: 100m}\n\
         devServers:\n  defaultFlavor: cpu-smal\n  homeSize: 0\n  autoImage: -v\n\
         bastion: {hostNames: [a b], userAuthorities: [x], userRevocations: [y]}\n\
         users: {Bob: {generateKey: true}, demo: {generateKey: false}, eve: {sshKeys: [none]}}\n\
         images: {delivery: nodes, registry: registry.example/team}\n",
    )));
}

#[test]
fn mistake_is_not_repeated_as_a_missing_value() {
    let sources = file("extends: kind\nusers:\n  alice: {sshKeys: 5}\n  bob: {keys: [x]}\n");
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn thousands_of_mistakes_are_counted_and_twenty_printed() {
    let keys = (0..5000).map(|number| format!("key{number}: 1")).collect::<Vec<_>>().join("\n");
    let text = mistakes(&file(&keys));
    assert!(text.starts_with("5001 mistakes in the profile:\n"), "{text}");
    assert!(text.ends_with("\n  and 4981 more"), "{text}");
}

#[test]
fn command_line_wins_over_environment_over_file_over_shipped_over_base() {
    let mut sources =
        file("extends: kind\noperator: {replicas: 3}\ndevServers: {homeSize: 3Gi, image: debian}\n");
    sources.variables = variables(&[
        ("DEVPLAT_OPERATOR_REPLICAS", "4"),
        ("DEVPLAT_DEV_SERVERS_HOME_SIZE", "4Gi"),
        ("DEVPLAT_PROFILE", "ignored here"),
    ]);
    sources.sets = vec!["operator.replicas=5".to_owned()];
    let loaded = loaded(&sources);
    assert_eq!(loaded.profile.operator.replicas, 5);
    assert_eq!(loaded.profile.dev_servers.home_size.as_str(), "4Gi");
    assert_eq!(loaded.profile.dev_servers.image, crate::DevServerImage::Debian);
    assert_eq!(loaded.base, "kind");
    assert_eq!(origin(&loaded, "operator.replicas"), "--set operator.replicas=5");
    assert_eq!(origin(&loaded, "devServers.homeSize"), "$DEVPLAT_DEV_SERVERS_HOME_SIZE");
    assert_eq!(origin(&loaded, "devServers.image"), "my.yaml:3:36");
    assert_eq!(origin(&loaded, "cluster.provider"), "profiles/kind.yaml:4:13");
    assert_eq!(origin(&loaded, "devServers.defaultFlavor"), "profiles/base.yaml:21:18");
}

#[test]
fn joined_profile_reads_as_the_same_profile() {
    let profiles = [
        with_sets("kind", &["flavors.cpu-large=null", "users.demo=null", "cluster.kind.configFile=k.yaml"]),
        with_sets("kind", &["cluster.provider=k3d", "cluster.k3d.agents=2"]),
        with_sets("k3d", &[r"flavors.cpu-small.nodeSelector.kubernetes\.io/arch=amd64"]),
        with_sets("existing", &["cluster.provider=eks", "cluster.eks.network.vpc.zones=3"]),
        with_sets("existing", &["images.registry=[::1]:5001/team", "cluster.context=true"]),
    ];
    for mut sources in profiles {
        sources.base_folder = "/base".into();
        let first = loaded(&sources);
        let second = loaded(&file(&first.to_json().to_string()));
        assert_eq!(second.profile, first.profile);
    }
}
