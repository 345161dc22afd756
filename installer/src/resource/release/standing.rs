//! Whether a plan keeps the cluster in which a look can find obstacles. Pure.

use devplat_plan::{Action, Id, Plan};

use crate::platform_context::CLUSTER;

/// Returns whether the plan applies a release in a cluster that is there already.
pub(super) fn applies_to_the_found_cluster(release: &Id, plan: &Plan) -> bool {
    let cluster = CLUSTER.single();
    let creates = |action| matches!(action, Action::Create | Action::Replace);
    let is_new = plan.changes().any(|step| step.id.id == cluster && creates(step.action));
    !is_new && plan.changes().any(|step| step.id.id == *release && step.action != Action::Delete)
}
