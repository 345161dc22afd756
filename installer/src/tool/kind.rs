//! kind, through its command.

use std::{fmt::Write as _, path::Path};

use devplat_profile::PortMapping;

use crate::{
    failure::{Exit, Failure},
    process::{Command, Error},
    tool::docker,
};

/// Where a node carries the mark of the platform that it was made for: there from the creating call on, and seen
/// by `docker inspect`, running or not.
pub const OWNER_FOLDER: &str = "/etc/devplat/owner";

/// What kind says, in the words of [`create`], when containerd runs in its node.
pub const NODE_IS_UP: &str = "starting control-plane";

/// kube-controller-manager makes an account's token for each of its some 45 controllers, one after the other, before the
/// last of them starts; held to its default of 20 calls a second that takes 6 s, in which no pod comes up. And where one
/// node is all there is, nobody is to be elected: after a restart, the leader that was would be waited for, for some 17 s.
/// Once for each version of kubeadm's configuration that kind writes: one that does not match is passed over.
const KUBEADM_PATCHES: &str = "\
kubeadmConfigPatches:
- |
  apiVersion: kubeadm.k8s.io/v1beta3
  kind: ClusterConfiguration
  controllerManager:
    extraArgs:
      kube-api-qps: \"200\"
      kube-api-burst: \"400\"
      leader-elect: \"false\"
  scheduler:
    extraArgs:
      leader-elect: \"false\"
- |
  apiVersion: kubeadm.k8s.io/v1beta4
  kind: ClusterConfiguration
  controllerManager:
    extraArgs:
    - name: enable-hostpath-provisioner
      value: \"true\"
    - name: kube-api-qps
      value: \"200\"
    - name: kube-api-burst
      value: \"400\"
    - name: leader-elect
      value: \"false\"
  scheduler:
    extraArgs:
    - name: leader-elect
      value: \"false\"
";

/// From Kubernetes 1.35 on, which kind's own images have, a kubelet does not start there unless told to.
const OLD_CGROUPS_PATCH: &str = "\
- |
  kind: KubeletConfiguration
  failCgroupV1: false
";

/// A cluster to be made.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The cluster's name, and the platform's.
    pub name: &'a str,
    /// The Docker network that it lies in.
    pub network: &'a str,
    /// Image of its node; kind's own where missing.
    pub image: Option<&'a str>,
    /// Whether the image brings a network of its own.
    pub own_cni: bool,
    /// Whether containers here get control groups v1.
    pub old_cgroups: bool,
    /// Port of its API server on this machine; a free one where missing.
    pub api_port: Option<u16>,
    /// Ports of this machine that lead to the node.
    pub mappings: &'a [PortMapping],
}

/// kind's version, which shows that it is there.
pub async fn version() -> Result<String, Failure> {
    let output = Command::new("kind").args(["version", "-q"]).run().await.map_err(|error| explain(&error))?;
    Ok(output.stdout.trim().to_owned())
}

/// Makes the cluster and writes its kubeconfig; tells each of kind's own steps.
pub async fn create(
    wanted: &Wanted<'_>,
    kubeconfig: &Path,
    mut tell: impl FnMut(&str),
) -> Result<(), Failure> {
    Command::new("kind")
        .args(["create", "cluster", "--config", "-", "--kubeconfig"])
        .arg(kubeconfig)
        .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", wanted.network)
        .stdin(config(wanted))
        .run_telling(|line| {
            if let Some(step) = step(line) {
                tell(&step);
            }
        })
        .await
        .map(|_| ())
        .map_err(|error| explain(&error))
}

/// Deletes the cluster with everything in it.
pub async fn delete(name: &str, kubeconfig: &Path) -> Result<(), Failure> {
    Command::new("kind")
        .args(["delete", "cluster", "--name", name, "--kubeconfig"])
        .arg(kubeconfig)
        .run()
        .await
        .map(|_| ())
        .map_err(|error| explain(&error))
}

/// The kubeconfig of the cluster, as text.
pub async fn kubeconfig(name: &str) -> Result<String, Failure> {
    let output = Command::new("kind")
        .args(["get", "kubeconfig", "--name", name])
        .run()
        .await
        .map_err(|error| explain(&error))?;
    Ok(output.stdout)
}

/// The configuration that kind reads.
fn config(wanted: &Wanted<'_>) -> String {
    let Wanted { name, network: _, image, own_cni, old_cgroups, api_port, mappings } = wanted;
    let mut text = format!(
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: {name}\nnetworking:\n  disableDefaultCNI: {own_cni}\n"
    );
    if let Some(port) = api_port {
        let _ = writeln!(text, "  apiServerPort: {port}");
    }
    text.push_str("nodes:\n- role: control-plane\n");
    if let Some(image) = image {
        let _ = writeln!(text, "  image: {}", serde_json::Value::from(*image));
    }
    let _ = writeln!(
        text,
        "  extraMounts:\n  - {{hostPath: /dev/null, containerPath: {OWNER_FOLDER}/{name}, readOnly: true}}"
    );
    if !mappings.is_empty() {
        text.push_str("  extraPortMappings:\n");
    }
    for PortMapping { host_port, node_port, listen_address } in *mappings {
        let _ = writeln!(
            text,
            "  - {{hostPort: {host_port}, containerPort: {node_port}, listenAddress: \"{listen_address}\"}}"
        );
    }
    text.push_str(KUBEADM_PATCHES);
    if *old_cgroups {
        text.push_str(OLD_CGROUPS_PATCH);
    }
    text
}

