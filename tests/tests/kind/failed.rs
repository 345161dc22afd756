//! A node that ends while kind creates the cluster: its log is the reason, and it is deleted.

use anyhow::{Result, ensure};
use devplat_tests::platform::{LABEL, Platform};

use crate::{
    lane::docker_changes,
    shared::with_shared_cache,
    traces::{destroyed, nothing_is_left},
};

const NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// The words of systemd if root has no inotify instance left.
const LINE: &str = "Failed to create control group inotify object: Too many open files";

pub(crate) fn log_of_an_ended_node_is_quoted_before_its_deletion() -> Result<()> {
    let platform = with_shared_cache("ended")?;
    let _changes = docker_changes();
    let image = format!("devplat-test/{}:1", platform.name);
    image_that_ends(platform, &image)?;
    let image = format!("cluster.kind.nodeImage={image}");
    let dev = "devServers.image=registry.example/dev:1";
    let up = ["up", "--profile", "kind", "--yes", "--set", &image, "--set", dev];
    let failed = platform.run(&up)?.expect(3)?.stderr;
    let why = format!("node {}-control-plane reached the limit of ", platform.name);
    for expected in ["hint: allow more: `sudo sysctl fs.inotify.max_user_instances=", &why, LINE] {
        ensure!(failed.contains(expected), "{expected} is not in: {failed}");
    }
    let label = format!("label=io.x-k8s.kind.cluster={}", platform.name);
    let left = platform.docker(&["ps", "--all", "--quiet", "--filter", &label])?;
    ensure!(left.is_empty(), "nodes are left: {left}");
    destroyed(platform)?;
    nothing_is_left(platform)?;
    platform.sweep()
}

/// Builds a node image that prints the line and ends.
fn image_that_ends(platform: &Platform, image: &str) -> Result<()> {
    let container = format!("{}-image", platform.name);
    let script = format!("ENTRYPOINT [\"sh\", \"-c\", \"echo '{LINE}'; exit 255\"]");
    let label = format!("LABEL {LABEL}={}", platform.name);
    platform.docker(&["create", "--name", &container, NODE_IMAGE])?;
    platform.docker(&["commit", "--change", &script, "--change", &label, &container, image])?;
    platform.docker(&["rm", "--volumes", &container]).map(drop)
}
