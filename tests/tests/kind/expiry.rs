//! Expired certificates of nodes, as in a cluster that was off for a year. `devplat up` renews those of kind; k3s renews
//! its own at a start.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use devplat_tests::{call::until, platform::Platform};

use crate::shared::{containers_are_made, example, signs_in};

/// A configuration with which kubeadm issues certificates that expire after one second.
const SHORT: &str = "/kind/short.conf";
/// Issues all certificates of a control plane again with that configuration.
const EXPIRE: &str = r#"set -eu
cat > "$1" <<END
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $(cat /kind/version)
certificateValidityPeriod: 1s
END
kubeadm certs renew all --config "$1""#;
/// Stores a certificate and a key, in base64, as the current pair of the kubelet.
const STORE: &str = r#"set -eu
cd /var/lib/kubelet/pki
for part in "$@"; do printf %s "$part" | base64 -d; done > kubelet-client-expired.pem
ln -sf "$PWD/kubelet-client-expired.pem" kubelet-client-current.pem"#;

/// On a kind cluster with one worker.
pub(crate) fn expired_certificates_are_renewed_and_homes_are_kept(platform: &Platform) -> Result<()> {
    let [control_plane, worker] = ["control-plane", "worker"].map(|node| format!("{}-{node}", platform.name));
    platform.kubectl(&["apply", "-f", &example(platform)?])?;
    platform.kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", "devserver/mydev"])?;
    let in_server =
        |command: &str| platform.kubectl(&["exec", "deployment/mydev", "--", "bash", "-c", command]);
    in_server("echo kept > /home/dev/file && sync")?;
    containers_are_made(platform)?;

    platform.docker(&["exec", &control_plane, "sh", "-c", EXPIRE, "sh", SHORT])?;
    for node in [&control_plane, &worker] {
        kubelet_expires(platform, &control_plane, node)?;
    }
    // One after the other, so that each keeps its address.
    for node in [&control_plane, &worker] {
        platform.docker(&["restart", node])?;
    }
    let why = format!("the certificates of {control_plane}, {worker} have expired");
    for verb in [&["status", "--output", "json"][..], &["plan"]] {
        let said = platform.run(verb)?.expect(0)?.stdout;
        ensure!(said.contains(&why), "{verb:?}: {said}");
    }
    platform.run(&["up", "--yes"])?.expect(0)?;
    let kept =
        until("the dev server's home", Duration::from_mins(2), || Ok(in_server("cat /home/dev/file").ok()))?;
    ensure!(kept == "kept\n", "{kept}");
    signs_in(platform)?;
    let again = platform.run(&["up", "--yes"])?.expect(0)?.stderr;
    ensure!(again.contains("nothing to change"), "{again}");
    Ok(())
}

/// Gives the kubelet of `node` a certificate that expires after one second. It reads it at its next start.
fn kubelet_expires(platform: &Platform, control_plane: &str, node: &str) -> Result<()> {
    let user = format!("system:node:{node}");
    let issue = ["exec", control_plane, "kubeadm", "kubeconfig", "user", "--config", SHORT];
    let options = ["--validity-period", "1s", "--org", "system:nodes", "--client-name", &user];
    let kubeconfig = platform.docker(&[&issue[..], &options].concat())?;
    let value = |key: &str| {
        let mut lines = kubeconfig.lines();
        lines.find_map(|line| line.trim().strip_prefix(key)).with_context(|| format!("{key} is missing"))
    };
    let pair = [value("client-certificate-data: ")?, value("client-key-data: ")?];
    platform.docker(&[&["exec", node, "sh", "-c", STORE, "sh"][..], &pair].concat())?;
    Ok(())
}

/// Gives a stopped server of k3s an expired certificate, and checks that `status` reports it.
pub(crate) fn stopped_server_of_k3s_has_expired(platform: &Platform, node: &str) -> Result<()> {
    let certificate = platform.home().join("expired.pem");
    let pem = include_bytes!("../../../connect/src/testdata/expired.pem");
    fs::write(&certificate, pem)?;
    let target = format!("{node}:/var/lib/rancher/k3s/server/tls/client-admin.crt");
    platform.docker(&["cp", &certificate.display().to_string(), &target])?;
    let status = platform.run(&["status", "--output", "json"])?.expect(0)?.stdout;
    for expected in [format!("{node} is stopped"), format!("the certificates of {node} have expired")] {
        ensure!(status.contains(&expected), "{expected} is not in: {status}");
    }
    Ok(())
}
