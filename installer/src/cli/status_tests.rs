//! The output of status as JSON and as text, and its agreement with the documentation.

use std::{collections::BTreeSet, path::Path};

use devplat_kubernetes::context::{Context, DistributionGuess};
use devplat_plan::{Change, Verdict};
use devplat_profile::Exposure;
use serde_json::Value;

use super::*;
use crate::{
    platform_context::{NamedCluster, testing},
    resource::tests as resources,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status.md");

fn part(name: &str, verdict: Verdict) -> PlatformPart {
    let (ready, reason) = described(&sight(verdict));
    PlatformPart { name: name.to_owned(), ready, reason }
}

fn sight(verdict: Verdict) -> Sight {
    Sight { verdict: Some(verdict), ..resources::sight() }
}

fn differs(what: &[&str]) -> Verdict {
    Verdict::Differs(what.iter().map(|what| Change::in_place(*what)).collect())
}

/// A status with every field.
fn not_ready() -> Status {
    let operator = "Deployment devserver-operator-system/devserver-operator differs in spec.replicas";
    let bastion = "waiting for Deployment devserver-bastion/bastion: 1 of 2 ready: image pull";
    Status {
        version: VERSION,
        name: "devplat".to_owned(),
        profile: "kind".to_owned(),
        cluster: ClusterStatus {
            provider: "kind".to_owned(),
            name: "devplat".to_owned(),
            kubeconfig: Some("/home/alice/.local/state/devplat/devplat/kubeconfig".to_owned()),
            facts: Vec::new(),
            remarks: Vec::new(),
        },
        context: "kind-devplat".to_owned(),
        ready: false,
        parts: vec![
            part("cluster", Verdict::Same),
            part("release operator", differs(&[operator])),
            part("release bastion", differs(&[bastion])),
            PlatformPart { name: "proof".to_owned(), ready: false, reason: "absent".to_owned() },
        ],
        ssh: Some("ssh -F /home/alice/.local/state/devplat/devplat/ssh/config demo@devplat".to_owned()),
        run: None,
        refused: Vec::new(),
        next: "devplat up".to_owned(),
    }
}

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap()
}

/// Collects the path of each field, such as `parts[].name`.
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
fn part_that_is_not_ready_has_a_reason() {
    let status = not_ready();
    insta::assert_json_snapshot!("not_ready_json", status);
    insta::assert_snapshot!("not_ready", show(&status));
}

#[test]
fn part_is_ready_only_if_it_is_as_wanted() {
    assert_eq!(described(&sight(Verdict::Same)), (true, "as wanted".to_owned()));
    for (sight, told) in [
        (sight(differs(&["one", "two"])), "one; two"),
        (sight(Verdict::Unfit(vec!["one".to_owned(), "two".to_owned()])), "one; two"),
        (sight(Verdict::Unknown("no answer".to_owned())), "no answer"),
        (Sight { verdict: None, ..sight(Verdict::Same) }, "not compared"),
        (
            Sight { state: State::Failed("it was interrupted".to_owned()), ..sight(Verdict::Same) },
            "it was interrupted",
        ),
        (Sight { state: State::Coming, ..sight(Verdict::Same) }, "is being created"),
        (Sight { owner: Owner::stranger("of team-b"), ..sight(Verdict::Same) }, "not devplat's: of team-b"),
    ] {
        assert_eq!(described(&sight), (false, told.to_owned()));
    }
}

#[test]
fn part_with_a_double_is_the_one_that_is_kept() {
    let half = Sight { state: State::Failed("it was interrupted".to_owned()), ..sight(Verdict::Same) };
    let theirs = Sight { owner: Owner::stranger("of team-b"), ..sight(Verdict::Same) };
    let all = [sight(Verdict::Same), half, theirs.clone()];
    assert_eq!(described(shown(&all).unwrap()), (true, "as wanted".to_owned()));
    assert_eq!(described(shown(&[theirs]).unwrap()), (false, "not devplat's: of team-b".to_owned()));
    assert!(shown(&[]).is_none());
}

