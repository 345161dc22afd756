//! A plan becomes a [`CheckedPlan`] once everything that it takes is there. Only a checked plan can be carried
//! out, so that nothing is begun that is known to fail.

use crate::{
    failure::{Exit, Failure},
    plan::{Action, Graph, Plan},
    resource::{Resource, ResourceId},
    tool::{docker, kind},
};

/// A plan of which is known that the machine has what it takes.
#[derive(Debug)]
pub struct CheckedPlan {
    plan: Plan<ResourceId>,
}

impl CheckedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan<ResourceId> {
        &self.plan
    }
}

/// Asks for what `plan` takes: tools, and ports that must be free.
pub async fn check(plan: Plan<ResourceId>, wanted: &Graph<Resource>) -> Result<CheckedPlan, Failure> {
    let acts_on = |id| plan.changes().find(|step| step.id == id).map(|step| step.action);
    match acts_on(ResourceId::Cluster) {
        Some(Action::Create | Action::Replace) => {
            docker::version().await?;
            kind::version().await?;
            if acts_on(ResourceId::Cluster) == Some(Action::Create)
                && let Some(Resource::Cluster(cluster)) = wanted.get(ResourceId::Cluster)
            {
                free_ports(&cluster.taken_ports())?;
            }
        }
        Some(Action::Delete) => drop(kind::version().await?),
        Some(Action::Update | Action::Keep) | None => {}
    }
    Ok(CheckedPlan { plan })
}

fn free_ports(taken: &[String]) -> Result<(), Failure> {
    if taken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Missing, format!("ports taken on this machine: {}", taken.join(", ")))
        .hint("end what listens there (`ss -ltnp` names it), or choose other ports: --set cluster.kind.apiServerPort=0, cluster.kind.portMappings"))
}
