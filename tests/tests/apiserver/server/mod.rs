//! Dev servers, from making to end, by an operator with the rights that it really gets.

mod change;
mod drift;
mod flavor;
mod foreign;
mod life;
mod refusal;
mod trouble;

use devplat_tests::control_plane::SILENT;
use serde_json::json;

use super::namespace::{self, Namespace};

/// A flavor, of this namespace only, whose pods go to the node on which nothing happens by itself.
pub(crate) async fn silent_flavor(space: &Namespace) -> String {
    let name = format!("{}-silent", space.name);
    let spec = json!({
        "nodeSelector": {SILENT: "true"},
        "tolerations": [{"key": SILENT, "operator": "Exists", "effect": "NoSchedule"}],
    });
    namespace::flavor(&space.client, &name, spec).await;
    name
}

/// Plays the kubelet: has a pod run and be ready.
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
