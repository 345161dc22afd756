//! What is kept of each watched object: a few facts, not the object.
//!
//! With a thousand servers the difference is most of the operator's memory. Reading skips
//! everything that isn't named here, managed fields above all. Facts leave out the
//! resourceVersion, so an event that changes none of them wakes nobody.

mod access;
mod claim;
mod deployment;
mod flavor;
mod keys;
mod meta;
mod pod;
mod policy;
mod server;
mod service;
mod user;

pub(crate) use access::{AccountFacts, BindingFacts, Bound, ClusterBindingFacts, NamespaceFacts};
pub(crate) use claim::{ClaimFacts, ClaimPhase};
pub(crate) use deployment::DeploymentFacts;
pub(crate) use flavor::FlavorFacts;
pub(crate) use keys::KeysFacts;
pub(crate) use pod::{AGENT_CONTAINER, PodFacts, Problem, Restart, SERVER_CONTAINER, Scheduling};
pub(crate) use policy::{Owner, PolicyFacts};
pub(crate) use server::ServerFacts;
pub(crate) use service::ServiceFacts;
pub(crate) use user::UserFacts;

use std::{fmt, fmt::Debug};

use kube::Resource;
use serde::de::DeserializeOwned;

/// An object's place: namespace (empty where there is none) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Namespace; empty for objects of the whole cluster.
    pub(crate) namespace: Box<str>,
    /// Name.
    pub(crate) name: Box<str>,
}

impl Key {
    /// Key of an object in a namespace.
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Key of an object of the whole cluster.
    pub(crate) fn cluster(name: &str) -> Self {
        Self::new("", name)
    }

    fn of(meta: &kube::api::ObjectMeta) -> Self {
        Self::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

/// Facts about one kind of object.
pub(crate) trait Observed: PartialEq + Debug + Send + Sync + 'static {
    /// The object as it is read from the API server.
    type Raw: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + Sync + 'static;

    /// The facts of an object.
    fn from_raw(raw: Self::Raw) -> Self;

    /// What the object belongs with: itself, or for a pod its server.
    fn group(raw: &Self::Raw) -> Key {
        Key::of(raw.meta())
    }

    /// The object's own place.
    fn key(raw: &Self::Raw) -> Key {
        Key::of(raw.meta())
    }
}
