//! Access to the API server: a few users with tokens from a file, all of them administrators.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use kube::config::{
    AuthInfo, Cluster, Context as Entry, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};

/// The user of tests.
pub const ADMINISTRATOR: &str = "administrator";
/// The user of Kubernetes' own programs, which the audit log leaves out.
pub(super) const KUBERNETES: &str = "kubernetes";
/// Users for clients that the audit log must distinguish.
const OTHERS: [&str; 2] = ["operator-a", "operator-b"];

/// A bearer token.
#[derive(Clone)]
pub struct Token(pub String);

impl Token {
    /// Returns the token of a user of the file. It is not a secret: the server lives for minutes and listens only on
    /// loopback.
    pub fn of(user: &str) -> Self {
        Self(format!("{user}-token"))
    }
}

/// The files for access to the API server.
#[derive(Debug, Clone)]
pub(super) struct Access {
    folder: PathBuf,
    server: SocketAddr,
}

impl Access {
    pub(super) fn new(folder: &Path, server: SocketAddr) -> Self {
        Self { folder: folder.to_owned(), server }
    }

    /// Writes the file of tokens, and a kubeconfig for Kubernetes' own programs.
    pub(super) fn write(&self) -> Result<()> {
        let line = |user: &str| format!("{},{user},{user},system:masters\n", Token::of(user).0);
        let tokens: String = [ADMINISTRATOR, KUBERNETES].into_iter().chain(OTHERS).map(line).collect();
        fs::write(self.tokens(), tokens).context("cannot write the tokens")?;
        let kubeconfig = serde_json::to_vec(&self.kubeconfig(&Token::of(KUBERNETES)))?;
        fs::write(self.file(), kubeconfig).context("cannot write the kubeconfig")
    }

    pub(super) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }

    /// Returns the kubeconfig for Kubernetes' own programs.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub(super) fn kubeconfig(&self, token: &Token) -> Kubeconfig {
        let name = "test".to_owned();
        let cluster = Cluster {
            server: Some(format!("https://{}", self.server)),
            // The API server creates it at its start.
            certificate_authority: Some(self.folder.join("certificates/apiserver.crt").display().to_string()),
            ..Cluster::default()
        };
        let user = AuthInfo { token: Some(token.0.clone().into()), ..AuthInfo::default() };
        let context = Entry { cluster: name.clone(), user: Some(name.clone()), ..Entry::default() };
        Kubeconfig {
            clusters: vec![NamedCluster {
                name: name.clone(),
                cluster: Some(cluster),
                ..NamedCluster::default()
            }],
            auth_infos: vec![NamedAuthInfo {
                name: name.clone(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext {
                name: name.clone(),
                context: Some(context),
                ..NamedContext::default()
            }],
            current_context: Some(name),
            ..Kubeconfig::default()
        }
    }
}
