//! What status says, for machines and for people, and that its page says the same.

use std::{collections::BTreeSet, path::Path};

use devplat_kubernetes::context::{Context, Provider};
use devplat_profile::PlatformName;
use serde_json::Value;

use super::*;
use crate::state::StateFolder;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status.md");

fn part(name: &str, verdict: &Verdict) -> Part {
    let (ready, reason) = describe(verdict);
    Part { name: name.to_owned(), ready, reason }
}

/// One with every field.
fn not_ready() -> Status {
    let operator = "Deployment devserver-operator-system/devserver-operator differs in spec.replicas";
    let bastion = "waiting for Deployment devserver-bastion/bastion: 1 of 2 ready: image pull";
    Status {
        version: VERSION,
        name: "devplat".to_owned(),
        profile: "kind".to_owned(),
        cluster: ClusterStatus {
            provider: "kind",
            name: "devplat".to_owned(),
            kubeconfig: Some("/home/alice/.local/state/devplat/devplat/kubeconfig".to_owned()),
        },
        context: "kind-devplat".to_owned(),
        ready: false,
        parts: vec![
            part("cluster", &Verdict::Same),
            part("release operator", &Verdict::Differs(vec![operator.to_owned()])),
            part("release bastion", &Verdict::Differs(vec![bastion.to_owned()])),
            part("proof", &Verdict::Absent),
        ],
        ssh: Some("ssh -F /home/alice/.local/state/devplat/devplat/ssh/config demo@devplat".to_owned()),
        next: "devplat up".to_owned(),
    }
}

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap()
}

/// The path of each field, such as `parts[].name`.
fn fields(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                fields(&path, value, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(&format!("{path}[]"), item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn part_that_is_not_ready_is_told_with_its_reason() {
    let status = not_ready();
    insta::assert_json_snapshot!("not_ready_json", status);
    insta::assert_snapshot!("not_ready", show(&status));
}

#[test]
fn only_what_is_as_wanted_is_ready() {
    assert_eq!(describe(&Verdict::Same), (true, "as wanted".to_owned()));
    for (verdict, told) in [
        (Verdict::Absent, "absent"),
        (Verdict::Differs(vec!["one".to_owned(), "two".to_owned()]), "one; two"),
        (Verdict::Outgrown(vec!["one".to_owned(), "two".to_owned()]), "one; two"),
        (Verdict::Broken("its making was interrupted".to_owned()), "its making was interrupted"),
        (Verdict::Foreign("made by somebody else".to_owned()), "not devplat's: made by somebody else"),
    ] {
        assert_eq!(describe(&verdict), (false, told.to_owned()));
    }
}

#[test]
fn every_field_is_described_on_its_page_and_no_other() {
    let mut given = BTreeSet::new();
    fields("", &serde_json::to_value(not_ready()).unwrap(), &mut given);
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let described: BTreeSet<String> = rows.map(|(field, _)| field.to_owned()).collect();
    assert_eq!(given, described);
    assert!(page.contains(&format!("`version` is {VERSION}")), "the page is about another version");
}

#[test]
fn example_of_the_page_is_what_is_printed() {
    let page = page();
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(example.trim(), serde_json::to_string_pretty(&not_ready()).unwrap());
}

#[test]
fn cluster_of_somebody_else_is_named_by_its_bare_name() {
    let cluster = |provider: Provider| {
        let context =
            Context { name: "prod".to_owned(), server: "https://10.0.0.1:6443".to_owned(), provider };
        let target = Target::Existing { context, kubeconfig: Box::default() };
        let state = StateFolder::below(Path::new("state"), &PlatformName::default());
        ClusterStatus::of(&World::new(PlatformName::default(), state, target))
    };
    let of_kind = cluster(Provider::Kind("x".to_owned()));
    assert_eq!((of_kind.provider, of_kind.name.as_str()), ("existing", "x"));
    assert_eq!(cluster(Provider::Other).name, "prod");
    let status = Status { cluster: of_kind, context: "kind-x".to_owned(), ..not_ready() };
    let shown = show(&status);
    assert!(shown.contains("existing cluster x, context kind-x in your kubeconfig"), "{shown}");
}
