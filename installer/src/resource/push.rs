//! An image in a registry that the nodes pull from, by digest, pushed only where it is missing.

use std::{sync::Arc, time::Duration};

use devplat_image::{ImageName, Reference, Stored};

use super::Progress;
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::registry::Place,
    world::Ingredients,
};

/// An image to be in a registry.
#[derive(Clone)]
pub struct Push {
    /// Which.
    pub image: ImageName,
    /// Host and path below which it goes.
    pub prefix: String,
    pub(super) ingredients: Arc<Ingredients>,
}

impl Push {
    pub(super) fn usual(&self) -> Duration {
        match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(3),
            ImageName::Base => Duration::from_secs(30),
        }
    }

    pub(super) async fn observe(&self) -> Result<Verdict, Failure> {
        let Some(stored) = self.stored() else { return Ok(Verdict::Absent) };
        Ok(if self.place(&stored)?.holds().await? { Verdict::Same } else { Verdict::Absent })
    }

    pub(super) async fn create(&self, progress: &Progress) -> Result<(), Failure> {
        let stored = self.stored().ok_or_else(|| {
            Failure::new(Exit::Internal, format!("image {} is not put together", self.image))
        })?;
        self.place(&stored)?.push(&stored, |what| progress.tell(what)).await
    }

    fn place(&self, stored: &Stored) -> Result<Place, Failure> {
        Place::of(&Reference::in_registry(&self.prefix, self.image, &stored.manifest.digest))
    }

    fn stored(&self) -> Option<Stored> {
        self.ingredients.store.find(self.image, &self.ingredients.key(self.image))
    }
}
