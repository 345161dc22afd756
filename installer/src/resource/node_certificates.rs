//! Expired certificates in the nodes of a kind or k3d cluster, and the calls that renew them. Certificates that are still
//! valid are not touched.

use std::fmt;

use devplat_kubernetes::connect;
use devplat_plan::Physical;
use devplat_tool::{
    docker::Container,
    local::{
        Maker,
        certificates::{self, ADMIN, Renewal},
    },
};
use futures::future::try_join_all;

use super::Cx;
use crate::{failure::Failure, platform_context::PlatformContext};

/// How long a node may take to stop, in seconds; Docker's own default.
const GRACE_SECONDS: u16 = 10;

/// A node with expired certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expired {
    /// The name of the node.
    pub(super) node: String,
    /// Whether it was running.
    running: bool,
    /// The ways to renew its expired certificates, without doubles.
    renewals: Vec<Renewal>,
}

/// Returns the nodes with expired certificates, running or not, in the order of `nodes`.
pub(super) async fn expired(
    maker: Maker,
    nodes: &[Container],
    context: &PlatformContext,
) -> Result<Vec<Expired>, Failure> {
    let engine = context.engine()?;
    let now = context.clock()();
    let mut all = Vec::new();
    for node in nodes {
        let Some(role) = maker.role(node) else { continue };
        let certificates = maker.certificates(role);
        let texts = certificates.iter().map(|one| engine.read_file(&node.name, one.path));
        let mut renewals = Vec::new();
        for (certificate, text) in certificates.iter().zip(try_join_all(texts).await?) {
            // An absent file has not expired, nor has one without a certificate.
            let end = text.and_then(|text| connect::certificate_end(&text));
            if end.is_some_and(|end| end < now) && !renewals.contains(&certificate.renewal) {
                renewals.push(certificate.renewal);
            }
        }
        if !renewals.is_empty() {
            all.push(Expired { node: node.name.clone(), running: node.running, renewals });
        }
    }
    Ok(all)
}

/// Renews the expired certificates, and restarts their nodes. `issuer` is a control plane, and all nodes are running.
pub(super) async fn renew(expired: &[Expired], issuer: &str, cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    for call in calls(expired) {
        let name = call.to_string();
        match call {
            RenewalCall::Kubeadm { node, names } => {
                cx.report(format!("renewing the certificates of {node}"));
                let work = certificates::renew(engine, node, &names);
                cx.call(name, |()| Some(Physical(node.to_owned())), work).await?;
            }
            RenewalCall::Kubelet { node } => {
                let work = certificates::renew_kubelet(engine, issuer, node);
                cx.call(name, |()| Some(Physical(node.to_owned())), work).await?;
            }
            RenewalCall::Stop { node } => {
                cx.report(format!("restarting {node}"));
                let work = engine.stop(node, GRACE_SECONDS);
                cx.call(name, |()| Some(Physical(node.to_owned())), work).await?;
            }
            RenewalCall::Start { node } => {
                cx.call(name, |()| Some(Physical(node.to_owned())), engine.start(node)).await?;
            }
        }
    }
    Ok(())
}

/// A call of a renewal.
#[derive(Debug, PartialEq, Eq)]
enum RenewalCall<'a> {
    /// kubeadm renews these certificates of a control plane.
    Kubeadm { node: &'a str, names: Vec<&'static str> },
    /// The kubelet of the node gets another certificate.
    Kubelet { node: &'a str },
    /// The node is stopped.
    Stop { node: &'a str },
    /// The node is started.
    Start { node: &'a str },
}

impl fmt::Display for RenewalCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeadm { node, names } => write!(f, "kubeadm certs renew {} in {node}", names.join(", ")),
            Self::Kubelet { node } => write!(f, "renew the certificate of the kubelet of {node}"),
            Self::Stop { node } => write!(f, "stop container {node}"),
            Self::Start { node } => write!(f, "start container {node}"),
        }
    }
}

/// Returns the calls of a renewal in their order. Each program reads its certificate at its start, so every node with a
/// renewed one restarts. The certificates of kubeconfigs come last: until then, the cluster cannot be used, so the next
/// run finds a renewal that was interrupted and repeats it.
fn calls(expired: &[Expired]) -> Vec<RenewalCall<'_>> {
    let (mut calls, mut last) = (Vec::new(), Vec::new());
    for Expired { node, running, renewals } in expired {
        let (mut names, mut restart) = (Vec::new(), false);
        for renewal in renewals {
            restart |= match renewal {
                Renewal::Kubeadm(name) => {
                    names.push(*name);
                    true
                }
                Renewal::Admin => {
                    last.push(RenewalCall::Kubeadm { node, names: vec![ADMIN] });
                    true
                }
                Renewal::Kubelet => true,
                // A stopped node has renewed them when it was started.
                Renewal::Start => *running,
            };
        }
        if !names.is_empty() {
            calls.push(RenewalCall::Kubeadm { node, names });
        }
        if renewals.contains(&Renewal::Kubelet) {
            calls.push(RenewalCall::Kubelet { node });
        }
        if restart {
            calls.extend([RenewalCall::Stop { node }, RenewalCall::Start { node }]);
        }
    }
    calls.extend(last);
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(node: &str, running: bool, renewals: &[Renewal]) -> Expired {
        Expired { node: node.to_owned(), running, renewals: renewals.to_vec() }
    }

    fn said(expired: &[Expired]) -> Vec<String> {
        calls(expired).iter().map(ToString::to_string).collect()
    }

    const OF_A_YEAR: [Renewal; 4] =
        [Renewal::Kubeadm("apiserver"), Renewal::Kubeadm("etcd-peer"), Renewal::Kubelet, Renewal::Admin];

    #[test]
    fn kubeconfigs_are_renewed_after_every_node_has_restarted() {
        let nodes = [
            expired("a-control-plane", true, &OF_A_YEAR),
            expired("a-control-plane2", false, &OF_A_YEAR),
            expired("a-worker", true, &[Renewal::Kubelet]),
        ];
        assert_eq!(
            said(&nodes),
            [
                "kubeadm certs renew apiserver, etcd-peer in a-control-plane",
                "renew the certificate of the kubelet of a-control-plane",
                "stop container a-control-plane",
                "start container a-control-plane",
                "kubeadm certs renew apiserver, etcd-peer in a-control-plane2",
                "renew the certificate of the kubelet of a-control-plane2",
                "stop container a-control-plane2",
                "start container a-control-plane2",
                "renew the certificate of the kubelet of a-worker",
                "stop container a-worker",
                "start container a-worker",
                "kubeadm certs renew admin.conf in a-control-plane",
                "kubeadm certs renew admin.conf in a-control-plane2",
            ]
        );
    }

    /// The run before may have been killed between the renewal of the others and the restart.
    #[test]
    fn node_restarts_although_only_its_kubeconfig_is_left() {
        let nodes = [expired("a-control-plane", true, &[Renewal::Admin])];
        let expected = [
            "stop container a-control-plane",
            "start container a-control-plane",
            "kubeadm certs renew admin.conf in a-control-plane",
        ];
        assert_eq!(said(&nodes), expected);
    }

    #[test]
    fn only_running_nodes_of_k3s_restart() {
        let nodes = [
            expired("k3d-a-server-0", true, &[Renewal::Start]),
            expired("k3d-a-server-1", false, &[Renewal::Start]),
        ];
        assert_eq!(said(&nodes), ["stop container k3d-a-server-0", "start container k3d-a-server-0"]);
        assert_eq!(said(&[]), [""; 0]);
    }
}
