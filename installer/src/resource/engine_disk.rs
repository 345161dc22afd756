//! The disk of the Docker engine, before k3d creates nodes on it: k3s starts no pods on a nearly full disk. Nodes of kind
//! take pods until the disk is full.

use devplat_plan::{Action, Plan};
use devplat_tool::{disk, local::Maker};

use super::CLUSTER;
use crate::{platform::PlatformInputs, platform_context::PlatformContext};

/// The per cent below which the kubelet of k3s reports disk pressure.
const PRESSURE: u64 = 5;

/// Warns if the nodes of a k3d cluster that the plan creates would report disk pressure, as far as that is known here.
pub async fn warn_of_full_disk(plan: &Plan, inputs: &PlatformInputs, context: &PlatformContext) {
    let creates = plan.changes().any(|step| {
        step.id.id == CLUSTER.single() && matches!(step.action, Action::Create | Action::Replace)
    });
    let (Some(Maker::K3d), Some(engine), true) = (inputs.maker(), &context.engine, creates) else { return };
    // The folder of an engine elsewhere may exist here as well.
    let (true, Ok(info)) = (engine.is_local(), engine.info().await) else { return };
    if let Some(warning) = disk::free_percent(&info.data_folder).and_then(warning) {
        (context.remark)(&format!("warning: {}, {warning}", info.data_folder.display()));
    }
}

/// Returns the warning for a disk with this share of free space, after the name of its folder.
fn warning(free: u64) -> Option<String> {
    (free < PRESSURE).then(|| {
        format!(
            "where the Docker engine keeps its data, has {free} % free: nodes of k3d start no pods below {PRESSURE} %, and then \
             not before 15 % are free (`docker system prune` deletes what is not used)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_below_the_limit_of_k3s_is_warned_of() {
        assert_eq!(warning(5), None);
        assert!(warning(4).unwrap().contains("has 4 % free"));
    }
}
