//! The certificates in the nodes of kind and k3d clusters, and their renewal. kubeadm and k3s issue them for one year.

use std::time::Duration;

use super::{Maker, Role};
use crate::docker::{Engine, EngineError, Ran, Stdin};

/// The limit of one script in a node: kubeadm takes about 0.3 s per certificate, and asks no API server.
const LIMIT: Duration = Duration::from_mins(2);

/// A certificate in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// Its file, either PEM or a kubeconfig.
    pub path: &'static str,
    /// The way to renew it.
    pub renewal: Renewal,
}

/// A way to renew a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// [`renew`] with this name, then a restart of the node.
    Kubeadm(&'static str),
    /// [`renew`] with [`ADMIN`], after all others: the cluster rejects its own kubeconfig until then, so a renewal that
    /// was interrupted is found.
    Admin,
    /// [`renew_kubelet`], then a restart of the node.
    Kubelet,
    /// A start of the node: k3s then renews every certificate that has expired or soon will.
    Start,
}

/// The name of the certificate in the kubeconfig that kind prints.
pub const ADMIN: &str = "admin.conf";

/// The link to the kubelet's current client certificate. The kubelet renews it by itself while it is valid, and does not
/// start after that.
const OF_THE_KUBELET: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
const KUBELET: Certificate = Certificate { path: OF_THE_KUBELET, renewal: Renewal::Kubelet };
/// All certificates of `kubeadm certs check-expiration`, and the kubelet's.
const CONTROL_PLANE: [Certificate; 12] = [
    kubeadm("/etc/kubernetes/pki/apiserver.crt", "apiserver"),
    kubeadm("/etc/kubernetes/pki/apiserver-etcd-client.crt", "apiserver-etcd-client"),
    kubeadm("/etc/kubernetes/pki/apiserver-kubelet-client.crt", "apiserver-kubelet-client"),
    kubeadm("/etc/kubernetes/pki/front-proxy-client.crt", "front-proxy-client"),
    kubeadm("/etc/kubernetes/pki/etcd/server.crt", "etcd-server"),
    kubeadm("/etc/kubernetes/pki/etcd/peer.crt", "etcd-peer"),
    kubeadm("/etc/kubernetes/pki/etcd/healthcheck-client.crt", "etcd-healthcheck-client"),
    kubeadm("/etc/kubernetes/controller-manager.conf", "controller-manager.conf"),
    kubeadm("/etc/kubernetes/scheduler.conf", "scheduler.conf"),
    kubeadm("/etc/kubernetes/super-admin.conf", "super-admin.conf"),
    KUBELET,
    Certificate { path: "/etc/kubernetes/admin.conf", renewal: Renewal::Admin },
];
const AGENT: Certificate = at_start("/var/lib/rancher/k3s/agent/client-kubelet.crt");
/// k3s issues all certificates of a server together, so these stand for the others.
const SERVER: [Certificate; 3] = [
    at_start("/var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt"),
    at_start("/var/lib/rancher/k3s/server/tls/client-admin.crt"),
    AGENT,
];

const fn kubeadm(path: &'static str, name: &'static str) -> Certificate {
    Certificate { path, renewal: Renewal::Kubeadm(name) }
}

const fn at_start(path: &'static str) -> Certificate {
    Certificate { path, renewal: Renewal::Start }
}

impl Maker {
    /// Returns the certificates of a node with this role. Some versions of Kubernetes lack some of them.
    pub fn certificates(self, role: Role) -> &'static [Certificate] {
        match (self, role) {
            (Self::Kind, Role::ControlPlane) => &CONTROL_PLANE,
            (Self::Kind, Role::Worker) => &[KUBELET],
            (Self::K3d, Role::ControlPlane) => &SERVER,
            (Self::K3d, Role::Worker) => &[AGENT],
        }
    }
}

/// Renews the certificates that follow. With kind's own configuration, kubeadm asks no API server. While the PID 1 of a
/// node is still kind's entrypoint, that may replace the API server's certificate.
const RENEW: &str = r#"set -eu
waited=0
while [ "$(cat /proc/1/comm)" = entrypoint ] && [ "$waited" -lt 300 ]; do
  sleep 0.1
  waited=$((waited + 1))
done
for name in "$@"; do kubeadm certs renew "$name" --config /kind/kubeadm.conf; done"#;

/// Prints a client certificate and its key for the kubelet of a node, PEM, as kubeadm's documentation of expired
/// kubelet certificates has it.
const ISSUE: &str = r#"set -eu
text=$(kubeadm kubeconfig user --config /kind/kubeadm.conf --org system:nodes --client-name "system:node:$1")
decoded() {
  data=$(printf '%s\n' "$text" | sed -n "s/^ *$1: //p")
  [ -n "$data" ]
  printf '%s' "$data" | base64 -d
}
decoded client-certificate-data
decoded client-key-data"#;