/// What kind says that it begins, in plain letters.
fn step(line: &str) -> Option<String> {
    let text: String = line.trim().strip_prefix('•')?.chars().filter(char::is_ascii).collect();
    let text = text.trim().trim_end_matches('.').trim();
    (!text.is_empty()).then(|| text.to_lowercase())
}

fn explain(error: &Error) -> Failure {
    if matches!(error, Error::Absent { .. }) {
        return Failure::new(Exit::Missing, "kind is not installed")
            .hint("run ./quickstart, which installs it, or see kind.sigs.k8s.io");
    }
    let said = error.said();
    if said.contains("port is already allocated") || said.contains("address already in use") {
        return Failure::of(Exit::Missing, error).hint(
            "name another port: --set cluster.kind.apiServerPort=0, or change cluster.kind.portMappings",
        );
    }
    let mut failure = docker::explain(error);
    if said.contains("failed to pull image") && failure.hints.is_empty() {
        failure = failure
            .hint("is its registry reachable? or name another image: --set cluster.kind.nodeImage=REFERENCE");
    }
    match failure.exit {
        Exit::Missing => failure,
        Exit::Internal | Exit::Usage | Exit::PartWay | Exit::Left => {
            failure.hint("run the same command again: what is half-made is made anew")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_carries_the_mark_of_ownership() {
        let mappings =
            [PortMapping { host_port: 8080, node_port: 30080, listen_address: "127.0.0.1".to_owned() }];
        let wanted = Wanted {
            name: "team-a",
            network: "devplat-team-a",
            image: Some("devplat/kind-node:v1.34.3"),
            own_cni: true,
            old_cgroups: false,
            api_port: None,
            mappings: &mappings,
        };
        insta::assert_snapshot!(config(&wanted), @r#"
        kind: Cluster
        apiVersion: kind.x-k8s.io/v1alpha4
        name: team-a
        networking:
          disableDefaultCNI: true
        nodes:
        - role: control-plane
          image: "devplat/kind-node:v1.34.3"
          extraMounts:
          - {hostPath: /dev/null, containerPath: /etc/devplat/owner/team-a, readOnly: true}
          extraPortMappings:
          - {hostPort: 8080, containerPort: 30080, listenAddress: "127.0.0.1"}
        kubeadmConfigPatches:
        - |
          apiVersion: kubeadm.k8s.io/v1beta3
          kind: ClusterConfiguration
          controllerManager:
            extraArgs:
              kube-api-qps: "200"
              kube-api-burst: "400"
              leader-elect: "false"
          scheduler:
            extraArgs:
              leader-elect: "false"
        - |
          apiVersion: kubeadm.k8s.io/v1beta4
          kind: ClusterConfiguration
          controllerManager:
            extraArgs:
            - name: enable-hostpath-provisioner
              value: "true"
            - name: kube-api-qps
              value: "200"
            - name: kube-api-burst
              value: "400"
            - name: leader-elect
              value: "false"
          scheduler:
            extraArgs:
            - name: leader-elect
              value: "false"
        "#);
    }

    #[test]
    fn node_image_that_cannot_be_pulled_is_told_with_the_way_to_name_another() {
        let error = Error::of_a_program_that_said(
            "ERROR: failed to create cluster: failed to pull image \"kindest/node:v1.37.0\"",
        );
        let failure = explain(&error);
        assert_eq!(failure.exit, Exit::PartWay);
        assert!(failure.hints[0].contains("cluster.kind.nodeImage"), "{:?}", failure.hints);
    }

    #[test]
    fn kubelet_is_told_of_old_cgroups_only_where_they_are() {
        let on = |old_cgroups| {
            let wanted = Wanted {
                name: "team-a",
                network: "devplat-team-a",
                image: None,
                own_cni: false,
                old_cgroups,
                api_port: None,
                mappings: &[],
            };
            config(&wanted)
        };
        let told = on(true);
        let rest = told.strip_prefix(&on(false)).unwrap();
        assert_eq!(rest, "- |\n  kind: KubeletConfiguration\n  failCgroupV1: false\n");
    }

    #[test]
    fn steps_of_kind_are_told_in_plain_letters() {
        assert_eq!(step(" • Starting control-plane 🕹️  ...").as_deref(), Some("starting control-plane"));
        assert_eq!(step(" ✓ Starting control-plane 🕹️"), None);
        assert_eq!(step("Deleted nodes"), None);
    }
}
