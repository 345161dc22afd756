//! A kind that is replaced new-first, from the plan to the end of its apply: the new resource is created, its dependents
//! refer to it, and then the old one is deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use devplat_plan::{
    Action, Allowed, Change, Edges, Facts, Graph, How, Id, KindName, Physical, Sights, Verdict, diff,
};

use super::super::{
    AnyResource, Cx, Found, ResourceKind, Seen, SeenThrough, Traits, Wanted, compared, kept, kind,
};
use crate::{
    apply::Apply,
    check,
    failure::Failure,
    platform::PlatformInputs,
    platform_context::{KindWith, PlatformContext, testing::context},
    ui::{Event, Ui},
};

const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };

#[derive(Debug, Default)]
struct ExistingResources {
    /// The generations of all disks.
    disks: BTreeSet<u32>,
    /// The disk that the server uses, if there is a server. Both have the same generation.
    used: Option<u32>,
}

type Shared = Arc<Mutex<ExistingResources>>;

/// A disk. The profile wants another size than that of generation 0.
#[derive(Clone)]
struct Disk {
    resources: Shared,
}

/// A server, which embeds the disk.
#[derive(Clone)]
struct ServerOnDisk {
    resources: Shared,
    /// Whether the user asks to stop while it is created.
    stops: bool,
}

impl ResourceKind for Disk {
    const NAME: KindWith<Self::Output> = KindWith::new("disk");
    const GONE_FIRST: &'static [KindName] = &[ServerOnDisk::NAME.name()];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = TRAITS;
    const CREATE: Option<kind::Act<Self>> =
        Some(|disk, cx| Box::pin(async move { Ok(disk.create(cx.generation())) }));
    const UPDATE: Option<kind::Act<Self>> = None;
    const DELETE: Option<kind::DeleteSeen<Self>> = Some(|seen, _| {
        Box::pin(async move {
            delete_disk(&seen.fields, seen.generation);
            Ok(())
        })
    });
    type Fields = Shared;
    /// Its generation.
    type Output = u32;

    fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(Vec::new())
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default()
    }

    async fn find(_: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        Ok(Vec::new())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        match seen.generation {
            0 => {
                let change = Change { how: How::NewFirst, ..Change::in_place("its size differs") };
                Verdict::Differs(vec![change])
            }
            _ => Verdict::Same,
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<u32, Failure> {
        Ok(cx.generation())
    }
}

impl Disk {
    fn create(&self, generation: u32) -> Physical {
        self.resources.lock().unwrap().disks.insert(generation);
        Physical(format!("disk-{generation}"))
    }
}

fn delete_disk(resources: &Shared, generation: u32) {
    let mut resources = resources.lock().unwrap();
    assert_ne!(resources.used, Some(generation), "the server still uses it");
    resources.disks.remove(&generation);
}

impl ResourceKind for ServerOnDisk {
    const NAME: KindWith<Self::Output> = KindWith::new("server");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = TRAITS;
    const CREATE: Option<kind::Act<Self>> = Some(|server, cx| Box::pin(async move { Ok(server.create(cx)) }));
    const UPDATE: Option<kind::Act<Self>> = None;
    const DELETE: Option<kind::DeleteSeen<Self>> = Some(|seen, _| {
        Box::pin(async move {
            seen.fields.lock().unwrap().used = None;
            Ok(())
        })
    });
    type Fields = Shared;
    type Output = ();

    fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(Vec::new())
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        Edges { embeds: vec![Disk::NAME.single()], ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default()
    }

    async fn find(_: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        Ok(Vec::new())
    }

    fn compare(&self, _: &Seen<Self>) -> Verdict {
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl ServerOnDisk {
    /// Creates the server on the disk that the output of the disk's step names.
    fn create(&self, cx: &Cx) -> Physical {
        self.resources.lock().unwrap().used = cx.context.outputs.single(Disk::NAME);
        if self.stops {
            cx.context.stop.ask();
        }
        Physical(format!("server-{}", cx.generation()))
    }
}

/// Returns the existing resources as finders would.
fn found(resources: &Shared) -> BTreeMap<Id, Vec<Found>> {
    let (disks, used) = {
        let resources = resources.lock().unwrap();
        (resources.disks.clone(), resources.used)
    };
    let disks = disks.into_iter().map(|generation| {
        let physical = format!("disk-{generation}");
        let seen = Seen::<Disk>::ours(Disk::NAME.single(), physical, Arc::clone(resources), Some(generation));
        kind::erase(Seen { generation, ..seen })
    });
    let servers = used.into_iter().map(|generation| {
        let physical = format!("server-{generation}");
        let seen = Seen::<ServerOnDisk>::ours(
            ServerOnDisk::NAME.single(),
            physical,
            Arc::clone(resources),
            Some(()),
        );
        kind::erase(Seen { generation, ..seen })
    });
    let (disks, servers): (Vec<Found>, Vec<Found>) = (disks.collect(), servers.collect());
    BTreeMap::from([(Disk::NAME.single(), disks), (ServerOnDisk::NAME.single(), servers)])
}

/// Plans and applies; returns the steps in the order of their starts, and the outcome.
async fn applied(resources: &Shared, stops: bool) -> (Vec<String>, Result<(), Failure>) {
    let folder = tempfile::tempdir().unwrap();
    let (context, ui) = (Arc::new(context(folder.path())), Ui::recording());
    let disk = AnyResource::new(Disk { resources: Arc::clone(resources) });
    let server = AnyResource::new(ServerOnDisk { resources: Arc::clone(resources), stops });
    let wanted = Graph::new([disk, server]).unwrap();
    let found = found(resources);
    let mut sights = Sights::new();
    for (id, all) in &found {
        sights.insert(id.clone(), all.iter().map(|one| compared(one, wanted.get(id))).collect());
        if let Some(kept) = kept(all, wanted.get(id)) {
            kept.store_output(&context);
        }
    }
    let plan = diff(&wanted, &sights, &Allowed::Nothing).unwrap();
    let checked = check::check(plan, &wanted, &found, &context).await.unwrap();
    let apply = Apply {
        context,
        ui: ui.clone(),
        again: "devplat up".to_owned(),
        destroy: "devplat destroy".to_owned(),
    };
    let outcome = Box::pin(apply.run(&checked)).await;
    let started = ui.transcript().events.into_iter().filter_map(|event| match event {
        Event::Begun { step, action, .. } => Some(format!("{action} {step}")),
        _ => None,
    });
    (started.collect(), outcome)
}

/// Returns a disk of generation 0 and a server that uses it.
fn old() -> Shared {
    Arc::new(Mutex::new(ExistingResources { disks: BTreeSet::from([0]), used: Some(0) }))
}

/// Returns the disks, and the one that the server uses.
fn left(resources: &Shared) -> (Vec<u32>, Option<u32>) {
    let resources = resources.lock().unwrap();
    (resources.disks.iter().copied().collect(), resources.used)
}

#[tokio::test]
async fn dependents_move_to_the_new_resource_before_the_old_one_is_deleted() {
    let resources = old();
    let (steps, outcome) = applied(&resources, false).await;
    outcome.unwrap();
    assert_eq!(steps, ["create disk", "delete server", "create server", "delete disk"]);
    assert_eq!(left(&resources), (vec![1], Some(1)));
}

#[tokio::test]
async fn stopped_replacement_is_finished_by_the_next_run() {
    let resources = old();
    let (steps, outcome) = applied(&resources, true).await;
    assert_eq!(outcome.unwrap_err().message, "stopped, as asked");
    assert_eq!(steps, ["create disk", "delete server", "create server"]);
    assert_eq!(left(&resources), (vec![0, 1], Some(1)));
    let (steps, outcome) = applied(&resources, false).await;
    outcome.unwrap();
    assert_eq!(steps, ["delete disk"]);
    assert_eq!(left(&resources), (vec![1], Some(1)));
}
