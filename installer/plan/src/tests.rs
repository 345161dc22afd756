//! Plans for a platform in a few lines.

use std::{collections::BTreeSet, time::Duration};

use super::*;

mod doubles;
mod new_first;
mod outlined;
mod replacement;
mod usable;

const RELEASE: KindName = KindName::new("release {}");
const IMAGE: KindName = KindName::new("image");
const BYTES: KindName = KindName::new("bytes");
const CLUSTER: KindName = KindName::new("cluster");
const NETWORK: KindName = KindName::new("network");
const BALANCER: KindName = KindName::new("load balancer {}");

const ALL: Can = Can { create: true, update: true, delete: true };

#[derive(Debug, Clone)]
struct Thing {
    id: Id,
    edges: Edges,
    usual: u64,
    can: Can,
}

impl Planned for Thing {
    fn id(&self) -> Id {
        self.id.clone()
    }
    fn edges(&self) -> Edges {
        self.edges.clone()
    }
    fn can(&self) -> Can {
        self.can
    }
    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(self.usual))
    }
}

fn thing(id: Id, needs: &[Id], deleted_with: Option<Id>, usual: u64) -> Thing {
    let edges = Edges { needs: needs.to_vec(), deleted_with, ..Edges::default() };
    Thing { id, edges, usual, can: ALL }
}

fn things() -> Vec<Thing> {
    let cluster = || CLUSTER.single();
    vec![
        thing(RELEASE.named("a"), &[cluster(), IMAGE.single()], Some(cluster()), 5),
        thing(IMAGE.single(), &[BYTES.single(), cluster()], Some(cluster()), 2),
        thing(BYTES.single(), &[], None, 60),
        thing(cluster(), &[NETWORK.single()], None, 20),
        thing(NETWORK.single(), &[], None, 1),
    ]
}

fn platform() -> Graph<Thing> {
    Graph::new(things()).unwrap()
}

fn sight(verdict: impl Into<Option<Verdict>>) -> Sight {
    Sight {
        physical: Physical("one".to_owned()),
        generation: 0,
        owner: Owner::Ours,
        state: State::Ready,
        verdict: verdict.into(),
        can: ALL,
        gone_first: &[],
        gone_first_ids: Vec::new(),
        deleted_with: None,
        loses: None,
        usual_deletion: Duration::from_secs(3),
    }
}

/// All of the platform, as wanted; deletion orders as a cloud requires them.
fn all_same() -> Sights {
    platform()
        .iter()
        .map(|thing| {
            let gone_first: &[KindName] = match thing.id.kind() {
                NETWORK => &[CLUSTER, BALANCER],
                CLUSTER => &[BALANCER],
                _ => &[],
            };
            let deleted_with = thing.edges.deleted_with.clone();
            (thing.id(), vec![Sight { gone_first, deleted_with, ..sight(Verdict::Same) }])
        })
        .collect()
}

fn with(id: Id, sights: Vec<Sight>) -> Sights {
    let mut all = all_same();
    all.insert(id, sights);
    all
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {} ({})", step.action, step.id, step.reason)).collect()
}

fn changes(wanted: &Graph<Thing>, seen: &Sights) -> Vec<String> {
    let plan = diff(wanted, seen, &Allowed::Nothing).unwrap();
    plan.changes().map(|step| format!("{} {}", step.action, step.id)).collect()
}

