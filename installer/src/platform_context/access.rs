//! The access to a cluster.

use std::sync::Arc;

use devplat_kubernetes::{
    Clock,
    connect::{Plugins, ProxyRules},
    context::{self, Context},
};
use devplat_tool::Surroundings;
use kube::config::Kubeconfig;

use crate::failure::Failure;

/// A cluster that the user named by a context of their kubeconfig.
#[derive(Debug, Clone)]
pub struct NamedCluster {
    pub context: Context,
    /// The kubeconfig with that context.
    pub kubeconfig: Arc<Kubeconfig>,
}

/// The access to a cluster. It is the output of the platform's cluster of any kind.
#[derive(Debug, Clone)]
pub struct ClusterAccess {
    /// The context that names it.
    pub context: String,
    /// The kubeconfig with that context.
    pub kubeconfig: Arc<Kubeconfig>,
    /// The text for the kubeconfig in the state folder; `None` if the context is in the user's kubeconfig.
    pub kept: Option<Arc<str>>,
    /// A digest of its nodes and of the times at which they were started; `None` if devplat did not create them.
    pub started: Option<String>,
}

impl PartialEq for ClusterAccess {
    fn eq(&self, other: &Self) -> bool {
        self.context == other.context
            && self.kept == other.kept
            && (self.kept.is_some() || Arc::ptr_eq(&self.kubeconfig, &other.kubeconfig))
    }
}

impl ClusterAccess {
    /// Returns the access to a cluster that the user named.
    pub fn named(named: &NamedCluster) -> Self {
        let NamedCluster { context, kubeconfig } = named;
        Self { context: context.name.clone(), kubeconfig: Arc::clone(kubeconfig), kept: None, started: None }
    }

    /// Returns the access to a cluster that devplat created, from the current context of a kubeconfig.
    pub fn kept(text: &str) -> Result<Self, kube::config::KubeconfigError> {
        let kubeconfig = Kubeconfig::from_yaml(text)?;
        let context = kubeconfig.current_context.clone().unwrap_or_default();
        Ok(Self { context, kubeconfig: Arc::new(kubeconfig), kept: Some(text.into()), started: None })
    }

    /// Returns the API server's address in the kubeconfig.
    pub fn server(&self) -> Option<String> {
        let cluster = self.kubeconfig.contexts.iter().find(|one| one.name == self.context)?;
        let name = &cluster.context.as_ref()?.cluster;
        let cluster = self.kubeconfig.clusters.iter().find(|one| one.name == *name)?;
        cluster.cluster.as_ref()?.server.clone()
    }

    /// Creates a client, and logs in if the user has a credential plugin. `clock` decides whether credentials have expired.
    pub(super) async fn connect(
        &self,
        surroundings: &Surroundings,
        plugins: &Arc<dyn Plugins>,
        clock: Clock,
    ) -> Result<kube::Client, Failure> {
        let proxies = ProxyRules::from_variables(&surroundings.variables);
        let plugins = Arc::clone(plugins);
        Ok(context::client(&self.kubeconfig, &self.context, &proxies, plugins, clock).await?)
    }
}
