//! Plans for a world in a few lines, without a world.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Debug)]
struct Thing(&'static str, &'static [&'static str], Option<&'static str>, u64);

impl Planned for Thing {
    type Id = Name;
    fn id(&self) -> Name {
        Name(self.0)
    }
    fn needs(&self) -> Vec<Name> {
        self.1.iter().map(|name| Name(name)).collect()
    }
    fn inside(&self) -> Option<Name> {
        self.2.map(Name)
    }
    fn usual_duration(&self) -> Duration {
        Duration::from_secs(self.3)
    }
}

fn platform() -> Graph<Thing> {
    Graph::new([
        Thing("release", &["cluster", "image"], Some("cluster"), 5),
        Thing("image", &["bytes", "cluster"], Some("cluster"), 2),
        Thing("bytes", &[], None, 60),
        Thing("cluster", &["network"], None, 20),
        Thing("network", &[], None, 1),
    ])
    .unwrap()
}

fn steps(plan: &Plan<Name>) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {} ({})", step.action, step.id, step.reason)).collect()
}

fn all_same() -> BTreeMap<Name, Verdict> {
    platform().iter().map(|thing| (thing.id(), Verdict::Same)).collect()
}

#[test]
fn missing_network_is_created_before_cluster() {
    let plan = diff(&platform(), &BTreeMap::new()).unwrap();
    assert_eq!(
        steps(&plan),
        [
            "create bytes (absent)",
            "create network (absent)",
            "create cluster (absent)",
            "create image (cluster is made anew)",
            "create release (cluster is made anew)"
        ]
    );
}

#[test]
fn nothing_is_done_where_all_is_as_wanted() {
    let plan = diff(&platform(), &all_same()).unwrap();
    assert!(plan.changes_nothing());
    assert_eq!(estimate::<Thing>(&plan), (Duration::ZERO, vec![]));
}

#[test]
fn what_lies_in_a_replaced_cluster_is_made_again() {
    let mut verdicts = all_same();
    verdicts.insert(Name("cluster"), Verdict::Broken("half-made".to_owned()));
    let plan = diff(&platform(), &verdicts).unwrap();
    assert_eq!(
        plan.changes().map(|step| format!("{} {}", step.action, step.id)).collect::<Vec<_>>(),
        ["replace cluster", "create image", "create release"]
    );
}

#[test]
fn everything_in_the_way_is_told_at_once() {
    let mut verdicts = all_same();
    verdicts.insert(Name("network"), Verdict::Foreign("made by hand".to_owned()));
    verdicts.insert(Name("cluster"), Verdict::Outgrown(vec!["port 80 is not mapped".to_owned()]));
    let blocked: Vec<String> =
        diff(&platform(), &verdicts).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        blocked,
        [
            "network is not devplat's: made by hand",
            "cluster cannot be changed in place: port 80 is not mapped"
        ]
    );
}

#[test]
fn removal_takes_the_last_made_first_and_leaves_what_goes_along_unnamed() {
    let plan = removal(&platform());
    assert_eq!(
        steps(&plan),
        [
            "delete cluster (wanted no more)",
            "delete network (wanted no more)",
            "delete bytes (wanted no more)"
        ]
    );
    assert_eq!(plan.steps[1].after, [Name("cluster")]);
}

#[test]
fn removal_names_a_release_whose_cluster_stays() {
    let found = Graph::of_found([Thing("release", &["cluster"], Some("cluster"), 5)]).unwrap();
    assert_eq!(steps(&removal(&found)), ["delete release (wanted no more)"]);
}

#[test]
fn estimate_is_the_longest_chain() {
    let plan = diff(&platform(), &BTreeMap::new()).unwrap();
    assert_eq!(
        estimate::<Thing>(&plan),
        (Duration::from_secs(67), vec![Name("bytes"), Name("image"), Name("release")])
    );
}

#[test]
fn needs_that_nothing_meets_and_circles_are_told() {
    let missing = Graph::new([Thing("a", &["b"], None, 1)]).unwrap_err();
    assert_eq!(missing.to_string(), "a needs b, which nothing makes");
    let circle = Graph::new([Thing("a", &["b"], None, 1), Thing("b", &["a"], None, 1)]).unwrap_err();
    assert_eq!(circle.to_string(), "these need each other: a, b");
}

#[test]
fn plan_imports_no_client_clock_environment_or_file() {
    for (file, text) in [
        ("mod.rs", include_str!("mod.rs")),
        ("graph.rs", include_str!("graph.rs")),
        ("diff.rs", include_str!("diff.rs")),
        ("estimate.rs", include_str!("estimate.rs")),
    ] {
        for forbidden in ["kube", "tokio", "std::fs", "std::env", "Instant", "SystemTime", "jiff", "crate::"]
        {
            assert!(!text.contains(forbidden), "plan/{file} mentions {forbidden}");
        }
    }
}
