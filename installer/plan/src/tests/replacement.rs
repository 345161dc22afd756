//! Replacements of a resource that others embed or that must outlive others.

use super::*;

/// The platform of the other tests, with a cluster that embeds its network.
fn embedding() -> Graph<Thing> {
    let mut all = things();
    all[3].edges = Edges { embeds: vec![NETWORK.single()], ..Edges::default() };
    Graph::new(all).unwrap()
}

/// All as wanted except for the network, which can only be replaced.
fn another_range() -> Sights {
    let mut seen = all_same();
    let network = &mut seen.get_mut(&NETWORK.single()).unwrap()[0];
    network.verdict = Some(Verdict::Differs(vec![Change::old_first("its range differs")]));
    seen
}

fn cluster_of(seen: &mut Sights) -> &mut Sight {
    &mut seen.get_mut(&CLUSTER.single()).unwrap()[0]
}

#[test]
fn dependents_are_deleted_before_a_replaced_resource() {
    let plan = diff(&embedding(), &another_range(), &Allowed::Nothing).unwrap();
    let changes: Vec<&Step> = plan.changes().collect();
    let lines: Vec<String> = changes.iter().map(|step| format!("{} {}", step.action, step.id)).collect();
    assert_eq!(
        lines,
        [
            "delete cluster",
            "delete network",
            "create network",
            "create cluster",
            "create image",
            "create release a"
        ]
    );
    assert_eq!(changes[0].after, []);
    assert_eq!(changes[1].after, [changes[0].id.clone()]);
    assert_eq!(changes[2].after, [changes[1].id.clone()]);
    let before_cluster: BTreeSet<&StepId> = changes[3].after.iter().collect();
    assert_eq!(before_cluster, BTreeSet::from([&changes[0].id, &changes[2].id]));
}

#[test]
fn data_in_an_embedding_resource_is_lost_only_by_its_name() {
    let mut seen = another_range();
    cluster_of(&mut seen).loses = Some(Loss("homes".to_owned()));
    let why = "cannot change cluster without losing homes: network, which it refers to, is replaced";
    let of = |id: Id| Allowed::Of(BTreeSet::from([id]));
    let refused = diff(&embedding(), &seen, &of(NETWORK.single())).unwrap_err();
    assert_eq!(refused.iter().map(ToString::to_string).collect::<Vec<_>>(), [why]);
    assert!(diff(&embedding(), &seen, &of(CLUSTER.single())).is_ok());
}

#[test]
fn embedding_resource_is_replaced_in_any_state() {
    let stopped = Verdict::Differs(vec![Change::in_place("it is stopped")]);
    for (state, verdict) in [
        (State::Degraded(vec!["it is stopped".to_owned()]), Some(stopped)),
        (State::Ready, Some(Verdict::Unknown("it does not answer".to_owned()))),
        (State::Coming, None),
        (State::Leaving, None),
        (State::Failed("its creation was interrupted".to_owned()), None),
    ] {
        let mut seen = another_range();
        let cluster = cluster_of(&mut seen);
        (cluster.state, cluster.verdict) = (state, verdict);
        assert_eq!(changes(&embedding(), &seen)[..2], ["delete cluster", "delete network"], "{seen:?}");
    }
}

#[test]
fn surplus_in_a_replaced_resource_is_deleted_before_it() {
    let mut seen = another_range();
    seen.insert(BALANCER.named("x"), vec![sight(None)]);
    seen.insert(RELEASE.named("old"), vec![sight(None)]);
    let said = changes(&embedding(), &seen);
    let at = |line: &str| said.iter().position(|one| one == line).unwrap();
    assert!(at("delete load balancer x") < at("delete cluster"), "{said:?}");
    assert!(at("delete cluster") < at("delete network"), "{said:?}");
    assert_eq!(said.last().unwrap(), "delete release old", "{said:?}");
}

/// A found resource names others by their ids, as the CRDs of a release name the releases with objects of them.
#[test]
fn resource_that_a_replaced_one_names_is_deleted_first() {
    let old = RELEASE.named("old");
    let mut seen = another_range();
    cluster_of(&mut seen).gone_first_ids = vec![old.clone()];
    seen.insert(old.clone(), vec![sight(None)]);
    let plan = diff(&embedding(), &seen, &Allowed::Nothing).unwrap();
    let deletions: Vec<&Step> = plan.changes().filter(|step| step.action == Action::Delete).collect();
    let ids: Vec<&Id> = deletions.iter().map(|step| &step.id.id).collect();
    assert_eq!(ids, [&old, &CLUSTER.single(), &NETWORK.single()]);
    assert_eq!(deletions[0].after, [], "it does not wait for the steps that come after the replacement");
    assert_eq!(deletions[1].after, [deletions[0].id.clone()]);
}

#[test]
fn embedded_resource_is_created_first_without_a_second_edge() {
    let created = changes(&embedding(), &Sights::new());
    assert_eq!(
        created,
        ["create bytes", "create network", "create cluster", "create image", "create release a"]
    );
    let mut all = things();
    all[0].edges.embeds = vec![BALANCER.named("x")];
    let missing = Graph::new(all).unwrap_err();
    assert_eq!(missing.to_string(), "release a needs load balancer x, which is not wanted");
}
