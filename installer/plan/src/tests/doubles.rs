//! Several found resources of one id: which one stays, and the deletion of the others.

use super::*;

fn named(physical: &str, verdict: impl Into<Option<Verdict>>) -> Sight {
    Sight { physical: Physical(physical.to_owned()), ..sight(verdict) }
}

/// The physical ids that a plan deletes, in its order.
fn deleted(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().filter_map(|step| Some(step.id.deletes.as_ref()?.0.as_str())).collect()
}

#[test]
fn double_closest_to_the_wanted_resource_stays() {
    let other = || Verdict::Differs(vec![Change::old_first("it was created as another kind")]);
    let stopped = || Verdict::Differs(vec![Change::in_place("it is stopped")]);
    for (sights, gone) in [
        ([named("a", Verdict::Same), named("b", other())], "b"),
        ([named("a", stopped()), named("b", other())], "b"),
        ([named("a", stopped()), named("b", Verdict::Same)], "a"),
        // Its finder lists the one last that is in use.
        ([named("b", Verdict::Same), named("a", Verdict::Same)], "b"),
    ] {
        let seen = with(CLUSTER.single(), sights.to_vec());
        let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
        assert_eq!(deleted(&plan), [gone], "{seen:?}");
    }
}

#[test]
fn each_double_has_a_deletion_of_its_own() {
    let doubles = vec![named("k3d cluster a", None), named("kind cluster a", None)];
    let seen = with(CLUSTER.single(), doubles);
    let plan = diff(&Graph::<Thing>::empty(), &seen, &Allowed::Nothing).unwrap();
    assert_eq!(deleted(&plan), ["one", "k3d cluster a", "kind cluster a", "one"]);
    let steps: BTreeSet<&StepId> = plan.steps.iter().map(|step| &step.id).collect();
    assert_eq!(steps.len(), plan.steps.len(), "{plan:?}");
    let clusters: Vec<StepId> = plan.steps[1..3].iter().map(|step| step.id.clone()).collect();
    assert_eq!(plan.steps[3].after, clusters);
}

#[test]
fn dependents_are_created_after_doubles_are_deleted() {
    let mut seen = with(NETWORK.single(), vec![named("a", Verdict::Same), named("b", Verdict::Same)]);
    seen.remove(&CLUSTER.single());
    let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
    let deletion = plan.changes().next().unwrap();
    assert_eq!((deletion.id.deletes.clone(), &deletion.after), (Some(Physical("a".to_owned())), &Vec::new()));
    let create = plan.changes().find(|step| step.action == Action::Create).unwrap();
    assert!(create.id.id == CLUSTER.single() && create.after.contains(&deletion.id), "{create:?}");
}

#[test]
fn older_generation_goes_last_because_others_refer_to_it() {
    let newer = Sight { generation: 1, ..named("b", Verdict::Same) };
    let mut seen = with(NETWORK.single(), vec![newer, named("a", Verdict::Same)]);
    seen.remove(&CLUSTER.single());
    let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
    assert_eq!((plan.steps.last().unwrap().action, deleted(&plan)), (Action::Delete, vec!["a"]));
}

#[test]
fn adopted_resource_is_never_deleted_as_a_double() {
    let adopted = Sight { owner: Owner::Adopted, ..named("a", Verdict::Same) };
    let seen = with(CLUSTER.single(), vec![adopted, named("b", Verdict::Same)]);
    let plan = diff(&platform(), &seen, &Allowed::Nothing).unwrap();
    assert!(plan.changes_nothing(), "{plan:?}");
}
