//! A cluster by kind alone, as somebody makes it who has no devplat: to compare with, and to be somebody else's.

use std::{fs, time::Duration};

use anyhow::Result;

use crate::{binaries, platform::Platform};

/// Longer than kind ever took.
const BOUND: Duration = Duration::from_mins(5);
/// The node image that is made where no registry is reachable; without it, kind takes its own.
const BUILT_NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// For a kubelet of kind's own image where control groups are of the old kind; others put up with it.
const CONFIG: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches: [\"{kind: KubeletConfiguration, failCgroupV1: false}\"]
";
/// What the image that is made needs: it brings a network of its own.
const OWN_NETWORK: &str = "networking: {disableDefaultCNI: true}\n";

/// The Docker network of the cluster: not the one that all of kind's clusters share, so that it can go.
pub fn network(platform: &Platform) -> String {
    format!("devplat-{}", platform.name)
}

/// Makes it, of the platform's name, in the kubeconfig of the platform's user.
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

/// The stand-in for k3s that is made where no image registry is reachable; without it, k3d takes its own.
const BUILT_K3S: &str = "devplat/k3s-stand-in:v1.34.3";
/// k3d's tools container of the same making.
const BUILT_TOOLS: &str = "devplat/k3d-tools:latest";

/// Whether a node image is the stand-in for k3s.
pub fn is_stand_in(node_image: &str) -> bool {
    node_image == BUILT_K3S
}

/// Creates a cluster by k3d alone, of the platform's name, in the kubeconfig of the platform's user.
pub fn create_k3d(platform: &Platform) -> Result<()> {
    let built = !platform.docker(&["images", "--quiet", BUILT_K3S])?.trim().is_empty();
    create_k3d_with(platform, built.then_some(BUILT_K3S))
}

/// The same, with this node image.
pub fn create_k3d_of(platform: &Platform, node_image: &str) -> Result<()> {
    create_k3d_with(platform, Some(node_image))
}

fn create_k3d_with(platform: &Platform, node_image: Option<&str>) -> Result<()> {
    let mut args = vec!["cluster", "create", &platform.name, "--no-lb", "--timeout", "180s"];
    args.extend(["--k3s-arg", "--kubelet-arg=fail-cgroupv1=false@server:*"]);
    args.extend(node_image.into_iter().flat_map(|image| ["--image", image]));
    k3d(platform, &args)
}

/// Deletes it.
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

/// Deletes it.
pub fn delete(platform: &Platform) -> Result<()> {
    kind(platform, &["delete", "cluster", "--name", &platform.name])
}

fn kind(platform: &Platform, args: &[&str]) -> Result<()> {
    let call = platform.call(binaries::command("kind")?)?.args(args.iter().copied());
    call.env("KIND_EXPERIMENTAL_DOCKER_NETWORK", network(platform)).run(BOUND)?.expect(0).map(|_| ())
}
