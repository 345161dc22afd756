//! The cluster and the user that a context of a kubeconfig names.

use kube::config::{AuthInfo, Cluster, Kubeconfig};

/// A cluster and a user of a kubeconfig.
pub struct Entry {
    /// The name of the context, for messages.
    pub context: String,
    pub cluster: Cluster,
    /// The user; the default one has no credentials.
    pub user: AuthInfo,
    /// The namespace; `default` if there is none.
    pub namespace: Option<String>,
}

/// The reason why a context names no cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No context of that name.
    #[error("there is no context {name:?} in the kubeconfig")]
    Absent {
        name: String,
        /// The contexts that exist.
        known: Vec<String>,
    },
    /// The context names a cluster that the kubeconfig does not have.
    #[error("context {name:?} names cluster {cluster:?}, which the kubeconfig does not have")]
    NoCluster {
        /// The context.
        name: String,
        cluster: String,
    },
}

impl Entry {
    /// Returns the cluster and the user that the context `name` has. As in kubectl, a user that does not exist has no
    /// credentials.
    pub fn of(kubeconfig: &Kubeconfig, name: &str) -> Result<Self, EntryError> {
        let find = kubeconfig.contexts.iter().find(|context| context.name == name);
        let Some(context) = find else {
            let known = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
            return Err(EntryError::Absent { name: name.to_owned(), known });
        };
        let context = context.context.clone().unwrap_or_default();
        let cluster = kubeconfig.clusters.iter().find(|one| one.name == context.cluster);
        let Some(cluster) = cluster.and_then(|one| one.cluster.clone()) else {
            return Err(EntryError::NoCluster { name: name.to_owned(), cluster: context.cluster });
        };
        let user = kubeconfig.auth_infos.iter().find(|one| Some(&one.name) == context.user.as_ref());
        let user = user.and_then(|one| one.auth_info.clone()).unwrap_or_default();
        Ok(Self { context: name.to_owned(), cluster, user, namespace: context.namespace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Result<Entry, EntryError> {
        let kubeconfig = Kubeconfig::from_yaml(
            "clusters: [{name: c, cluster: {server: 'https://a'}}]\nusers: []\n\
             contexts: [{name: a, context: {cluster: c, user: none, namespace: n}}, {name: b, context: {cluster: d}}]\n",
        );
        Entry::of(&kubeconfig.unwrap(), name)
    }

    #[test]
    fn context_names_cluster_and_namespace_and_perhaps_a_user() {
        let entry = of("a").unwrap();
        assert_eq!(entry.cluster.server.as_deref(), Some("https://a"));
        assert_eq!(entry.namespace.as_deref(), Some("n"));
        assert!(entry.user.token.is_none());
    }

    #[test]
    fn context_without_a_cluster_is_an_error() {
        let error = of("b").err().unwrap();
        assert_eq!(error.to_string(), r#"context "b" names cluster "d", which the kubeconfig does not have"#);
        let known = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(of("c").err(), Some(EntryError::Absent { name: "c".to_owned(), known }));
    }
}
