//! The command lines of Kubernetes' programs.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::access::KUBERNETES;
use crate::binaries;

/// Controllers that delete objects.
const CLEANING: [&str; 3] =
    ["namespace-controller", "garbage-collector-controller", "persistentvolumeclaim-protection-controller"];
/// Controllers that create pods, and those that limit them.
const MAKING: [&str; 4] = [
    "deployment-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "resourcequota-controller",
];

/// The programs beside the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Controllers that delete namespaces and owned objects. There are no pods.
    Cleaning,
    /// All except a kubelet: Deployments lead to pods, claims to volumes.
    Everything,
}

/// The settings that all programs share.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    pub(super) folder: PathBuf,
    pub(super) etcd: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) server: SocketAddr,
}

impl Arguments {
    /// Writes the files that they name.
    pub(super) fn write(&self) -> Result<()> {
        let policy = format!(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
             rules: [{{level: None, users: [{KUBERNETES}, 'system:apiserver', 'system:anonymous']}}, {{level: Metadata}}]\n"
        );
        fs::write(self.policy(), policy).context("cannot write the audit policy")
    }

    pub(super) fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    fn policy(&self) -> PathBuf {
        self.folder.join("audit-policy.yaml")
    }

    pub(super) fn etcd(&self) -> Vec<String> {
        let (client, peer) = (format!("http://{}", self.etcd), format!("http://{}", self.peer));
        vec![
            format!("--data-dir={}", self.folder.join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--log-level=warn".to_owned(),
            // No test needs the data after a crash.
            "--unsafe-no-fsync".to_owned(),
        ]
    }

    pub(super) fn api_server(&self, tokens: &Path) -> Vec<String> {
        let certificates = self.folder.join("certificates");
        // The key of its own certificate also signs tokens of service accounts.
        let key = certificates.join("apiserver.key");
        vec![
            format!("--etcd-servers=http://{}", self.etcd),
            format!("--bind-address={}", self.server.ip()),
            format!("--secure-port={}", self.server.port()),
            format!("--cert-dir={}", certificates.display()),
            format!("--token-auth-file={}", tokens.display()),
            format!("--service-account-key-file={}", key.display()),
            format!("--service-account-signing-key-file={}", key.display()),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--audit-policy-file={}", self.policy().display()),
            format!("--audit-log-path={}", self.audit_log().display()),
            // Without a kubelet that reports, nodes would stay tainted.
            "--disable-admission-plugins=TaintNodesByCondition".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            // For tests with policies that change applied objects.
            "--feature-gates=MutatingAdmissionPolicy=true".to_owned(),
            "--runtime-config=admissionregistration.k8s.io/v1beta1=true".to_owned(),
        ]
    }

    pub(super) fn controllers(parts: Parts, kubeconfig: &Path) -> Vec<String> {
        let controllers = match parts {
            Parts::Cleaning => CLEANING.to_vec(),
            Parts::Everything => [CLEANING.as_slice(), &MAKING].concat(),
        };
        let mut arguments = client_of(kubeconfig);
        arguments.push(format!("--controllers={}", controllers.join(",")));
        arguments
    }

    pub(super) fn scheduler(kubeconfig: &Path) -> Vec<String> {
        client_of(kubeconfig)
    }

    pub(super) fn kwok(kubeconfig: &Path) -> Result<Vec<String>> {
        let mut arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--manage-nodes-with-annotation-selector={}", super::nodes::KWOK),
        ];
        let stages = binaries::command("kwok-stages/pod-ready.yaml")?;
        let folder = stages.parent().context("a stage is in a folder")?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // nodes.rs creates the default class instead.
            if !path.ends_with("storage-class.yaml") {
                arguments.push(format!("--config={}", path.display()));
            }
        }
        Ok(arguments)
    }
}

/// Arguments of programs with leader election, which one replica does not need.
fn client_of(kubeconfig: &Path) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--authentication-kubeconfig={}", kubeconfig.display()),
        format!("--authorization-kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=500".to_owned(),
        "--kube-api-burst=500".to_owned(),
    ]
}
