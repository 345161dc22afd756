//! Replacements that create the new resource before they delete the old one.

use super::*;

/// Returns the platform with the network to replace, new-first. Its cluster embeds it.
fn replaced() -> (Graph<Thing>, Sights) {
    let mut all = things();
    all[3].edges = Edges { embeds: vec![NETWORK.single()], ..Edges::default() };
    let change = Change { how: How::NewFirst, ..Change::in_place("its range differs") };
    let mut seen = all_same();
    seen.get_mut(&NETWORK.single()).unwrap()[0].verdict = Some(Verdict::Differs(vec![change]));
    (Graph::new(all).unwrap(), seen)
}

#[test]
fn old_resource_is_deleted_after_its_dependents_are_replaced() {
    let (wanted, seen) = replaced();
    assert_eq!(
        changes(&wanted, &seen),
        [
            "create network",
            "delete cluster",
            "create cluster",
            "create image",
            "create release a",
            "delete network"
        ]
    );
    let plan = diff(&wanted, &seen, &Allowed::Nothing).unwrap();
    let all: Vec<&Step> = plan.changes().collect();
    let [network, .., last] = all.as_slice() else { panic!("{plan:?}") };
    assert_eq!((network.id.generation, last.id.generation), (1, 0));
    // Dependents are created with the new generation, and the old one waits for all of them.
    assert!(all[2].after.contains(&network.id), "{plan:?}");
    assert!(all[..5].iter().all(|step| last.after.contains(&step.id)), "{plan:?}");
}

#[test]
fn double_of_an_interrupted_replacement_is_deleted_by_the_next_plan() {
    let (wanted, mut seen) = replaced();
    let newer = Sight { generation: 1, physical: Physical("two".to_owned()), ..sight(Verdict::Same) };
    seen.get_mut(&NETWORK.single()).unwrap().push(newer);
    assert_eq!(changes(&wanted, &seen), ["delete network"]);
}
