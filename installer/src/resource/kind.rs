//! The interface of a kind of resource, which each kind implements in one file: the wanted resources of a profile, and
//! how to find, compare, create, change and delete them. The rest of the program uses the type-erased forms
//! [`AnyResource`] and [`Found`].

use std::{any::Any, sync::Arc, time::Duration};

use devplat_plan::{
    Action, Blocked, Can, Change, Edges, Facts, Id, KindName, Loss, Owner, Physical, Plan, Planned, Sight,
    State, Step, Verdict,
};
use futures::future::BoxFuture;

use super::{Cx, Found, found::DeleteFound};
use crate::{
    failure::Failure,
    platform::PlatformInputs,
    platform_context::{KindWith, PlatformContext},
};

/// Creates or changes a resource. It must end by itself; [`ResourceKind::settle`] waits for the result.
pub(super) type Act<K> = for<'a> fn(&'a K, &'a Cx) -> BoxFuture<'a, Result<Physical, Failure>>;
/// Deletes a found resource, after checking again that it is ours. Waits until it is gone if [`Cx::waits`].
pub(super) type DeleteSeen<K> = for<'a> fn(&'a Seen<K>, &'a Cx) -> BoxFuture<'a, Result<(), Failure>>;

/// One kind of resource. No method but [`ResourceKind::obstacle`] has a default, so that every kind decides all of them.
pub trait ResourceKind: Clone + Send + Sync + 'static {
    /// The name of the kind, with the label of its ids and the type of its outputs.
    const NAME: KindWith<Self::Output>;
    /// Kinds whose resources must all be gone before one of this kind can be deleted.
    const GONE_FIRST: &'static [KindName];
    /// The precondition of [`ResourceKind::find`].
    const SEEN: SeenThrough;
    /// Properties for planning and apply.
    const TRAITS: Traits;
    /// Creates it; `None` if devplat never does.
    const CREATE: Option<Act<Self>>;
    /// Changes it in place; `None` if devplat never does.
    const UPDATE: Option<Act<Self>>;
    /// Deletes it; `None` if it is deleted only with another resource.
    const DELETE: Option<DeleteSeen<Self>>;
    /// The fields of a found resource that [`ResourceKind::compare`] reads.
    type Fields: Clone + Send + Sync + 'static;
    /// The output for later steps.
    type Output: Clone + Send + Sync + 'static;

    /// Returns the resources of this kind that the profile wants.
    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure>;
    fn id(&self) -> Id;
    /// Its dependencies.
    fn edges(&self) -> Edges;
    /// The duration and the needs of an action on it.
    fn facts(&self, doing: Action) -> Facts;
    /// Finds the platform's resources of this kind, with doubles, and foreign ones with the name of a wanted one. Of equal
    /// doubles, a plan keeps the last. Changes nothing.
    fn find(
        context: &PlatformContext,
        wanted: &Wanted<'_>,
    ) -> impl Future<Output = Result<Vec<Seen<Self>>, Failure>> + Send;
    /// Compares it with a found resource. Pure.
    fn compare(&self, seen: &Seen<Self>) -> Verdict;
    /// Returns the reason against `step` of `plan`, a step on it, that [`ResourceKind::compare`] cannot know, such as a port
    /// of the cluster that something else has. `plan`, `up` and `status` ask it of each step but a deletion. Changes nothing.
    fn obstacle(
        &self,
        _step: &Step,
        _plan: &Plan,
        _context: &PlatformContext,
    ) -> impl Future<Output = Result<Option<Blocked>, Failure>> + Send {
        std::future::ready(Ok(None))
    }
    /// Waits until it is ready for the resources that need it, and returns its output. May be dropped at any time.
    fn settle(&self, cx: &Cx) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// The purpose of a search.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// A comparison with these resources.
    These(&'a [AnyResource]),
    /// The deletion of all found resources.
    Nothing,
    /// The outputs of the found resources, without a comparison.
    Outputs,
}

impl<'a> Wanted<'a> {
    /// Returns the wanted resources.
    pub fn all(&self) -> &'a [AnyResource] {
        match *self {
            Self::These(all) => all,
            Self::Nothing | Self::Outputs => &[],
        }
    }

    /// Returns the wanted resources of one kind.
    pub fn of<K: ResourceKind>(&self) -> Vec<K> {
        self.all().iter().filter_map(|any| any.inner.as_any().downcast_ref::<K>().cloned()).collect()
    }

    /// Returns whether all found resources are deleted.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::These(_) | Self::Outputs => false,
        }
    }
}

