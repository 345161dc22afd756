//! Layers, and every mistake in them, as their users see them.

use crate::{Cluster, DevServerImage, Loaded, NodeImage, SHIPPED, Sources, load};

fn kind() -> Sources {
    Sources { shipped: Some("kind".to_owned()), ..Sources::default() }
}

fn file(text: &str) -> Sources {
    Sources { file: Some(("my.yaml".to_owned(), text.to_owned())), ..Sources::default() }
}

fn mistakes(sources: &Sources) -> String {
    load(sources).unwrap_err().to_string()
}

fn origin(loaded: &Loaded, path: &str) -> String {
    loaded.origins().into_iter().find(|(found, ..)| found == path).unwrap().2.to_string()
}

#[test]
fn schema_is_the_one_checked_in() {
    let text = serde_json::to_string_pretty(&crate::schema()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../profiles/schema.json");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "run the test with INSTA_UPDATE=always");
}

#[test]
fn every_shipped_profile_loads_with_what_it_asks_for() {
    for shipped in SHIPPED {
        let sets = match shipped.name {
            "existing" => vec!["images.registry=registry.example/devplat".to_owned()],
            _ => Vec::new(),
        };
        let sources = Sources { shipped: Some(shipped.name.to_owned()), sets, ..Sources::default() };
        let loaded = load(&sources).unwrap();
        insta::assert_json_snapshot!(shipped.name, loaded.profile);
    }
}

#[test]
fn description_of_a_shipped_profile_is_the_one_in_its_file() {
    for shipped in SHIPPED {
        assert!(
            shipped.text.contains(&format!("description: {}\n", shipped.description)),
            "{}",
            shipped.name
        );
    }
}

#[test]
fn existing_without_a_registry_says_so() {
    let sources = Sources { shipped: Some("existing".to_owned()), ..Sources::default() };
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn five_mistakes_are_told_at_once_each_with_place_and_nearest() {
    let sources = file(
        "extends: kind\n\
         cluster:\n  provider: knid\n\
         operator:\n  replicas: many\n  resorces: {}\n\
         devServers:\n  homeSize: 10GB\n  defaultFlavor: cpu-smal\n",
    );
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn impossible_combinations_are_told_with_their_place() {
    let sources = file(
        "extends: kind\n\
         cluster:\n  context: prod\n  kind:\n    portMappings:\n      - {hostPort: 80, nodePort: 1}\n      - {hostPort: 80, nodePort: 2}\n\
         flavors:\n  cpu-small:\n    resources:\n      requests: {memory: 3Gi}\n\
         devServers:\n  defaultFlavor: cpu-smal\n",
    );
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn text_that_is_no_yaml_is_told_with_its_line() {
    insta::assert_snapshot!(mistakes(&file("extends: kind\ncluster: [\n")));
}

#[test]
fn key_written_twice_is_told() {
    insta::assert_snapshot!(mistakes(&file("extends: kind\noperator: {replicas: 1, replicas: 2}\n")));
}

#[test]
fn unknown_profile_names_the_ones_there_are() {
    let sources = Sources { shipped: Some("knd".to_owned()), ..Sources::default() };
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn command_line_wins_over_environment_over_file_over_shipped_over_base() {
    let mut sources =
        file("extends: kind\noperator: {replicas: 3}\ndevServers: {homeSize: 3Gi, image: debian}\n");
    sources.variables = vec![
        ("DEVPLAT_OPERATOR_REPLICAS".to_owned(), "4".to_owned()),
        ("DEVPLAT_DEV_SERVERS_HOME_SIZE".to_owned(), "4Gi".to_owned()),
        ("DEVPLAT_PROFILE".to_owned(), "ignored here".to_owned()),
    ];
    sources.sets = vec!["operator.replicas=5".to_owned()];
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.profile.operator.replicas, 5);
    assert_eq!(loaded.profile.dev_servers.home_size.as_str(), "4Gi");
    assert_eq!(loaded.profile.dev_servers.image, DevServerImage::Debian);
    assert_eq!(origin(&loaded, "operator.replicas"), "--set operator.replicas=5");
    assert_eq!(origin(&loaded, "devServers.homeSize"), "$DEVPLAT_DEV_SERVERS_HOME_SIZE");
    assert_eq!(origin(&loaded, "devServers.image"), "my.yaml:3:36");
    assert_eq!(origin(&loaded, "cluster.provider"), "profiles/kind.yaml:4:13");
    assert_eq!(origin(&loaded, "devServers.defaultFlavor"), "profiles/base.yaml:18:18");
}

#[test]
fn unknown_variable_and_bad_sets_are_mistakes() {
    let mut sources = kind();
    sources.variables = vec![("DEVPLAT_OPERATOR_REPLICA".to_owned(), "4".to_owned())];
    sources.sets = vec![
        "operator.replicas".to_owned(),
        "operator.replicas=0".to_owned(),
        "operatr.replicas=1".to_owned(),
    ];
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn lists_can_be_set_on_the_command_line() {
    let mut sources = kind();
    sources.sets = vec!["cluster.kind.portMappings=[{hostPort: 8080, nodePort: 30080}]".to_owned()];
    let Cluster::Kind(cluster) = load(&sources).unwrap().profile.cluster else { panic!("kind") };
    assert_eq!(cluster.node_image, NodeImage::Auto);
    assert_eq!(cluster.port_mappings[0].listen_address, "127.0.0.1");
}

#[test]
fn null_takes_a_flavor_away() {
    let mut sources = kind();
    sources.sets = vec!["flavors.cpu-large=null".to_owned()];
    assert_eq!(load(&sources).map(|loaded| loaded.profile.flavors.len()), Ok(2));
}
