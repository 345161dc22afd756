//! The dev server that the platform is proved with: begun as soon as the cluster knows what a dev server is, so that it
//! starts while operator and bastion do. It lives until the proof is over.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use devplat_keys::UserKey;
use devplat_kubernetes::proof::{self, Patience};
use devplat_render::ReleaseName;

use super::{Progress, ResourceId, proof::unproved, release};
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    world::{Ingredients, World},
};

pub(super) const USUAL: Duration = Duration::from_secs(8);

/// The operator may only be starting itself; an image that has to be pulled takes minutes.
const PATIENCE: Patience = Patience { seen: release::PATIENCE, ready: Duration::from_mins(10) };

/// The key of the user whose dev server it is; never on disk.
pub(super) type TrialKey = Arc<OnceLock<UserKey>>;

/// A user with a dev server, for the proof.
#[derive(Clone)]
pub struct Trial {
    pub(super) ingredients: Arc<Ingredients>,
    pub(super) key: TrialKey,
}

impl Trial {
    pub(super) fn needs(&self) -> Vec<ResourceId> {
        let images =
            self.ingredients.images().into_iter().map(|image| super::delivered(&self.ingredients, image));
        let releases = [ReleaseName::Crds, ReleaseName::Flavors].map(ResourceId::Release);
        releases.into_iter().chain(images).collect()
    }

    /// Wanted as long as the platform is not proved.
    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        super::proof::observe(&self.ingredients, world).await
    }

    pub(super) async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let client = world.client().await?;
        let flavor = &self.ingredients.profile.dev_servers.default_flavor;
        let tell = |waiting: &devplat_kubernetes::Waiting| progress.tell(waiting);
        let key = proof::begin(&client, world.platform.as_str(), flavor, PATIENCE, &tell)
            .await
            .map_err(|error| unproved(&error))?;
        // Once in a run: there is one step of this.
        let _ = self.key.set(key);
        Ok(())
    }

    pub(super) async fn delete(world: &World, progress: &Progress) -> Result<(), Failure> {
        let tell = |waiting: &devplat_kubernetes::Waiting| progress.tell(waiting);
        proof::clear(&world.client().await?, world.platform.as_str(), &tell)
            .await
            .map_err(|error| Failure::of(Exit::PartWay, &error))
    }
}