/// The precondition of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenThrough {
    /// No resource of the platform.
    Nothing,
    /// The platform's cluster, running.
    Cluster,
}

/// Properties of a kind for planning and apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// Whether it is created only for later steps of the same run, and deleted if those do not run. Such a kind deletes
    /// without a wait unless [`Cx::waits`].
    pub temporary: bool,
    /// Whether its creation can be interrupted at any moment without harm, so that Ctrl-C does not wait for it.
    pub interruptible: bool,
    /// Whether `devplat status` lists it.
    pub listed: bool,
}

/// A found resource.
#[derive(Clone)]
pub struct Seen<K: ResourceKind> {
    pub id: Id,
    /// The name that the outside world has for it.
    pub physical: Physical,
    /// Counts replacements, from 0.
    pub generation: u32,
    pub owner: Owner,
    pub state: State,
    /// The resource whose deletion deletes this one as well.
    pub deleted_with: Option<Id>,
    /// The data that its deletion destroys.
    pub loses: Option<Loss>,
    /// Resources that must be gone before it can be deleted, besides the kinds in [`ResourceKind::GONE_FIRST`].
    pub gone_first: Vec<Id>,
    /// The duration and the needs of its deletion.
    pub deletion: Facts,
    /// The needs of its change in place, besides those of the wanted resource.
    pub update: Facts,
    /// The fields that [`ResourceKind::compare`] reads.
    pub fields: K::Fields,
    /// The output for later steps, if it is ready.
    pub output: Option<K::Output>,
}

impl<K: ResourceKind> Seen<K> {
    /// Returns a resource of the platform of generation 0 that is ready and whose deletion destroys no data.
    pub fn ours(id: Id, physical: impl Into<String>, fields: K::Fields, output: Option<K::Output>) -> Self {
        Self {
            id,
            physical: Physical(physical.into()),
            generation: 0,
            owner: Owner::Ours,
            state: State::Ready,
            deleted_with: None,
            loses: None,
            gone_first: Vec::new(),
            deletion: Facts::lasting(Duration::from_secs(1)),
            update: Facts::default(),
            fields,
            output,
        }
    }
}

/// A wanted resource of any kind.
#[derive(Clone)]
pub struct AnyResource {
    inner: Arc<dyn Erased>,
}

impl AnyResource {
    /// Erases `resource`.
    pub fn new<K: ResourceKind>(resource: K) -> Self {
        Self { inner: Arc::new(resource) }
    }

    /// Returns the properties of its kind.
    pub fn traits(&self) -> Traits {
        self.inner.traits()
    }

    /// Compares it with a found resource. A resource of another kind in the same role has to be replaced.
    pub fn compare(&self, found: &Found) -> Verdict {
        self.inner.compare(&*found.seen).unwrap_or_else(|| {
            let made = format!("it was created as {}", found.sight.physical);
            let loss = found.sight.loses.clone().map_or_else(String::new, |loss| loss.0);
            Verdict::Differs(vec![Change::old_first(made).losing(loss)])
        })
    }

    /// Returns the reason against a step of a plan on it that a comparison cannot know.
    pub async fn obstacle(
        &self,
        step: &Step,
        plan: &Plan,
        context: &PlatformContext,
    ) -> Result<Option<Blocked>, Failure> {
        self.inner.obstacle(step, plan, context).await
    }

    /// Returns its creation, or `None` if its kind is never created.
    pub fn create<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>> {
        self.inner.create(cx)
    }

    /// Returns its update, or `None` if its kind is never changed.
    pub fn update<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>> {
        self.inner.update(cx)
    }

    /// Waits until it is ready, and stores its output.
    pub async fn settle(&self, cx: &Cx) -> Result<(), Failure> {
        self.inner.settle(cx).await
    }

    /// Finds the resources with its id.
    pub async fn find(&self, context: &PlatformContext) -> Result<Vec<Found>, Failure> {
        let id = self.id();
        let found = self.inner.find(context, Wanted::These(std::slice::from_ref(self))).await?;
        Ok(found.into_iter().filter(|found| found.id == id).collect())
    }
}

impl Planned for AnyResource {
    fn id(&self) -> Id {
        self.inner.id()
    }
    fn edges(&self) -> Edges {
        self.inner.edges()
    }
    fn can(&self) -> Can {
        self.inner.can()
    }
    fn facts(&self, doing: Action) -> Facts {
        self.inner.facts(doing)
    }
}

