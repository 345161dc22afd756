//! Needs that are met before the step that meets them has ended.

use super::*;

/// The platform, whose release needs the cluster usable.
fn early() -> Vec<Thing> {
    let mut all = things();
    all[0].edges =
        Edges { needs: vec![IMAGE.single()], needs_usable: vec![CLUSTER.single()], ..Edges::default() };
    all[1].edges.needs = vec![BYTES.single()];
    all
}

fn names(ids: &[StepId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn release_waits_only_until_the_cluster_is_usable() {
    let plan = diff(&Graph::new(early()).unwrap(), &Sights::new(), &Allowed::Nothing).unwrap();
    let release = plan.steps.last().unwrap();
    assert_eq!(release.id.to_string(), "release a");
    assert_eq!(
        (names(&release.after), names(&release.after_usable)),
        (vec!["image".to_owned()], vec!["cluster".to_owned()])
    );
}

#[test]
fn resource_that_must_be_ready_is_not_only_usable() {
    let cluster = CLUSTER.single();
    let both = Edges {
        needs_usable: vec![cluster.clone(), NETWORK.single()],
        embeds: vec![cluster.clone()],
        ..Edges::default()
    };
    assert_eq!(both.required(), std::slice::from_ref(&cluster));
    assert_eq!(both.required_usable(), [NETWORK.single()]);
    assert_eq!(both.earlier(), [cluster, NETWORK.single()]);
}

#[test]
fn unmet_and_circular_usable_needs_are_mistakes() {
    let usable = |id: Id, of: Id| {
        let edges = Edges { needs_usable: vec![of], ..Edges::default() };
        Thing { edges, ..thing(id, &[], None, 1) }
    };
    let (a, b) = (IMAGE.single(), BYTES.single());
    let missing = Graph::new([usable(a.clone(), b.clone())]).unwrap_err();
    assert_eq!(missing.to_string(), "image needs bytes, which is not wanted");
    let circle = Graph::new([usable(a.clone(), b.clone()), thing(b, std::slice::from_ref(&a), None, 1)]);
    assert_eq!(circle.unwrap_err().to_string(), "these need each other: bytes, image");
}

#[test]
fn estimate_counts_the_end_of_the_usable_step() {
    let plan = diff(&Graph::new(early()).unwrap(), &Sights::new(), &Allowed::Nothing).unwrap();
    // bytes 60, image 2, release 5.
    assert_eq!(estimate(&plan).usual, Duration::from_secs(67));
    let mut slow = early();
    slow.iter_mut().filter(|thing| thing.id == CLUSTER.single()).for_each(|cluster| cluster.usual = 100);
    let plan = diff(&Graph::new(slow).unwrap(), &Sights::new(), &Allowed::Nothing).unwrap();
    assert_eq!(estimate(&plan).usual, Duration::from_secs(106));
}
