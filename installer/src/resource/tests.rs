//! Properties of all kinds together.

use std::net::SocketAddr;

use devplat_plan::{Action, Blocked, Change, Edges, Facts, KindName, Plan, Requirement, Step, Verdict};

use super::*;
use crate::ui::Ui;

mod new_first;
mod useless;

/// A kind whose resources are as wanted or have to be replaced.
#[derive(Clone, Default)]
pub(crate) struct Toy {
    /// The ports that it takes.
    pub(crate) ports: Vec<SocketAddr>,
    /// The outcome of a look for obstacles.
    pub(crate) obstacle: Option<Result<Blocked, Failure>>,
}

impl ResourceKind for Toy {
    const NAME: KindWith<Self::Output> = KindWith::new("toy");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<kind::Act<Self>> = Some(|_, _| Box::pin(async { Ok(Physical("new".to_owned())) }));
    const UPDATE: Option<kind::Act<Self>> = None;
    const DELETE: Option<kind::DeleteSeen<Self>> = Some(|_, _| Box::pin(async { Ok(()) }));
    /// Whether it is as wanted.
    type Fields = bool;
    type Output = ();

    fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self::default()])
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default().requiring(self.ports.iter().copied().map(Requirement::FreePort))
    }

    async fn find(_: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        Ok(Vec::new())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields { Verdict::Same } else { Verdict::Differs(vec![Change::old_first("it differs")]) }
    }

    async fn obstacle(&self, _: &Step, _: &Plan, _: &PlatformContext) -> Result<Option<Blocked>, Failure> {
        self.obstacle.clone().transpose()
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Returns a found toy of the platform.
pub(crate) fn toy(physical: &str, as_wanted: bool) -> Found {
    kind::erase(Seen::<Toy>::ours(Toy::NAME.single(), physical, as_wanted, None))
}

/// Returns the context of a step outside of a plan.
pub(crate) fn step_alone(context: &Arc<PlatformContext>, id: Id, action: Action) -> Cx {
    Cx::alone(Arc::clone(context), id, action, Ui::recording()).unwrap()
}

/// Returns the sight of a ready resource.
pub(crate) fn sight() -> Sight {
    Sight {
        physical: Physical("container a".to_owned()),
        generation: 0,
        owner: Owner::Ours,
        state: State::Ready,
        verdict: Some(Verdict::Same),
        can: Can { create: true, update: true, delete: true },
        gone_first: &[],
        gone_first_ids: Vec::new(),
        deleted_with: None,
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
    let clusters = KINDS.iter().filter(|kind| kind.name == CLUSTER.name());
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