fn blocked(wanted: &Graph<Thing>, seen: &Sights) -> Vec<String> {
    diff(wanted, seen, &Allowed::Nothing).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn missing_network_is_created_before_cluster() {
    let plan = diff(&platform(), &Sights::new(), &Allowed::Nothing).unwrap();
    assert_eq!(
        lines(&plan),
        [
            "create bytes (absent)",
            "create network (absent)",
            "create cluster (absent)",
            "create image (absent)",
            "create release a (absent)"
        ]
    );
}

#[test]
fn unchanged_platform_needs_no_step() {
    let plan = diff(&platform(), &all_same(), &Allowed::Nothing).unwrap();
    assert!(plan.changes_nothing());
    assert_eq!(estimate(&plan), Sum::default());
}

#[test]
fn failed_cluster_is_replaced_with_its_content() {
    let failed = Sight { state: State::Failed("half-made".to_owned()), ..sight(None) };
    let plan = diff(&platform(), &with(CLUSTER.single(), vec![failed]), &Allowed::Nothing).unwrap();
    assert_eq!(
        lines(&plan)[2..],
        [
            "delete cluster (half-made)",
            "create cluster (replaces the deleted one)",
            "create image (cluster is replaced)",
            "create release a (cluster is replaced)"
        ]
    );
    let create = &plan.steps[3];
    assert!(create.after.contains(&plan.steps[2].id), "{create:?}");
}

#[test]
fn difference_is_updated_in_place_unless_that_loses_data() {
    let change = |how, loses: Option<&str>| Change {
        detail: Detail::Field {
            name: "size".to_owned(),
            was: Some("1".to_owned()),
            wanted: Some("2".to_owned()),
        },
        how,
        loses: loses.map(|loss| Loss(loss.to_owned())),
    };
    let differs = |change| with(CLUSTER.single(), vec![sight(Verdict::Differs(vec![change]))]);
    assert_eq!(changes(&platform(), &differs(change(How::InPlace, None))), ["update cluster"]);
    let outgrown = differs(change(How::OldFirst, Some("homes")));
    assert_eq!(
        blocked(&platform(), &outgrown),
        ["cannot change cluster without losing homes: size is 1; the profile wants 2"]
    );
    let allowed = Allowed::Of(BTreeSet::from([CLUSTER.single()]));
    let plan = diff(&platform(), &outgrown, &allowed).unwrap();
    assert_eq!(plan.changes().count(), 4, "{plan:?}");
}

#[test]
fn new_first_replacement_deletes_the_old_generation_last() {
    let change = Change { how: How::NewFirst, ..Change::in_place("its type differs") };
    let seen = with(BYTES.single(), vec![sight(Verdict::Differs(vec![change]))]);
    let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
    let last = plan.steps.last().unwrap();
    assert_eq!((last.action, last.id.generation), (Action::Delete, 0));
    let create = plan.steps.iter().find(|step| step.action == Action::Create).unwrap();
    assert_eq!((create.id.generation, last.after.contains(&create.id)), (1, true));
}

#[test]
fn resource_that_refers_to_a_replaced_one_is_replaced() {
    let mut all = things();
    all[2].edges.embeds = vec![NETWORK.single()];
    all[2].edges.needs = vec![NETWORK.single()];
    let failed = Sight { state: State::Failed("gone wrong".to_owned()), ..sight(None) };
    let said = changes(&Graph::new(all).unwrap(), &with(NETWORK.single(), vec![failed]));
    assert_eq!(said, ["delete network", "create network", "delete bytes", "create bytes"]);
}

#[test]
fn all_reasons_against_a_plan_are_reported_together() {
    let mut seen = all_same();
    let foreign = Sight { owner: Owner::stranger("made by hand"), ..sight(None) };
    seen.insert(NETWORK.single(), vec![foreign]);
    let unfit = Sight { owner: Owner::Adopted, ..sight(Verdict::Unfit(vec!["too old".to_owned()])) };
    seen.insert(CLUSTER.single(), vec![unfit]);
    assert_eq!(
        blocked(&platform(), &seen),
        ["network is not devplat's: made by hand", "cluster cannot be used: too old"]
    );
}

#[test]
fn action_that_a_kind_lacks_is_blocked() {
    let mut all = things();
    all[4].can = Can { create: false, update: false, delete: false };
    let wanted = Graph::new(all).unwrap();
    assert_eq!(blocked(&wanted, &Sights::new()), ["devplat does not create network: absent"]);
    let change = Change::in_place("its subnet differs");
    let seen = with(NETWORK.single(), vec![sight(Verdict::Differs(vec![change]))]);
    assert_eq!(blocked(&wanted, &seen), ["devplat does not update network: its subnet differs"]);
    let stuck = Sight { can: Can { delete: false, ..ALL }, ..sight(None) };
    let seen = Sights::from([(BALANCER.named("x"), vec![stuck])]);
    assert_eq!(
        blocked(&Graph::empty(), &seen),
        ["devplat does not delete load balancer x: no longer wanted"]
    );
}

#[test]
fn resource_that_cannot_be_compared_yet_is_checked_during_apply() {
    for (state, verdict) in [
        (State::Ready, Some(Verdict::Unknown("the cluster is stopped".to_owned()))),
        (State::Coming, None),
        (State::Leaving, None),
    ] {
        let seen = with(RELEASE.named("a"), vec![Sight { state, ..sight(verdict) }]);
        assert_eq!(changes(&platform(), &seen), ["check release a"]);
    }
}

#[test]
fn unwanted_resource_is_deleted_after_all_other_steps() {
    let mut seen = all_same();
    seen.remove(&IMAGE.single());
    seen.insert(RELEASE.named("old"), vec![sight(None)]);
    assert_eq!(changes(&platform(), &seen), ["create image", "delete release old"]);
}

#[test]
fn double_is_deleted_and_the_newest_generation_kept() {
    let newer = Sight { generation: 1, physical: Physical("two".to_owned()), ..sight(Verdict::Same) };
    let seen = with(NETWORK.single(), vec![newer, sight(Verdict::Same)]);
    let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
    let deleted: Vec<_> = plan.changes().map(|step| (step.action, step.id.generation)).collect();
    assert_eq!(deleted, [(Action::Delete, 0)]);
}

#[test]
fn deletion_of_a_double_with_data_needs_agreement() {
    let loses = Some(Loss("homes".to_owned()));
    let older = Sight { physical: Physical("a".to_owned()), loses, ..sight(Verdict::Same) };
    let seen = with(CLUSTER.single(), vec![older, sight(Verdict::Same)]);
    assert_eq!(
        blocked(&platform(), &seen),
        ["cannot change cluster without losing homes: a is a double of one"]
    );
}

#[test]
fn foreign_resource_beside_ours_is_ignored() {
    let owner = || Owner::stranger("made by hand");
    for physical in ["a", "z"] {
        let differs = Verdict::Differs(vec![Change::old_first("it was made otherwise").losing("homes")]);
        let foreign = Sight { owner: owner(), physical: Physical(physical.to_owned()), ..sight(differs) };
        let seen = with(CLUSTER.single(), vec![foreign, sight(Verdict::Same)]);
        assert!(diff(&platform(), &seen, &Allowed::Nothing).unwrap().changes_nothing(), "{physical}");
    }
}

#[test]
fn removal_follows_the_order_of_deletion() {
    let mut seen = all_same();
    let caused = Sight { owner: Owner::Caused { by: CLUSTER.single() }, ..sight(None) };
    seen.insert(BALANCER.named("x"), vec![caused]);
    let plan = diff(&Graph::<Thing>::empty(), &seen, &Allowed::Everything).unwrap();
    assert_eq!(
        plan.steps.iter().map(|step| step.id.to_string()).collect::<Vec<_>>(),
        ["bytes", "load balancer x", "cluster", "network"]
    );
    assert_eq!(plan.steps[3].after, [plan.steps[2].id.clone(), plan.steps[1].id.clone()]);
}

#[test]
fn removal_without_agreement_to_lose_data_is_blocked() {
    let seen = with(CLUSTER.single(), vec![Sight { loses: Some(Loss("homes".to_owned())), ..sight(None) }]);
    let why = blocked(&Graph::empty(), &seen);
    assert_eq!(why, ["cannot change cluster without losing homes: no longer wanted"]);
}

#[test]
fn caused_and_adopted_resources_are_kept() {
    let mut seen = all_same();
    let caused = Sight { owner: Owner::Caused { by: CLUSTER.single() }, ..sight(None) };
    seen.insert(BALANCER.named("x"), vec![caused]);
    assert_eq!(changes(&platform(), &seen), [""; 0]);
    let adopted = Sight { owner: Owner::Adopted, ..sight(Verdict::Same) };
    let seen = Sights::from([(CLUSTER.single(), vec![adopted])]);
    assert_eq!(changes(&Graph::empty(), &seen), [""; 0]);
}

#[test]
fn estimate_is_the_longest_chain() {
    let plan = diff(&platform(), &Sights::new(), &Allowed::Nothing).unwrap();
    let Sum { usual, critical } = estimate(&plan);
    assert_eq!(usual, Duration::from_secs(67));
    assert_eq!(critical.iter().map(ToString::to_string).collect::<Vec<_>>(), ["bytes", "image", "release a"]);
}

#[test]
fn unmet_needs_and_circles_are_mistakes() {
    let (a, b) = (IMAGE.single(), BYTES.single());
    let missing = Graph::new([thing(a.clone(), std::slice::from_ref(&b), None, 1)]).unwrap_err();
    assert_eq!(missing.to_string(), "image needs bytes, which is not wanted");
    let circle = Graph::new([
        thing(a.clone(), std::slice::from_ref(&b), None, 1),
        thing(b, std::slice::from_ref(&a), None, 1),
    ]);
    assert_eq!(circle.unwrap_err().to_string(), "these need each other: bytes, image");
}

#[test]
fn step_is_serialized_as_documented() {
    let plan = diff(&platform(), &with(NETWORK.single(), vec![]), &Allowed::Nothing).unwrap();
    let step = serde_json::to_value(plan.changes().next().unwrap()).unwrap();
    assert_eq!(
        step,
        serde_json::json!({"id": "network", "action": "create", "reason": "absent", "after": [],
            "afterUsable": [], "usualSeconds": 1.0})
    );
}
