//! Watches keep the stores true and say what has to be looked at. They never write.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use devplat_api::name;
use futures::{StreamExt, future::BoxFuture};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher,
        watcher::{DefaultBackoff, Event},
    },
};

use crate::{
    context::{Context, Stores},
    observed::{
        AccountFacts, BindingFacts, ClaimFacts, ClusterBindingFacts, DeploymentFacts, FlavorFacts, Key,
        KeysFacts, NamespaceFacts, Observed, PodFacts, PolicyFacts, ServerFacts, ServiceFacts, UserFacts,
    },
    queue::Target,
    store::{Change, Store},
};

/// Objects in one page of a list: few, so that a restart with thousands of pods stays small.
const PAGE: u32 = 50;
/// The longest pause between two attempts to list or watch a kind of devplat's own. `devplat up` may create its CRD
/// again at any time, and uses the kind within seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A kind that is watched, and who cares.
pub(crate) trait Watched: Observed {
    /// Label selector of those that can be ours.
    const SELECTOR: Option<&'static str>;
    /// Name of those that can be ours, where all have the same: the operator has a right to no others then.
    const NAME: Option<&'static str> = None;

    /// Where facts of the kind are kept.
    fn store(stores: &Stores) -> &Store<Self>
    where
        Self: Sized;

    /// What has to be looked at after a change.
    fn wake(context: &Context, change: &Change<Self>)
    where
        Self: Sized;
}

/// All watches; each goes on until it is dropped.
pub(crate) fn all(context: &Arc<Context>) -> Vec<BoxFuture<'static, ()>> {
    fn one<T: Watched>(context: &Arc<Context>) -> BoxFuture<'static, ()> {
        Box::pin(watch::<T>(context.clone()))
    }
    vec![
        one::<FlavorFacts>(context),
        one::<ServerFacts>(context),
        one::<DeploymentFacts>(context),
        one::<ClaimFacts>(context),
        one::<ServiceFacts>(context),
        one::<PodFacts>(context),
        one::<UserFacts>(context),
        one::<NamespaceFacts>(context),
        one::<AccountFacts>(context),
        one::<BindingFacts>(context),
        one::<ClusterBindingFacts>(context),
        one::<KeysFacts>(context),
        one::<PolicyFacts>(context),
    ]
}

async fn watch<T: Watched>(context: Arc<Context>) {
    let mut config = watcher::Config::default().page_size(PAGE);
    if let Some(selector) = T::SELECTOR {
        config = config.labels(selector);
    }
    if let Some(name) = T::NAME {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let api: Api<T::Raw> = Api::all(context.cluster.client());
    let store = T::store(&context.stores);
    let mut events = watcher(api, config).backoff(Pauses::of::<T>()).boxed();
    let mut served = true;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => store.begin_list(),
            Ok(Event::InitApply(raw) | Event::Apply(raw)) => {
                if let Some(change) = store.observe(raw) {
                    T::wake(&context, &change);
                }
            }
            Ok(Event::InitDone) => {
                served = true;
                for change in store.end_list() {
                    T::wake(&context, &change);
                }
                tracing::debug!(kind = %T::Raw::kind(&()), "listed");
            }
            Ok(Event::Delete(raw)) => {
                if let Some(change) = store.forget(&raw) {
                    T::wake(&context, &change);
                }
            }
            Err(error) if is_not_served(&error) => {
                if served {
                    tracing::warn!(kind = %T::Raw::kind(&()), "not served by the API server: its CRD is missing");
                    served = false;
                }
                for change in store.not_served() {
                    T::wake(&context, &change);
                }
            }
            Err(error) => {
                tracing::warn!(kind = %T::Raw::kind(&()), error = &error as &dyn StdError, "watch interrupted");
            }
        }
    }
}

/// Returns whether the API server does not serve the kind, as after the deletion of its CRD. The other kinds may have
/// objects that only the operator releases, so it has to work without this one.
fn is_not_served(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchError(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

/// The pauses between attempts to list or watch a kind.
struct Pauses {
    usual: DefaultBackoff,
    longest: Duration,
}

impl Pauses {
    fn of<T: Watched>() -> Self {
        let own = T::Raw::group(&()) == name::GROUP;
        Self { usual: DefaultBackoff::default(), longest: if own { LONGEST_PAUSE } else { Duration::MAX } }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.usual.next().map(|pause| pause.min(self.longest))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.usual.reset();
    }
}

impl Watched for ServerFacts {
    const SELECTOR: Option<&'static str> = None;

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.servers
    }

    fn wake(context: &Context, change: &Change<Self>) {
        context.queue.push(Target::Server(change.group.clone()));
        let before = change.before.as_deref().and_then(ServerFacts::flavor);
        let after = change.after.as_deref().and_then(ServerFacts::flavor);
        if before != after {
            for flavor in before.into_iter().chain(after) {
                context.queue.push(Target::Flavor(Key::cluster(flavor)));
            }
        }
        if change.after.is_none() {
            // A user on the way out may wait for the last server to go.
            wake_user_of_namespace(context, &change.group.namespace);
        }
    }
}

impl Watched for FlavorFacts {
    const SELECTOR: Option<&'static str> = None;

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.flavors
    }

    fn wake(context: &Context, change: &Change<Self>) {
        context.queue.push(Target::Flavor(change.group.clone()));
        let offer = |facts: &Arc<Self>| (facts.spec.clone(), facts.default, facts.deleting);
        if change.before.as_ref().map(offer) != change.after.as_ref().map(offer) {
            for key in context.stores.servers.keys() {
                context.queue.push(Target::Server(key));
            }
        }
    }
}

