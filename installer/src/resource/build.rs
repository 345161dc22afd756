//! The bytes of an image, put together in devplat's cache. They stay when a platform goes: the next one needs
//! them again.

use std::{path::PathBuf, sync::Arc, time::Duration};

use devplat_image::{ImageName, Stored};

use super::Progress;
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::{debian, scratch::Scratch},
    world::{DevImage, Ingredients},
};

/// An image to be put together.
#[derive(Clone)]
pub struct Build {
    /// Which.
    pub image: ImageName,
    pub(super) ingredients: Arc<Ingredients>,
}

impl Build {
    pub(super) fn usual(&self) -> Duration {
        match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(1),
            ImageName::Base => Duration::from_mins(1),
        }
    }

    pub(super) fn observe(&self) -> Verdict {
        let key = self.ingredients.key(self.image);
        if self.ingredients.store.find(self.image, &key).is_some() { Verdict::Same } else { Verdict::Absent }
    }

    pub(super) async fn create(&self, progress: &Progress) -> Result<(), Failure> {
        let ingredients = Arc::clone(&self.ingredients);
        let image = self.image;
        let rootfs = match (image, &ingredients.dev_image) {
            (ImageName::Base, DevImage::Debian(recipe)) => {
                let notes = ingredients.store.folder().join("scratch");
                let folder = Scratch::new(&notes).map_err(|error| failed(&error, image))?;
                let target = folder.path().join("root.tar");
                debian::bootstrap(recipe, &target, |step| progress.tell(step)).await?;
                progress.tell("making a layer of it");
                Some((folder, target))
            }
            (ImageName::Base, DevImage::Reference(_))
            | (ImageName::Operator | ImageName::Bastion | ImageName::Agent, _) => None,
        };
        let work = move || -> Result<Stored, Failure> {
            let key = ingredients.key(image);
            let programs = match image {
                ImageName::Operator => &ingredients.programs.operator,
                ImageName::Bastion => &ingredients.programs.bastion,
                ImageName::Agent | ImageName::Base => &ingredients.programs.agent,
            };
            let paths: Vec<&std::path::Path> = programs.paths.iter().map(PathBuf::as_path).collect();
            let stored = match &rootfs {
                Some((_folder, target)) => {
                    let tar = std::fs::File::open(target).map_err(|error| failed(&error, image))?;
                    ingredients.store.assemble_base(&key, std::io::BufReader::new(tar))
                }
                None => ingredients.store.assemble_programs(image, &key, &paths),
            };
            stored.map_err(|error| {
                Failure::of(Exit::PartWay, &error).hint(
                    "free some space or name another folder in DEVPLAT_CACHE_DIR, then run the same command",
                )
            })
        };
        let stored =
            tokio::task::spawn_blocking(work).await.map_err(|error| Failure::of(Exit::Internal, &error))?;
        stored.map(|_| ())
    }
}

fn failed(error: &std::io::Error, image: ImageName) -> Failure {
    Failure::of(Exit::PartWay, error)
        .while_doing(format!("cannot put image {image} together"))
        .hint("free some space where temporary files go (TMPDIR), then run the same command")
}
