//! A cluster that somebody else made: looked at, installed into, never deleted.

use std::time::Duration;

use devplat_kubernetes::{
    context::{self, ContextError},
    proof,
    release::{self, DataLoss, RemoveError},
};
use devplat_render::ReleaseName;

use super::Progress;
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    world::{Target, World},
};

/// How long what is taken away may take to be gone.
const PATIENCE: Duration = Duration::from_mins(5);

/// A cluster that somebody else made.
#[derive(Debug, Clone)]
pub struct Existing;

impl Existing {
    /// It is there, answers, lets us install, and is of a version that works.
    pub(super) async fn observe(world: &World) -> Result<Verdict, Failure> {
        let Target::Existing { context, .. } = &world.target else {
            return Err(Failure::new(Exit::Internal, "no context is named"));
        };
        let client = world.client().await?;
        context::reach(&client, context).await.map_err(|error| explain(&error))?;
        Ok(Verdict::Same)
    }
}

/// A context's error as its user sees it.
pub fn explain(error: &ContextError) -> Failure {
    let exit = match error {
        ContextError::Absent { .. } => Exit::Usage,
        _ => Exit::Missing,
    };
    Failure::of(exit, error).hint(error.hint())
}

/// All that a platform has put into a cluster that stays.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Whether what users have may go along.
    pub data: DataLoss,
}

impl Installed {
    pub(super) async fn observe(world: &World) -> Result<Verdict, Failure> {
        let left = release::leftovers(&world.client().await?, world.platform.as_str()).await;
        let left = left.map_err(|error| Failure::of(Exit::PartWay, &error))?;
        Ok(if left.is_empty() { Verdict::Absent } else { Verdict::Same })
    }

    /// Users' things first, while the operator runs that lets go of them; then what was applied last.
    pub(super) async fn delete(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let client = world.client().await?;
        let platform = world.platform.as_str();
        let tell = |waiting: &devplat_kubernetes::Waiting| progress.tell(waiting);
        proof::clear(&client, platform, &tell).await.map_err(|error| Failure::of(Exit::PartWay, &error))?;
        if matches!(self.data, DataLoss::Refused) {
            let data =
                release::data(&client, platform).await.map_err(|error| Failure::of(Exit::PartWay, &error))?;
            if data.goes_with_kinds() {
                return Err(failed(&RemoveError::Data(data)));
            }
        }
        release::remove_custom_resources(&client, PATIENCE, &tell).await.map_err(|error| failed(&error))?;
        for name in ReleaseName::ALL.into_iter().rev() {
            progress.tell(format!("deleting release {name}"));
            let removed =
                release::remove(&client, platform, name.as_str(), DataLoss::Allowed, PATIENCE, &tell).await;
            removed.map_err(|error| failed(&error))?;
        }
        let removed = release::remove_leftovers(&client, platform, DataLoss::Allowed, PATIENCE, &tell).await;
        removed.map_err(|error| failed(&error))?;
        release::remove_namespace(&client, platform, PATIENCE, &tell).await.map_err(|error| failed(&error))
    }
}

fn failed(error: &RemoveError) -> Failure {
    match error {
        RemoveError::Data(_) => Failure::of(Exit::Usage, error)
            .hint("have them deleted first, or add --lose-data: homes stay, dev servers and users go"),
        RemoveError::Call(_) | RemoveError::NotGone(_) => {
            Failure::of(Exit::PartWay, error).hint("run `devplat destroy` again: it goes on from here")
        }
    }
}