/// The type-erased form of [`ResourceKind`].
trait Erased: Send + Sync {
    fn id(&self) -> Id;
    fn edges(&self) -> Edges;
    fn can(&self) -> Can;
    fn facts(&self, doing: Action) -> Facts;
    fn traits(&self) -> Traits;
    fn as_any(&self) -> &dyn Any;
    fn compare(&self, seen: &(dyn Any + Send + Sync)) -> Option<Verdict>;
    fn obstacle<'a>(
        &'a self,
        step: &'a Step,
        plan: &'a Plan,
        context: &'a PlatformContext,
    ) -> BoxFuture<'a, Result<Option<Blocked>, Failure>>;
    fn create<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>>;
    fn update<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>>;
    fn settle<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), Failure>>;
    fn find<'a>(
        &'a self,
        context: &'a PlatformContext,
        wanted: Wanted<'a>,
    ) -> BoxFuture<'a, Result<Vec<Found>, Failure>>;
}

impl<K: ResourceKind> Erased for K {
    fn id(&self) -> Id {
        ResourceKind::id(self)
    }
    fn edges(&self) -> Edges {
        ResourceKind::edges(self)
    }
    fn can(&self) -> Can {
        can::<K>()
    }
    fn facts(&self, doing: Action) -> Facts {
        ResourceKind::facts(self, doing)
    }
    fn traits(&self) -> Traits {
        K::TRAITS
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn compare(&self, seen: &(dyn Any + Send + Sync)) -> Option<Verdict> {
        seen.downcast_ref::<Seen<K>>().map(|seen| ResourceKind::compare(self, seen))
    }
    fn obstacle<'a>(
        &'a self,
        step: &'a Step,
        plan: &'a Plan,
        context: &'a PlatformContext,
    ) -> BoxFuture<'a, Result<Option<Blocked>, Failure>> {
        Box::pin(ResourceKind::obstacle(self, step, plan, context))
    }
    fn create<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>> {
        K::CREATE.map(|create| create(self, cx))
    }
    fn update<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<Physical, Failure>>> {
        K::UPDATE.map(|update| update(self, cx))
    }
    fn settle<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let output = ResourceKind::settle(self, cx).await?;
            cx.context.outputs.put(K::NAME, &ResourceKind::id(self), output);
            Ok(())
        })
    }
    fn find<'a>(
        &'a self,
        context: &'a PlatformContext,
        wanted: Wanted<'a>,
    ) -> BoxFuture<'a, Result<Vec<Found>, Failure>> {
        find_of::<K>(context, wanted)
    }
}

fn can<K: ResourceKind>() -> Can {
    Can { create: K::CREATE.is_some(), update: K::UPDATE.is_some(), delete: K::DELETE.is_some() }
}

/// Finds the platform's resources of kind `K`.
pub(super) fn find_of<'a, K: ResourceKind>(
    context: &'a PlatformContext,
    wanted: Wanted<'a>,
) -> BoxFuture<'a, Result<Vec<Found>, Failure>> {
    Box::pin(async move { Ok(K::find(context, &wanted).await?.into_iter().map(erase).collect()) })
}

pub(super) fn erase<K: ResourceKind>(seen: Seen<K>) -> Found {
    let sight = Sight {
        physical: seen.physical.clone(),
        generation: seen.generation,
        owner: seen.owner.clone(),
        state: seen.state.clone(),
        verdict: None,
        can: can::<K>(),
        gone_first: K::GONE_FIRST,
        gone_first_ids: seen.gone_first.clone(),
        deleted_with: seen.deleted_with.clone(),
        loses: seen.loses.clone(),
        usual_deletion: seen.deletion.usual,
    };
    let (deletion, update) = (seen.deletion.clone(), seen.update.clone());
    let (id, output) = (seen.id.clone(), seen.output.clone());
    let store = {
        let (id, output) = (id.clone(), std::sync::Mutex::new(output));
        move |context: &PlatformContext| {
            let output = output.lock().ok().and_then(|output| output.clone());
            if let Some(output) = output {
                context.outputs.put(K::NAME, &id, output);
            }
        }
    };
    let seen = Arc::new(seen);
    let delete = K::DELETE.map(|delete| -> DeleteFound {
        let seen = Arc::clone(&seen);
        Arc::new(move |cx: &Cx| {
            let seen = Arc::clone(&seen);
            let cx = cx.clone();
            Box::pin(async move { delete(&seen, &cx).await })
        })
    });
    Found { id, sight, deletion, update, seen, delete, store: Arc::new(store) }
}