/// Stores such a pair as the kubelet's current one, unless standard input ended too early. The kubelet expects a link and
/// replaces it at each rotation.
const STORE: &str = r#"set -eu
umask 077
folder=${1%/*}
cat > "$folder/renewed.partial"
if ! tail -n 1 "$folder/renewed.partial" | grep -q '^-----END .*PRIVATE KEY-----$'; then
  echo 'the certificate is incomplete' >&2
  exit 1
fi
mv -f "$folder/renewed.partial" "$folder/kubelet-client-renewed.pem"
ln -sf "$folder/kubelet-client-renewed.pem" "$folder/renewed.link"
mv -fT "$folder/renewed.link" "$1""#;

/// Renews certificates of a control plane of kind, by the names that kubeadm gives them.
pub async fn renew(engine: &Engine, node: &str, names: &[&str]) -> Result<(), EngineError> {
    run(engine, node, "kubeadm certs renew", RENEW, names, Stdin::Nothing).await.map(drop)
}

/// Gives the kubelet of a node of kind a client certificate that the authority in the control plane `issuer` signs.
pub async fn renew_kubelet(engine: &Engine, issuer: &str, node: &str) -> Result<(), EngineError> {
    let pair = run(engine, issuer, "kubeadm kubeconfig user", ISSUE, &[node], Stdin::Nothing).await?;
    let pair = Stdin::Bytes(pair.into_bytes());
    run(engine, node, "the script for its kubelet", STORE, &[OF_THE_KUBELET], pair).await.map(drop)
}

/// Runs a script in a node and returns its standard output. `name` stands for the script in errors.
async fn run(
    engine: &Engine,
    node: &str,
    name: &str,
    script: &str,
    args: &[&str],
    stdin: Stdin,
) -> Result<String, EngineError> {
    let command: Vec<&str> = ["sh", "-c", script, "sh"].into_iter().chain(args.iter().copied()).collect();
    let ran = tokio::time::timeout(LIMIT, engine.exec_any(node, &command, stdin)).await;
    let ran = ran.map_err(|_| EngineError::Slow {
        doing: format!("run {name} in container {node}"),
        seconds: LIMIT.as_secs(),
    })??;
    if ran.status == 0 {
        return Ok(ran.stdout);
    }
    // The standard output may contain a private key.
    let ran = Ran { stdout: String::new(), ..ran };
    Err(engine.explained(ran.exec_error(node, &[name])).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::recorded::{Recorded, RecordedEngine, frame};

    /// An engine whose commands in the node `a-control-plane` print `output` to standard output and end with `status`.
    async fn engine_with_output(output: &str, status: u8) -> RecordedEngine {
        let ended = format!(r#"{{"Running":false,"ExitCode":{status}}}"#);
        Recorded::new()
            .answer("POST /containers/a-control-plane/exec", 201, r#"{"Id":"e1"}"#)
            .answer("POST /containers/a-worker/exec", 201, r#"{"Id":"e2"}"#)
            .answer("POST /exec/e1/start", 101, frame(1, output))
            .answer("POST /exec/e2/start", 101, "")
            .answer("GET /exec/e1/json", 200, ended)
            .answer("GET /exec/e2/json", 200, r#"{"Running":false,"ExitCode":0}"#)
            .serve()
            .await
    }

    #[tokio::test]
    async fn kubelet_of_a_worker_gets_the_pair_of_the_control_plane() {
        let recorded = engine_with_output("certificate and key", 0).await;
        renew_kubelet(recorded.engine(), "a-control-plane", "a-worker").await.unwrap();
        assert_eq!(recorded.stdin(), b"certificate and key");
    }

    #[tokio::test]
    async fn failed_script_is_reported_without_its_standard_output() {
        let recorded = engine_with_output("private key", 1).await;
        let error = renew_kubelet(recorded.engine(), "a-control-plane", "a-worker").await.unwrap_err();
        let expected = "kubeadm kubeconfig user in container a-control-plane: exit status 1";
        assert_eq!(error.to_string(), expected);
        assert_eq!(recorded.stdin(), b"");
    }

    #[test]
    fn admin_is_the_only_certificate_that_is_renewed_last() {
        let renewals = |role| Maker::Kind.certificates(role).iter().map(|one| one.renewal);
        assert_eq!(renewals(Role::ControlPlane).filter(|one| *one == Renewal::Admin).count(), 1);
        assert_eq!(renewals(Role::Worker).collect::<Vec<_>>(), [Renewal::Kubelet]);
        for role in [Role::ControlPlane, Role::Worker] {
            let mut certificates = Maker::K3d.certificates(role).iter();
            assert!(certificates.all(|one| one.renewal == Renewal::Start), "{role:?}");
        }
    }
}
