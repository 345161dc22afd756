//! Who may enter: a few users with tokens from a file, all of them administrators.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use kube::config::{
    AuthInfo, Cluster, Context as Entry, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};

/// The user that tests are.
pub const ADMINISTRATOR: &str = "administrator";
/// The user that Kubernetes' own programs are; the audit log leaves them out.
pub(super) const KUBERNETES: &str = "kubernetes";
/// Users for whoever needs to be told apart in the audit log.
const OTHERS: [&str; 2] = ["operator-a", "operator-b"];

/// What gets somebody in.
#[derive(Clone)]
pub struct Token(pub String);

impl Token {
    /// The token of a user of the file. It opens a server that lives for minutes on an address of this machine only.
    pub fn of(user: &str) -> Self {
        Self(format!("{user}-token"))
    }
}

/// The way in.
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

    /// The kubeconfig for Kubernetes' own programs.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub(super) fn kubeconfig(&self, token: &Token) -> Kubeconfig {
        let name = "test".to_owned();
        let cluster = Cluster {
            server: Some(format!("https://{}", self.server)),
            // The API server makes it when it starts.
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
