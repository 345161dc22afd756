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

/// Deletes it.
pub fn delete(platform: &Platform) -> Result<()> {
    kind(platform, &["delete", "cluster", "--name", &platform.name])
}

fn kind(platform: &Platform, args: &[&str]) -> Result<()> {
    let call = platform.call(binaries::command("kind")?)?.args(args.iter().copied());
    call.env("KIND_EXPERIMENTAL_DOCKER_NETWORK", network(platform)).run(BOUND)?.expect(0).map(|_| ())
}
