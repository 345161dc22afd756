//! The failures for a platform that is not found, with the contexts of the user's kubeconfig that have its marks.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::{context, identity};
use kube::config::Kubeconfig;

use super::{Asked, Looked, cluster};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::{ClusterAccess, NamedCluster},
};

/// How long the search for a platform's marks in the contexts of a kubeconfig may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum number of contexts that are searched.
const MOST: usize = 20;

/// Returns the failure for a profile with an existing cluster but without a context.
pub(super) async fn unnamed(asked: &Asked, host: &Host) -> Failure {
    let kubeconfig = match cluster::user_kubeconfig(host) {
        Ok(kubeconfig) => Arc::new(kubeconfig),
        Err(unread) => return unread,
    };
    let carriers = carriers(&kubeconfig, asked, host).await;
    with_carriers(cluster::unnamed(&kubeconfig, host), &carriers, asked, "destroy")
}

/// Returns the failure of `verb` for a platform that is neither known nor found in the searched places.
pub(super) async fn not_found(asked: &Asked, verb: &str, host: &Host, looked: &[Looked]) -> Failure {
    let name = asked.platform();
    let why = format!("platform {name} is neither known nor found here");
    let mut failure = Looked::add_to(looked, Failure::new(Exit::Usage, why));
    let carriers = match cluster::user_kubeconfig(host) {
        Ok(kubeconfig) => carriers(&Arc::new(kubeconfig), asked, host).await,
        Err(unread) => {
            failure.causes.push(format!("no context was searched: {}", unread.one_line()));
            Vec::new()
        }
    };
    if carriers.is_empty() {
        let others = asked.state(host).ok().and_then(|state| state.others().ok()).unwrap_or_default();
        let known: Vec<String> = others.iter().map(|(name, _)| name.to_string()).collect();
        let known = if known.is_empty() { "NAME".to_owned() } else { known.join(" or ") };
        return failure
            .hint("if it is in an existing cluster, name its context: --context NAME")
            .hint(format!("if it has another name, add --name {known}"));
    }
    with_carriers(failure, &carriers, asked, verb)
}

fn with_carriers(failure: Failure, carriers: &[String], asked: &Asked, verb: &str) -> Failure {
    carriers.iter().fold(failure, |failure, context| {
        let again = Asked { context: Some(context.clone()), ..asked.clone() }.again(verb);
        failure.hint(format!("context {context} has its marks: `{again}`"))
    })
}

/// Returns the contexts of the kubeconfig whose clusters have marks of the platform. Clusters that do not answer
/// are skipped.
async fn carriers(kubeconfig: &Arc<Kubeconfig>, asked: &Asked, host: &Host) -> Vec<String> {
    let contexts = kubeconfig.contexts.iter().take(MOST).map(|context| context.name.clone());
    let asks = contexts.map(|name| async move {
        let context = context::find(kubeconfig, Some(&name)).ok()??;
        let named = NamedCluster { context, kubeconfig: Arc::clone(kubeconfig) };
        let state = asked.state(host).ok()?;
        let context = asked.platform_context(host, state, None, Some(named.clone()));
        let answer = async {
            let client = context.client_of(&ClusterAccess::named(&named)).await.ok()?;
            let platforms = identity::platforms(&client).await.ok()?;
            platforms.iter().any(|platform| platform == asked.platform().as_str()).then_some(name)
        };
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
    });
    futures::future::join_all(asks).await.into_iter().flatten().collect()
}
