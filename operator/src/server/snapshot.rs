//! Everything a decision about one server depends on, the time included.

use std::{sync::Arc, time::Duration};

use devplat_api::{DevServerStatus, condition::Reason};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::{
    child::Child,
    config::Defaults,
    observed::{ClaimFacts, DeploymentFacts, FlavorFacts, PodFacts, PolicyFacts, ServerFacts, ServiceFacts},
};

/// Everything a decision depends on.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// The server.
    pub(crate) server: Arc<ServerFacts>,
    /// All flavors there are.
    pub(crate) flavors: Vec<Arc<FlavorFacts>>,
    /// Its Deployment.
    pub(crate) deployment: Child<DeploymentFacts>,
    /// Its home.
    pub(crate) home: Child<ClaimFacts>,
    /// Its Service.
    pub(crate) service: Child<ServiceFacts>,
    /// Who reaches the servers in its namespace; `None` where that is a user's business.
    pub(crate) network: Option<Network>,
    /// Its pods, old ones too.
    pub(crate) pods: Vec<Arc<PodFacts>>,
    /// Generation of the Deployment after the last write of this process.
    pub(crate) written_generation: Option<i64>,
    /// When this process last made its keys, or saw that they were there.
    pub(crate) keys_made: Option<Timestamp>,
    /// When the StorageClass of its home last made a volume, whosoever.
    pub(crate) volume_made: Option<Timestamp>,
    /// Why the last attempt at a child failed.
    pub(crate) failure: Option<Failure>,
    /// What servers get that do not say otherwise.
    pub(crate) defaults: Defaults,
    /// The time.
    pub(crate) now: Timestamp,
}

/// What a namespace of no user has for all servers in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// The NetworkPolicy.
    pub(crate) policy: Child<PolicyFacts>,
    /// Of the servers that are there to stay, those that the policy belongs to; where there is none, all of them.
    pub(crate) servers: Vec<Arc<ServerFacts>>,
}

/// One of the objects that a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChildKind {
    /// Its Deployment.
    Deployment,
    /// Its home.
    Home,
    /// Its Service.
    Service,
    /// The Secret with its SSH keys.
    Keys,
    /// The NetworkPolicy, in a namespace of no user.
    Network,
}

impl ChildKind {
    /// Kind of the object.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Home => "PersistentVolumeClaim",
            Self::Service => "Service",
            Self::Keys => "Secret",
            Self::Network => "NetworkPolicy",
        }
    }
}

/// Why an attempt at a child failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The child.
    pub(crate) child: ChildKind,
    /// What kind of failure.
    pub(crate) reason: Reason,
    /// The API server's words.
    pub(crate) message: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Keep the server until it is cleaned up after.
    AddFinalizer,
    /// Let it go.
    RemoveFinalizer,
    /// Make the child, where there is nothing of its name; of keys, what is secret in them is put in.
    Make(ChildKind, Value),
    /// Make the child that is there so; of a NetworkPolicy, also one that is not there.
    Apply(ChildKind, Value),
    /// Delete the child.
    Delete(ChildKind),
    /// Delete what the Deployment made, by name: pods and the `ReplicaSet` that would replace them.
    DeletePods {
        /// The `ReplicaSet`s, first.
        replica_sets: Vec<String>,
        /// The pods.
        pods: Vec<String>,
    },
}

/// What follows from a snapshot.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Decision {
    /// The status to write, if it is not the one that is there.
    pub(crate) status: Option<DevServerStatus>,
    /// What to do, after the status is written.
    pub(crate) actions: Vec<Action>,
    /// When time alone may change the decision.
    pub(crate) recheck: Option<Duration>,
}
