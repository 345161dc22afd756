//! Clusters that kind or k3d creates without devplat, as peers of measurements and as foreign clusters in tests.

use std::{fs, time::Duration};

use anyhow::Result;

use crate::{binaries, platform::Platform};

/// A limit that kind never reached.
const BOUND: Duration = Duration::from_mins(5);
/// The node image that is built if no registry is reachable; without it, kind uses its own.
const BUILT_NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// The kubelet of kind's own image needs this with control groups v1; with v2 it has no effect.
const CONFIG: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches: [\"{kind: KubeletConfiguration, failCgroupV1: false}\"]
";
/// The built image needs this, because it has its own CNI plugin.
const OWN_NETWORK: &str = "networking: {disableDefaultCNI: true}\n";

/// Returns the name of the cluster's Docker network. It is not the one that all kind clusters share, so that it can be
/// deleted.
pub fn network(platform: &Platform) -> String {
    format!("devplat-{}", platform.name)
}

/// Creates a kind cluster with the platform's name, in the kubeconfig of the platform's user.
pub fn create(platform: &Platform) -> Result<()> {
    let file = platform.home().join("bare.yaml");
    let config = file.display().to_string();
    let mut args = vec!["create", "cluster", "--name", &platform.name, "--wait", "3m", "--config", &config];
    let built = !platform.docker(&["images", "--quiet", BUILT_NODE_IMAGE])?.trim().is_empty();
    if built {
        args.extend(["--image", BUILT_NODE_IMAGE]);
    }
    fs::write(&file, [CONFIG, if built { OWN_NETWORK } else { "" }].concat())?;
    kind(platform, &args)
}

/// The stand-in for k3s that is built if no image registry is reachable; without it, k3d uses its own image.
const BUILT_K3S: &str = "devplat/k3s-stand-in:v1.34.3";
/// The stand-in for the image of k3d's tools container.
const BUILT_TOOLS: &str = "devplat/k3d-tools:latest";

/// Returns whether a node image is the stand-in for k3s.
pub fn is_stand_in(node_image: &str) -> bool {
    node_image == BUILT_K3S
}

/// Creates a k3d cluster with the platform's name, in the kubeconfig of the platform's user.
pub fn create_k3d(platform: &Platform) -> Result<()> {
    let built = !platform.docker(&["images", "--quiet", BUILT_K3S])?.trim().is_empty();
    create_k3d_with(platform, built.then_some(BUILT_K3S))
}

/// Creates a k3d cluster with this node image.
pub fn create_k3d_of(platform: &Platform, node_image: &str) -> Result<()> {
    create_k3d_with(platform, Some(node_image))
}

fn create_k3d_with(platform: &Platform, node_image: Option<&str>) -> Result<()> {
    let mut args = vec!["cluster", "create", &platform.name, "--no-lb", "--timeout", "180s"];
    args.extend(["--k3s-arg", "--kubelet-arg=fail-cgroupv1=false@server:*"]);
    args.extend(node_image.into_iter().flat_map(|image| ["--image", image]));
    k3d(platform, &args)
}

/// Deletes the k3d cluster.
pub fn delete_k3d(platform: &Platform) -> Result<()> {
    k3d(platform, &["cluster", "delete", &platform.name])
}

/// Runs k3d as the platform's user.
pub fn k3d(platform: &Platform, args: &[&str]) -> Result<()> {
    let built = !platform.docker(&["images", "--quiet", BUILT_TOOLS])?.trim().is_empty();
    let call = platform.call(binaries::command("k3d")?)?.args(args.iter().copied());
    let call = if built { call.env("K3D_IMAGE_TOOLS", BUILT_TOOLS) } else { call };
    call.run(BOUND)?.expect(0).map(|_| ())
}

/// Deletes the kind cluster and its network.
pub fn delete(platform: &Platform) -> Result<()> {
    kind(platform, &["delete", "cluster", "--name", &platform.name])
}

fn kind(platform: &Platform, args: &[&str]) -> Result<()> {
    let call = platform.call(binaries::command("kind")?)?.args(args.iter().copied());
    call.env("KIND_EXPERIMENTAL_DOCKER_NETWORK", network(platform)).run(BOUND)?.expect(0).map(|_| ())
}
