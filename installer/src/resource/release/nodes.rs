//! Nodes that take no pods, found before the first step.

use devplat_kubernetes::{
    CommandLines,
    release::{self, Obstacle},
};
use devplat_plan::{Action, Blocked, Id, Plan};
use devplat_render::ReleaseName;

use crate::{failure::Failure, platform_context::PlatformContext, resource::names::release_id};

use super::standing::applies_to_the_found_cluster;

/// Returns why the pods of a release cannot start in the cluster that the plan keeps: no node takes pods, and none will by
/// itself. Of several releases with pods, only the first one of the plan reports it.
pub(super) async fn closed(
    name: ReleaseName,
    plan: &Plan,
    context: &PlatformContext,
) -> Result<Option<Blocked>, Failure> {
    let id = release_id(name);
    if !is_first(&id, plan) || !applies_to_the_found_cluster(&id, plan) || context.cluster().is_none() {
        return Ok(None);
    }
    let obstacles = release::closed_nodes(&context.client().await?, context).await?;
    Ok(blocked(id, &obstacles, &context.command_lines()))
}

/// Returns that new dev servers cannot start, because no node takes pods, and none will by itself. A failed look shows nothing.
pub async fn closed_to_new_pods(context: &PlatformContext) -> Option<String> {
    context.cluster()?;
    let unseen = |failure: &Failure| tracing::debug!(why = %failure.one_line(), "nodes were not searched");
    let client = context.client().await.inspect_err(unseen).ok()?;
    let obstacles = release::closed_nodes(&client, context).await.map_err(Failure::from);
    let obstacles = obstacles.inspect_err(unseen).ok()?;
    let nodes: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    let remedies: Vec<String> =
        obstacles.iter().filter_map(|obstacle| obstacle.hint(&context.command_lines())).collect();
    let why = format!("no node takes new pods, so no dev server can start: {}", nodes.join(", "));
    (!nodes.is_empty()).then(|| [vec![why], remedies].concat().join("; "))
}

/// Returns whether no other release with pods has a step before this one.
fn is_first(id: &Id, plan: &Plan) -> bool {
    let with_pods = [ReleaseName::Operator, ReleaseName::Bastion].map(release_id);
    let mut steps = plan.changes().filter(|step| step.action != Action::Delete);
    steps.find(|step| with_pods.contains(&step.id.id)).is_some_and(|first| first.id.id == *id)
}

fn blocked(id: Id, obstacles: &[Obstacle], lines: &CommandLines) -> Option<Blocked> {
    if obstacles.is_empty() {
        return None;
    }
    let nodes: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    let why = format!("no node takes its pods: {}", nodes.join(", "));
    let remedies = obstacles.iter().filter_map(|obstacle| obstacle.hint(lines)).collect();
    Some(Blocked::Prevented { id, why, remedies })
}
