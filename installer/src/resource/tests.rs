//! Properties of all kinds together.

use super::*;

/// Returns the sight of a ready resource.
pub(crate) fn sight() -> Sight {
    Sight {
        physical: Physical("container a".to_owned()),
        generation: 0,
        owner: Owner::Ours,
        state: State::Ready,
        verdict: Some(devplat_plan::Verdict::Same),
        can: Can { create: true, update: true, delete: true },
        gone_first: &[],
        gone_first_ids: Vec::new(),
        dies_with: None,
        loses: None,
        usual_deletion: Duration::ZERO,
    }
}

#[test]
fn labels_of_kinds_are_unique_except_clusters() {
    let mut labels: Vec<String> = KINDS.iter().map(|kind| format!("{:?}", kind.name)).collect();
    labels.sort();
    let all = labels.len();
    labels.dedup();
    // kind, k3d and existing clusters have the same id, because other resources need only a cluster.
    assert_eq!(all - labels.len(), 2, "{labels:?}");
}

#[test]
fn clusters_are_found_without_a_cluster() {
    let clusters = KINDS.iter().filter(|kind| kind.name == CLUSTER);
    assert!(clusters.into_iter().all(|kind| kind.seen == SeenThrough::Nothing));
}

#[test]
fn order_of_deletion_has_no_circle() {
    let mut left: Vec<&KindEntry> = KINDS.iter().collect();
    while !left.is_empty() {
        let names: Vec<_> = left.iter().map(|kind| kind.name).collect();
        let before = left.len();
        left.retain(|kind| kind.gone_first.iter().any(|first| names.contains(first)));
        assert!(left.len() < before, "these wait for each other: {names:?}");
    }
}
