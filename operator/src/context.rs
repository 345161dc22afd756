//! What all workers share: stores, queue, and the way to write.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::Client;

use crate::{
    authority::Authority,
    cluster::Cluster,
    config::Defaults,
    metrics::Metrics,
    observed::{
        AccountFacts, BindingFacts, ClaimFacts, ClusterBindingFacts, DeploymentFacts, FlavorFacts, Key,
        KeysFacts, NamespaceFacts, PodFacts, PolicyFacts, ServerFacts, ServiceFacts, UserFacts,
    },
    queue::Queue,
    server::Memory,
    store::Store,
    volumes::Volumes,
};

/// How often is looked whether everything was listed.
const LOOK: Duration = Duration::from_millis(20);

/// What all workers share.
pub(crate) struct Context {
    /// What dev servers get that do not say otherwise.
    pub(crate) defaults: Defaults,
    /// For writing.
    pub(crate) cluster: Cluster,
    /// What has been seen.
    pub(crate) stores: Stores,
    /// What has to be looked at.
    pub(crate) queue: Queue,
    /// Numbers.
    pub(crate) metrics: Arc<Metrics>,
    /// What is remembered of servers while this process lives.
    memory: Mutex<HashMap<Key, Memory>>,
    /// What storage classes did lately.
    pub(crate) volumes: Volumes,
    /// Nothing before this replica leads.
    authority: Mutex<Option<Arc<Authority>>>,
}

/// What has been seen of each kind.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    /// DevServers.
    pub(crate) servers: Store<ServerFacts>,
    /// DevServerFlavors.
    pub(crate) flavors: Store<FlavorFacts>,
    /// DevUsers.
    pub(crate) users: Store<UserFacts>,
    /// Deployments of servers.
    pub(crate) deployments: Store<DeploymentFacts>,
    /// Homes.
    pub(crate) claims: Store<ClaimFacts>,
    /// Services of servers.
    pub(crate) services: Store<ServiceFacts>,
    /// Pods of servers.
    pub(crate) pods: Store<PodFacts>,
    /// Namespaces of users.
    pub(crate) namespaces: Store<NamespaceFacts>,
    /// `ServiceAccounts` of users.
    pub(crate) accounts: Store<AccountFacts>,
    /// `RoleBindings` of users.
    pub(crate) bindings: Store<BindingFacts>,
    /// `ClusterRoleBindings` of users.
    pub(crate) cluster_bindings: Store<ClusterBindingFacts>,
    /// `ConfigMaps` with the public keys of users.
    pub(crate) keys: Store<KeysFacts>,
    /// `NetworkPolicies` of users.
    pub(crate) policies: Store<PolicyFacts>,
}

impl Context {
    /// An empty one.
    pub(crate) fn new(defaults: Defaults, client: Client) -> Self {
        let metrics = Arc::new(Metrics::default());
        Self {
            defaults,
            cluster: Cluster::new(client, metrics.clone()),
            stores: Stores::default(),
            queue: Queue::default(),
            metrics,
            memory: Mutex::default(),
            volumes: Volumes::default(),
            authority: Mutex::default(),
        }
    }

    /// Returns once every store has what was there at the start.
    pub(crate) async fn synced(&self) {
        while !self.stores.missing().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads and changes what is remembered of servers.
    pub(crate) fn with_memory<R>(&self, look: impl FnOnce(&mut HashMap<Key, Memory>) -> R) -> R {
        look(&mut self.memory.lock().expect("no holder of this lock panics"))
    }

    /// What keys of servers come from, once that is known.
    pub(crate) fn authority(&self) -> Option<Arc<Authority>> {
        self.authority.lock().expect("no holder of this lock panics").clone()
    }

    /// Has keys of servers come from `authority` from now on.
    pub(crate) fn set_authority(&self, authority: Arc<Authority>) {
        *self.authority.lock().expect("no holder of this lock panics") = Some(authority);
    }
}

impl Stores {
    /// Kinds of which the first list isn't complete.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let Self {
            servers,
            flavors,
            users,
            deployments,
            claims,
            services,
            pods,
            namespaces,
            accounts,
            bindings,
            cluster_bindings,
            keys,
            policies,
        } = self;
        let synced = [
            ("devservers", servers.is_synced()),
            ("devserverflavors", flavors.is_synced()),
            ("devusers", users.is_synced()),
            ("deployments", deployments.is_synced()),
            ("persistentvolumeclaims", claims.is_synced()),
            ("services", services.is_synced()),
            ("pods", pods.is_synced()),
            ("namespaces", namespaces.is_synced()),
            ("serviceaccounts", accounts.is_synced()),
            ("rolebindings", bindings.is_synced()),
            ("clusterrolebindings", cluster_bindings.is_synced()),
            ("configmaps", keys.is_synced()),
            ("networkpolicies", policies.is_synced()),
        ];
        synced.into_iter().filter(|(_, synced)| !synced).map(|(kind, _)| kind).collect()
    }
}
