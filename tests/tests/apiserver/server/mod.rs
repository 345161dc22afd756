//! Dev servers from creation to deletion, by an operator with its real rights.

mod change;
mod drift;
mod flavor;
mod foreign;
mod life;
mod mutation;
mod refusal;
mod trouble;

use devplat_tests::control_plane::SILENT;
use serde_json::json;

use super::namespace::{self, Namespace};

/// Creates a flavor for this namespace whose pods are scheduled to the node without a simulated kubelet.
pub(crate) async fn silent_flavor(space: &Namespace) -> String {
    let name = format!("{}-silent", space.name);
    let spec = json!({
        "nodeSelector": {SILENT: "true"},
        "tolerations": [{"key": SILENT, "operator": "Exists", "effect": "NoSchedule"}],
    });
    namespace::flavor(&space.client, &name, spec).await;
    name
}

/// Acts as the kubelet: reports a pod as running and ready.
async fn run(space: &Namespace, pod: &str) {
    space
        .report(
            pod,
            json!({
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "devserver", "image": "", "imageID": "", "restartCount": 0, "ready": true,
                    "state": {"running": {}}
                }],
            }),
        )
        .await;
}
