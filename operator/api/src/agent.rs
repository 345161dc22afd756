//! The init container of a dev server's pod, which installs the agent.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};

/// The name of the container.
pub const CONTAINER: &str = "install-agent";

/// Returns the requests and limits of the container. It has both, because a quota on `limits.cpu` rejects a pod with a
/// container that has none.
pub fn resources() -> ResourceRequirements {
    let amounts = |cpu: &str, memory: &str| {
        let amounts = [("cpu", cpu), ("memory", memory)];
        Some(BTreeMap::from(amounts.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))))
    };
    ResourceRequirements {
        requests: amounts("10m", "16Mi"),
        limits: amounts("500m", "64Mi"),
        ..ResourceRequirements::default()
    }
}