#[test]
fn documentation_describes_exactly_the_fields() {
    let mut given = BTreeSet::new();
    fields("", &serde_json::to_value(not_ready()).unwrap(), &mut given);
    let existing = ClusterStatus {
        facts: vec![ClusterFact { name: "metrics", value: "served".to_owned() }],
        remarks: vec!["unexpected".to_owned()],
        ..not_ready().cluster
    };
    let (run, refused) = (Some("process 4711".to_owned()), vec!["cluster: it is of k3d".to_owned()]);
    let existing = Status { cluster: existing, run, refused, ..not_ready() };
    fields("", &serde_json::to_value(existing).unwrap(), &mut given);
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let described: BTreeSet<String> = rows.map(|(field, _)| field.to_owned()).collect();
    assert_eq!(given, described);
    assert!(page.contains(&format!("`version` is {VERSION}")), "the page is about another version");
}

#[test]
fn example_in_the_documentation_is_the_output() {
    let page = page();
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(example.trim(), serde_json::to_string_pretty(&not_ready()).unwrap());
}

#[test]
fn existing_cluster_of_kind_has_its_short_name() {
    let cluster = |guess: DistributionGuess| {
        let named = Context { name: "prod".to_owned(), server: "https://10.0.0.1:6443".to_owned(), guess };
        let mut context = testing::context(Path::new("state"));
        context.named = Some(NamedCluster { context: named, kubeconfig: std::sync::Arc::default() });
        let needs = Needs { storage_class: None, exposure: Exposure::PortForward };
        ClusterStatus::of(Provider::Existing, &needs, &context)
    };
    let of_kind = cluster(DistributionGuess::Kind("x".to_owned()));
    assert_eq!((of_kind.provider.as_str(), of_kind.name.as_str()), ("existing", "x"));
    assert_eq!(cluster(DistributionGuess::Other).name, "prod");
    let status = Status { cluster: of_kind, context: "kind-x".to_owned(), ..not_ready() };
    let shown = show(&status);
    assert!(shown.contains("existing cluster x, context kind-x in your kubeconfig"), "{shown}");
}

#[test]
fn reasons_against_up_and_another_run_precede_the_next_line() {
    let run = Some("process 4711, `devplat up`,".to_owned());
    let refused = vec!["cluster: it is of k3d".to_owned(), "hint: add --lose cluster".to_owned()];
    let text = show(&Status { run, refused, ..not_ready() });
    let (_, end) = text.split_once("absent").unwrap();
    let expected = "`devplat up` would end before its first step:\n  cluster: it is of k3d\n  hint: add --lose cluster\n\nnext:\n  \
                    wait for process 4711, `devplat up`, to end, then:\n  devplat up";
    assert_eq!(end.trim(), expected);
}

#[test]
fn found_part_that_the_profile_does_not_want_is_listed() {
    let registry = resource::KINDS.iter().find_map(|kind| kind.name.parse("local registry")).unwrap();
    let unlisted = resource::KINDS.iter().find_map(|kind| kind.name.parse("kubeconfig")).unwrap();
    let theirs = Sight { owner: Owner::stranger("of team-b"), ..sight(Verdict::Same) };
    let of = |id: &Id, sight: Sight| {
        let sights = [(id.clone(), vec![sight])].into();
        surplus(&Survey { sights, ..Survey::default() }, |_| false)
    };
    let found = of(&registry, Sight { verdict: None, ..sight(Verdict::Same) });
    let found: Vec<_> =
        found.iter().map(|part| (part.name.as_str(), part.ready, part.reason.as_str())).collect();
    assert_eq!(found, [("local registry", false, "not wanted by this profile")]);
    assert!(of(&unlisted, sight(Verdict::Same)).is_empty() && of(&registry, theirs).is_empty());
}
