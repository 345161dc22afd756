//! Contexts of a kubeconfig: the cluster that a context names, and whether devplat can use it.

mod error;
mod guess;
mod liveness;
mod reach;
mod requirements;

use std::sync::Arc;

use devplat_connect::{
    Clock, ConnectError, Entry, EntryError, NoPlugins, Plugins, ProxyRules, Setup, TokenSource,
};
use kube::{Client, config::Kubeconfig};

use crate::call::{CallError, Class};

pub use error::ContextError;
pub use guess::DistributionGuess;
pub use liveness::{answer, kubelet_spoke, may_do_everything};
pub(crate) use reach::architectures;
pub use reach::{ReachedCluster, WRITTEN, reach};
pub use requirements::{IMAGE_ARCHITECTURE, NEWEST, OLDEST};

/// A context and the cluster behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The context's name.
    pub name: String,
    /// The address of the API server.
    pub server: String,
    /// The distribution of the cluster, as far as names show it.
    pub guess: DistributionGuess,
}

impl Context {
    /// Returns the error for a call to its cluster that got no answer.
    pub fn without_answer(&self, error: CallError) -> ContextError {
        let name = self.name.clone();
        match *error.class {
            Class::Credentials(source) => ContextError::Credentials { name, source },
            class => ContextError::Unreachable { name, server: self.server.clone(), source: Box::new(class) },
        }
    }
}

/// Returns the context `name`, or the current one; `None` if there is no current context.
pub fn find(kubeconfig: &Kubeconfig, name: Option<&str>) -> Result<Option<Context>, ContextError> {
    let Some(name) = name
        .map(str::to_owned)
        .or_else(|| kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty())
    else {
        return Ok(None);
    };
    let known = || kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == name) else {
        return Err(EntryError::Absent { name, known: known() }.into());
    };
    let cluster_name = context.context.as_ref().map(|context| context.cluster.clone()).unwrap_or_default();
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == cluster_name);
    let server = cluster
        .and_then(|cluster| cluster.cluster.as_ref()?.server.clone())
        .unwrap_or_else(|| "an unknown address".to_owned());
    let guess = DistributionGuess::of(&name, &cluster_name, &server);
    Ok(Some(Context { name, server, guess }))
}

/// Returns a client for that context. If the kubeconfig has a credential plugin, `plugins` runs it. `clock` decides
/// whether credentials have expired.
pub async fn client(
    kubeconfig: &Kubeconfig,
    name: &str,
    proxies: &ProxyRules,
    plugins: Arc<dyn Plugins>,
    clock: Clock,
) -> Result<Client, ContextError> {
    connected(kubeconfig, name, Setup { proxies, plugins, clock, retries: false }, None).await
}

/// Returns a client for the cluster of that context that logs in with `source` in place of the context's user.
pub async fn client_with(
    kubeconfig: &Kubeconfig,
    name: &str,
    proxies: &ProxyRules,
    source: Arc<dyn TokenSource>,
    clock: Clock,
) -> Result<Client, ContextError> {
    let setup = Setup { proxies, plugins: Arc::new(NoPlugins), clock, retries: false };
    connected(kubeconfig, name, setup, Some(source)).await
}

/// The calls are retried one by one, so the client does not retry.
async fn connected(
    kubeconfig: &Kubeconfig,
    name: &str,
    setup: Setup<'_>,
    source: Option<Arc<dyn TokenSource>>,
) -> Result<Client, ContextError> {
    let entry = Entry::of(kubeconfig, name)?;
    devplat_connect::client(entry, setup, source).await.map_err(|error| unusable(name, error))
}

fn unusable(name: &str, error: ConnectError) -> ContextError {
    let name = name.to_owned();
    match error {
        ConnectError::Credentials(source) => ContextError::Credentials { name, source },
        error @ (ConnectError::NoServer | ConnectError::Address { .. } | ConnectError::Other(_)) => {
            ContextError::Unusable { name, source: Box::new(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use devplat_connect::{CredentialError, PluginError};

    use super::*;

    fn kubeconfig() -> Kubeconfig {
        Kubeconfig::from_yaml(
            "apiVersion: v1\nkind: Config\ncurrent-context: kind-a\n\
             clusters: [{name: kind-a, cluster: {server: 'https://127.0.0.1:6443'}}]\n\
             contexts: [{name: kind-a, context: {cluster: kind-a, user: kind-a}}]\n\
             users: [{name: kind-a, user: {}}]\n",
        )
        .unwrap()
    }

    #[test]
    fn current_context_is_found_and_recognised() {
        let context = find(&kubeconfig(), None).unwrap().unwrap();
        assert_eq!(context.name, "kind-a");
        assert_eq!(context.guess, DistributionGuess::Kind("a".to_owned()));
    }

    #[test]
    fn absent_context_is_reported_with_those_that_exist() {
        let error = find(&kubeconfig(), Some("prod")).unwrap_err();
        assert_eq!(error.to_string(), r#"there is no context "prod" in the kubeconfig"#);
        assert_eq!(error.hints(), ["there are: kind-a"]);
    }

    #[test]
    fn mistyped_context_is_reported_with_the_nearest() {
        let error = find(&kubeconfig(), Some("kind-b")).unwrap_err();
        assert_eq!(error.hints(), ["did you mean kind-a? there are: kind-a"]);
    }

    #[test]
    fn empty_kubeconfig_has_no_context() {
        assert_eq!(find(&Kubeconfig::default(), None).unwrap(), None);
    }

    #[tokio::test]
    async fn absent_plugin_is_reported_with_its_install_hint() {
        let mut kubeconfig = kubeconfig();
        kubeconfig.auth_infos = serde_saphyr::from_str(
            "[{name: kind-a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, \
             command: plug, interactiveMode: Never, installHint: get it from the intranet}}}]",
        )
        .unwrap();
        let proxies = ProxyRules::default();
        let clock: Clock = Arc::new(std::time::SystemTime::now);
        let error = client(&kubeconfig, "kind-a", &proxies, Arc::new(NoPlugins), clock).await.err().unwrap();
        let ContextError::Credentials { source: CredentialError::Plugin(plugin), .. } = &error else {
            panic!("{error:?}")
        };
        assert!(matches!(plugin, PluginError::Absent { .. }), "{plugin:?}");
        assert_eq!(error.hints(), ["get it from the intranet"]);
    }
}
