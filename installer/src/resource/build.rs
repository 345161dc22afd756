//! The bytes of an image, assembled in devplat's cache. They stay when a platform is deleted, because the next one
//! needs them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use devplat_image::{Finding, ImageDamage, ImageName, Stored};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, State, Verdict};
use devplat_tool::{debian, scratch::Scratch};

use super::{Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, names::BUILD};
use crate::{
    failure::{Exit, Failure},
    platform::{DevImage, PlatformInputs},
    platform_context::PlatformContext,
    state::StoreError,
};

/// An image to assemble.
#[derive(Clone)]
pub(crate) struct Build {
    image: ImageName,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for Build {
    const NAME: super::KindWith<Self::Output> = BUILD;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|build, cx| Box::pin(build.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|build, cx| Box::pin(build.create(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    /// The damage of its files, such as by a full disk.
    type Fields = Option<ImageDamage>;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let images = inputs.images().into_iter();
        Ok(images.map(|image| Self { image, inputs: Arc::clone(inputs) }).collect())
    }

    fn id(&self) -> Id {
        BUILD.named(self.image.as_str())
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(1),
            ImageName::Base => Duration::from_mins(1),
        })
    }

    async fn find(_: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let mut seen: Vec<Seen<Self>> = Vec::new();
        for build in wanted.of::<Self>() {
            match build.inputs.found(build.image)? {
                Finding::Absent => {}
                Finding::Whole(stored) => {
                    seen.push(Seen::ours(build.id(), stored.manifest.digest.to_string(), None, Some(())));
                }
                Finding::Damaged(damage) => {
                    let state = State::Degraded(vec![damage.to_string()]);
                    let name = build.image.as_str();
                    seen.push(Seen { state, ..Seen::ours(build.id(), name, Some(damage), None) });
                }
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        match &seen.fields {
            // The image was found by its key, so it is the wanted one.
            None => Verdict::Same,
            Some(damage) => Verdict::Differs(vec![Change::in_place(damage.to_string())]),
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl Build {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let image = self.image;
        let rootfs = match (image, &self.inputs.dev_image) {
            (ImageName::Base, DevImage::Debian(recipe)) => Some(self.bootstrap(recipe, cx).await?),
            (ImageName::Base, DevImage::Reference(_))
            | (ImageName::Operator | ImageName::Bastion | ImageName::Agent, _) => None,
        };
        let inputs = Arc::clone(&self.inputs);
        let work = async move {
            let assembling = tokio::task::spawn_blocking(move || assemble(&inputs, image, rootfs.as_ref()));
            assembling.await.map_err(|error| Failure::of(Exit::Internal, &error))?
        };
        let physical = |stored: &Stored| Some(Physical(stored.manifest.digest.to_string()));
        let stored = cx.call(format!("assemble image {image}"), physical, work).await?;
        Ok(Physical(stored.manifest.digest.to_string()))
    }

    async fn bootstrap(
        &self,
        recipe: &devplat_image::base::Recipe,
        cx: &Cx,
    ) -> Result<(Scratch, PathBuf), Failure> {
        let notes = self.inputs.store.folder().join("scratch");
        let folder = Scratch::new(&notes)?;
        let target = folder.path().join("root.tar");
        let report = |step: &str| cx.report(step);
        debian::bootstrap(&cx.context.surroundings, recipe, &target, report).await?;
        cx.report("compressing the layer");
        Ok((folder, target))
    }
}

fn assemble(
    inputs: &PlatformInputs,
    image: ImageName,
    rootfs: Option<&(Scratch, PathBuf)>,
) -> Result<Stored, Failure> {
    let key = inputs.key(image);
    let programs = match image {
        ImageName::Operator => &inputs.programs.operator,
        ImageName::Bastion => &inputs.programs.bastion,
        ImageName::Agent | ImageName::Base => &inputs.programs.agent,
    };
    let stored = match rootfs {
        Some((_folder, target)) => {
            let tar = std::fs::File::open(target).map_err(|error| {
                Failure::of(Exit::PartWay, &error)
                    .while_doing(format!("cannot assemble image {image}"))
                    .hint("free some space where temporary files go (TMPDIR), then run the same command")
            })?;
            inputs.store.assemble_base(&key, std::io::BufReader::new(tar))
        }
        None => {
            let paths: Vec<&Path> = programs.paths.iter().map(PathBuf::as_path).collect();
            inputs.store.assemble_programs(image, &key, &paths)
        }
    };
    Ok(stored.map_err(StoreError::of)?)
}
