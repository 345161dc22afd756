//! A set of objects in the cluster, applied together.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::release::{self, ReleaseError, State};
use devplat_render::ReleaseName;

use super::{Progress, ResourceId};
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    world::{Ingredients, World},
};

/// How long a release may take to be ready: pulling nothing, starting small programs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// A set of objects.
#[derive(Clone)]
pub struct Release {
    /// Which.
    pub name: ReleaseName,
    pub(super) ingredients: Arc<Ingredients>,
}

impl Release {
    pub(super) fn needs(&self) -> Vec<ResourceId> {
        let mut needs = vec![ResourceId::Cluster];
        needs.extend(self.name.needs().iter().map(|release| ResourceId::Release(*release)));
        if self.name == ReleaseName::Operator {
            needs.extend(self.ingredients.images().into_iter().map(ResourceId::Build));
            // Without it, the kubelet would look for the operator's image somewhere else, and wait after failing.
            needs.push(super::delivered(&self.ingredients, devplat_image::ImageName::Operator));
        }
        if self.name == ReleaseName::Bastion {
            needs.push(super::delivered(&self.ingredients, devplat_image::ImageName::Bastion));
        }
        if self.name == ReleaseName::Users {
            needs.push(ResourceId::Keys);
        }
        needs
    }

    pub(super) fn usual(&self) -> Duration {
        match self.name {
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => Duration::from_secs(2),
            ReleaseName::Operator | ReleaseName::Bastion => Duration::from_secs(6),
        }
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        let Some(release) = self.wanted()? else {
            return Ok(Verdict::Differs(vec!["its images or keys are made first".to_owned()]));
        };
        let state = release::observe(&world.client().await?, &release).await.map_err(|error| call(&error))?;
        Ok(match state {
            State::Absent => Verdict::Absent,
            State::Foreign(objects) => {
                let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
                Verdict::Foreign(format!("{} in its place", names.join(", ")))
            }
            State::Present { missing, drifted, surplus, recorded, not_ready } => {
                let mut changes: Vec<String> =
                    missing.iter().map(|object| format!("{object} is missing")).collect();
                changes.extend(
                    drifted
                        .iter()
                        .map(|drift| format!("{} differs in {}", drift.object, drift.fields.join(", "))),
                );
                changes.extend(surplus.iter().map(|object| format!("{object} is wanted no more")));
                if !recorded && changes.is_empty() {
                    changes.push("it was not applied to its end".to_owned());
                }
                changes.extend(not_ready.iter().map(ToString::to_string));
                if changes.is_empty() { Verdict::Same } else { Verdict::Differs(changes) }
            }
        })
    }

    pub(super) async fn apply(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let release =
            self.wanted()?.ok_or_else(|| Failure::new(Exit::Internal, "its images or keys are not made"))?;
        let client = world.client().await?;
        let tell = |waiting: &devplat_kubernetes::Waiting| progress.tell(waiting);
        release::apply(&client, &release, &tell).await.map_err(|error| failed(&error))?;
        release::wait_ready(&client, &release, PATIENCE, &tell).await.map_err(|error| failed(&error))
    }

    fn wanted(&self) -> Result<Option<release::Release>, Failure> {
        self.ingredients.release(self.name)
    }
}

fn call(error: &devplat_kubernetes::Error) -> Failure {
    Failure::of(Exit::PartWay, error).hint("does the cluster answer? `devplat status` tells")
}

fn failed(error: &ReleaseError) -> Failure {
    match error {
        ReleaseError::Foreign(_) => Failure::of(Exit::Usage, error)
            .hint("rename or delete what is in the way, or use another cluster"),
        ReleaseError::Call(error) => call(error),
        ReleaseError::NotReady(_) => Failure::of(Exit::PartWay, error)
            .hint("`devplat status` tells how it goes on; the same command waits again"),
    }
}
