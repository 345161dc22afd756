//! What gets applied, in full.

use std::collections::BTreeMap;

use devplat_api::{Amount, DevServerSpec};
use k8s_openapi::api::core::v1::Toleration;

use super::world::{flavor, new_server, spec_of};
use crate::server::{
    decide::decide,
    snapshot::{Action, Snapshot},
};

fn objects(snapshot: &Snapshot) -> Vec<serde_json::Value> {
    let body =
        |action| if let Action::Make(_, body) | Action::Apply(_, body) = action { Some(body) } else { None };
    decide(snapshot).actions.into_iter().filter_map(body).collect()
}

#[test]
fn a_server_that_asks_for_nothing_gets_what_was_reviewed() {
    insta::assert_yaml_snapshot!(objects(&new_server(DevServerSpec::default())));
}

#[test]
fn a_server_that_asks_for_everything_gets_what_was_reviewed() {
    let mut snapshot = new_server(DevServerSpec {
        owner: Some("Alice Smith".into()),
        flavor: Some("cpu-large".into()),
        image: Some("pytorch/pytorch:2.9".into()),
        command: vec!["jupyter".into(), "lab".into()],
        persistent_home_size: Some(Amount::parse("200Gi").unwrap()),
        shared_volume_claim_name: Some("datasets".into()),
        ..DevServerSpec::default()
    });
    let mut large = (*flavor("cpu-large", false)).clone();
    large.spec.node_selector = BTreeMap::from([("pool".into(), "large".into())]);
    large.spec.tolerations = vec![Toleration {
        key: Some("dedicated".into()),
        operator: Some("Exists".into()),
        ..Toleration::default()
    }];
    snapshot.flavors[1] = large.into();
    snapshot.defaults.storage_class = Some("fast".into());
    insta::assert_yaml_snapshot!(objects(&snapshot));
}

#[test]
fn a_server_without_ssh_has_nothing_of_it() {
    let mut snapshot = new_server(DevServerSpec::default());
    spec_of(&mut snapshot).enable_ssh = false;
    let objects = objects(&snapshot);
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["PersistentVolumeClaim", "Deployment"]);
    let text = objects[1].to_string();
    for word in ["ssh", "\"agent\"", "Probe", "/run/devplat", "--principal"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
