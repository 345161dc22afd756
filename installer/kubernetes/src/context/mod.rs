//! Which cluster a context of a kubeconfig names, and whether devplat can work with it.

mod provider;
mod reach;

pub use provider::Provider;
pub use reach::{NEWEST, OLDEST, Reached, answer, kubelet_spoke, reach};

use kube::{
    client::AuthError,
    config::{KubeConfigOptions, Kubeconfig},
};

use std::time::Duration;

/// A context and the cluster behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The context's name.
    pub name: String,
    /// Where its API server is.
    pub server: String,
    /// Who made the cluster, as far as names tell.
    pub provider: Provider,
}

/// Why a cluster cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No context of that name.
    #[error("there is no context {name:?} in the kubeconfig")]
    Absent {
        /// The name looked for.
        name: String,
        /// The ones there are.
        known: Vec<String>,
    },
    /// The program that the kubeconfig names for logging in is not on this machine, or does not start.
    #[error("context {name:?} logs in with the program {program:?}, which does not start")]
    Plugin {
        /// The context.
        name: String,
        /// The program.
        program: String,
        /// Why it does not start.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One end does not accept the other's certificate.
    #[error(
        "cluster of context {name:?} at {server} and its kubeconfig do not trust each other's certificates"
    )]
    Untrusted {
        /// The context.
        name: String,
        /// Where the server is.
        server: String,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The entry cannot be used: a certificate that does not parse, a file that is not there.
    #[error("context {name:?} cannot be used")]
    Unusable {
        /// The context.
        name: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its server does not answer.
    #[error("cluster of context {name:?} at {server} does not answer")]
    Unreachable {
        /// The context.
        name: String,
        /// Where the server should be.
        server: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server does not know who is asking.
    #[error("cluster of context {name:?} does not accept its credentials: {said}")]
    Unauthorized {
        /// The context.
        name: String,
        /// What the server says.
        said: String,
    },
    /// Not enough rights to install.
    #[error("the user of context {name:?} may not {}", .missing.join(", nor "))]
    Forbidden {
        /// The context.
        name: String,
        /// The rights that are missing.
        missing: Vec<String>,
    },
    /// Too old, or newer than was ever tried.
    #[error(
        "cluster of context {name:?} runs Kubernetes {found}; devplat works with 1.{OLDEST} to 1.{NEWEST}"
    )]
    Version {
        /// The context.
        name: String,
        /// Its version.
        found: String,
    },
}

impl ContextError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Absent { known, .. } if known.is_empty() => "the kubeconfig has no contexts".to_owned(),
            Self::Absent { known, name } => match nearest(name, known) {
                Some(near) => format!("did you mean {near}? there are: {}", known.join(", ")),
                None => format!("there are: {}", known.join(", ")),
            },
            Self::Unusable { name, .. } => {
                format!("make `kubectl --context {name} get nodes` work first")
            }
            Self::Plugin { program, .. } => {
                format!("install {program}, or put it on the PATH, then run the same command")
            }
            Self::Untrusted { .. } => {
                "was the cluster made anew? have its maker write the kubeconfig again".to_owned()
            }
            Self::Unreachable { .. } => "is the cluster running, and reachable from here?".to_owned(),
            Self::Unauthorized { .. } => {
                "log in again as your cluster asks for, then run the same command".to_owned()
            }
            Self::Forbidden { .. } => {
                "ask the cluster's administrator for cluster-admin, or let them run devplat".to_owned()
            }
            Self::Version { .. } => "upgrade the cluster, or name another with --context".to_owned(),
        }
    }
}

/// The name that a mistyped one was most likely meant to be.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let alike = |known: &'a String| (strsim::jaro_winkler(name, known), known.as_str());
    let best = known.iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// The context of that name, or the current one; nothing where there is no current one.
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
        return Err(ContextError::Absent { name, known: known() });
    };
    let cluster_name = context.context.as_ref().map(|context| context.cluster.clone()).unwrap_or_default();
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == cluster_name);
    let server = cluster
        .and_then(|cluster| cluster.cluster.as_ref()?.server.clone())
        .unwrap_or_else(|| "an unknown address".to_owned());
    let provider = Provider::of(&name, &cluster_name, &server);
    Ok(Some(Context { name, server, provider }))
}

/// A client for that context.
///
/// Where the kubeconfig says so, kube starts the program that logs in.
pub async fn client(kubeconfig: &Kubeconfig, name: &str) -> Result<kube::Client, ContextError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| ContextError::Unusable {
        name: name.to_owned(),
        source,
    };
    let options = KubeConfigOptions { context: Some(name.to_owned()), ..KubeConfigOptions::default() };
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
        .await
        .map_err(|error| unusable(Box::new(error)))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(Duration::from_mins(1));
    let program = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    kube::Client::try_from(config).map_err(|error| match (error, program) {
        (kube::Error::Auth(source @ AuthError::AuthExecStart(_)), Some(program)) => {
            ContextError::Plugin { name: name.to_owned(), program, source: Box::new(source) }
        }
        (error, _) => unusable(Box::new(error)),
    })
}

#[cfg(test)]
mod tests {
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
        assert_eq!(context.provider, Provider::Kind("a".to_owned()));
    }

    #[test]
    fn absent_context_tells_the_ones_there_are() {
        let error = find(&kubeconfig(), Some("prod")).unwrap_err();
        assert_eq!(error.to_string(), r#"there is no context "prod" in the kubeconfig"#);
        assert_eq!(error.hint(), "there are: kind-a");
    }

    #[test]
    fn mistyped_context_tells_the_nearest() {
        let error = find(&kubeconfig(), Some("kind-b")).unwrap_err();
        assert_eq!(error.hint(), "did you mean kind-a? there are: kind-a");
    }

    #[tokio::test]
    async fn missing_login_program_is_named() {
        let mut kubeconfig = kubeconfig();
        kubeconfig.auth_infos = serde_saphyr::from_str(
            "[{name: kind-a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, \
             command: devplat-no-such-program, interactiveMode: Never}}}]",
        )
        .unwrap();
        let error = client(&kubeconfig, "kind-a").await.err().unwrap();
        assert_eq!(
            error.to_string(),
            r#"context "kind-a" logs in with the program "devplat-no-such-program", which does not start"#
        );
        assert_eq!(
            error.hint(),
            "install devplat-no-such-program, or put it on the PATH, then run the same command"
        );
    }

    #[test]
    fn empty_kubeconfig_has_no_context() {
        assert_eq!(find(&Kubeconfig::default(), None).unwrap(), None);
    }
}