impl Watched for UserFacts {
    const SELECTOR: Option<&'static str> = None;

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.users
    }

    fn wake(context: &Context, change: &Change<Self>) {
        context.queue.push(Target::User(change.group.clone()));
    }
}

/// Kinds that a server has: their group is the server, or has its name.
macro_rules! of_a_server {
    ($facts:ty, $store:ident, $selector:expr, $server:expr) => {
        impl Watched for $facts {
            const SELECTOR: Option<&'static str> = Some($selector);

            fn store(stores: &Stores) -> &Store<Self> {
                &stores.$store
            }

            fn wake(context: &Context, change: &Change<Self>) {
                let server: fn(&Key) -> Option<Key> = $server;
                if let Some(key) = server(&change.group) {
                    context.queue.push(Target::Server(key));
                }
            }
        }
    };
}

const OURS: &str = "app.kubernetes.io/managed-by=devplat-operator";
const OF_SERVERS: &str = "app=devserver";

fn without(key: &Key, suffix: &str) -> Option<Key> {
    key.name.strip_suffix(suffix).map(|name| Key::new(&key.namespace, name))
}

of_a_server!(DeploymentFacts, deployments, OURS, |key| Some(key.clone()));
of_a_server!(ServiceFacts, services, OURS, |key| without(key, "-ssh"));
of_a_server!(PodFacts, pods, OF_SERVERS, |key| Some(key.clone()));

impl Watched for ClaimFacts {
    const SELECTOR: Option<&'static str> = Some(OF_SERVERS);

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.claims
    }

    fn wake(context: &Context, change: &Change<Self>) {
        context.volumes.learn(change, Timestamp::now());
        if let Some(key) = without(&change.group, "-home") {
            context.queue.push(Target::Server(key));
        }
    }
}

/// Kinds that a user has: a label says whose they are.
macro_rules! of_a_user {
    ($facts:ty, $store:ident, $name:expr, $slug:expr) => {
        impl Watched for $facts {
            const SELECTOR: Option<&'static str> = Some(OURS);
            const NAME: Option<&'static str> = $name;

            fn store(stores: &Stores) -> &Store<Self> {
                &stores.$store
            }

            fn wake(context: &Context, change: &Change<Self>) {
                let slug: fn(&Self) -> Option<&str> = $slug;
                for facts in change.before.iter().chain(&change.after) {
                    if let Some(slug) = slug(facts) {
                        wake_user(context, slug);
                    }
                }
            }
        }
    };
}

of_a_user!(NamespaceFacts, namespaces, None, |facts| facts.user.as_deref());
of_a_user!(AccountFacts, accounts, None, |facts| facts.user.as_deref());
of_a_user!(BindingFacts, bindings, None, |facts| facts.0.user.as_deref());
of_a_user!(ClusterBindingFacts, cluster_bindings, None, |facts| facts.0.user.as_deref());

of_a_user!(KeysFacts, keys, Some(name::AUTHORIZED_KEYS_CONFIG_MAP), |facts| facts.user.as_deref());

/// One is a user's, or belongs to all servers in a namespace of no user.
impl Watched for PolicyFacts {
    const SELECTOR: Option<&'static str> = Some(OURS);
    const NAME: Option<&'static str> = Some(name::NETWORK_POLICY);

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.policies
    }

    fn wake(context: &Context, change: &Change<Self>) {
        for facts in change.before.iter().chain(&change.after) {
            match &facts.user {
                Some(slug) => wake_user(context, slug),
                None => wake_servers_in(context, &change.group.namespace),
            }
        }
    }
}

fn wake_servers_in(context: &Context, namespace: &str) {
    for key in context.stores.servers.keys() {
        if &*key.namespace == namespace {
            context.queue.push(Target::Server(key));
        }
    }
}

fn wake_user_of_namespace(context: &Context, namespace: &str) {
    if let Some(slug) = namespace.strip_prefix("dev-") {
        wake_user(context, slug);
    }
}

/// A slug isn't a name, and the way back is through the users there are.
fn wake_user(context: &Context, slug: &str) {
    for user in context.stores.users.all() {
        if devplat_api::Slug::of(&user.name).as_str() == slug {
            context.queue.push(Target::User(Key::cluster(&user.name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn kind_without_a_crd_is_recognised_by_404() {
        let answer = |code: u16| kube::Error::Api(Box::new(Status { code, ..Status::failure("no", "") }));
        assert!(is_not_served(&watcher::Error::InitialListFailed(answer(404))));
        assert!(is_not_served(&watcher::Error::WatchStartFailed(answer(404))));
        assert!(!is_not_served(&watcher::Error::InitialListFailed(answer(403))));
        assert!(!is_not_served(&watcher::Error::WatchFailed(answer(404))));
    }

    #[test]
    fn only_pauses_of_own_kinds_are_short() {
        let longest = |pauses: Pauses| pauses.take(10).max().unwrap();
        assert_eq!(longest(Pauses::of::<UserFacts>()), LONGEST_PAUSE);
        assert!(longest(Pauses::of::<PodFacts>()) >= Duration::from_secs(30));
    }

    #[test]
    fn selectors_select_what_manifests_are_labelled_with() {
        assert_eq!(OURS, format!("{}={}", name::MANAGED_BY, name::OPERATOR));
        assert_eq!(OF_SERVERS, format!("{}={}", name::APP_LABEL, name::APP));
    }
}
