//! The inputs of a platform, and the images and manifests that are made from them.

use std::{collections::BTreeMap, path::PathBuf};

use devplat_image::{Finding, ImageName, Key, Store, Stored};
use devplat_kubernetes::release::Release;
use devplat_profile::{PlatformName, Profile, UserName};
use devplat_render::{ImageReferences, ReleaseName, TemplateInput, Templates};
use devplat_tool::local::Maker;

use super::{
    ChosenDelivery, cache::RenderCache, delivery::maker, programs::AllPrograms, user_keys::public_line,
};
use crate::{
    failure::{Exit, Failure},
    state::{StateFolder, StoreError},
};

/// The default image of dev servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevImage {
    /// Assembled on this machine.
    Debian(devplat_image::base::Recipe),
    /// Pulled by the nodes.
    Reference(String),
}

/// The input of images and manifests.
pub struct PlatformInputs {
    pub platform: PlatformName,
    pub profile: Profile,
    /// The delivery of images to the nodes.
    pub delivery: ChosenDelivery,
    /// The cluster configuration file that the profile names, with its content.
    pub config_file: Option<(PathBuf, String)>,
    pub templates: Templates,
    /// The store of images.
    pub store: Store,
    /// devplat's own programs.
    pub programs: AllPrograms,
    /// The state folder, which holds generated keys.
    pub state: StateFolder,
    /// The default image of dev servers.
    pub dev_image: DevImage,
    /// Whether `~/.ssh/config` should have a block for the platform.
    pub ssh_block: bool,
    /// The port of `devplat port-forward`.
    pub forwarded_port: u16,
    /// The rendered releases.
    pub cache: RenderCache,
}

impl PlatformInputs {
    /// Returns the images that are assembled on this machine.
    pub fn images(&self) -> Vec<ImageName> {
        match self.dev_image {
            DevImage::Debian(_) => {
                vec![ImageName::Operator, ImageName::Bastion, ImageName::Agent, ImageName::Base]
            }
            DevImage::Reference(_) => vec![ImageName::Operator, ImageName::Bastion, ImageName::Agent],
        }
    }

    /// Returns the program that creates the cluster on this machine, or `None` for an existing cluster.
    pub fn maker(&self) -> Option<Maker> {
        self.profile.cluster.local().map(|local| maker(local.provider))
    }

    /// Returns the users whose key is generated on this machine.
    pub fn users_with_generated_keys(&self) -> impl Iterator<Item = &UserName> {
        self.profile.users.iter().filter(|(_, user)| user.generate_key).map(|(name, _)| name)
    }

    /// Returns the public halves of the generated keys, by user, without those that `up` still has to generate.
    pub fn generated_keys(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut keys = BTreeMap::new();
        for name in self.users_with_generated_keys() {
            let line = public_line(&self.state, name.as_str(), self.platform.as_str())?;
            keys.extend(line.map(|line| (name.to_string(), line)));
        }
        Ok(keys)
    }

    /// Returns the key of an image.
    pub fn key(&self, image: ImageName) -> Key {
        match (image, &self.dev_image) {
            (ImageName::Operator, _) => self.programs.operator.key.clone(),
            (ImageName::Bastion, _) => self.programs.bastion.key.clone(),
            (ImageName::Agent, _) => self.programs.agent.key.clone(),
            (ImageName::Base, DevImage::Debian(recipe)) => Key::of_base(recipe),
            (ImageName::Base, DevImage::Reference(_)) => {
                unreachable!("the base image is in `images` only if it is assembled here")
            }
        }
    }

    /// Looks for an image in the store.
    pub fn found(&self, image: ImageName) -> Result<Finding, Failure> {
        Ok(self.store.find(image, &self.key(image)).map_err(StoreError::of)?)
    }

    /// Returns an assembled image; `None` if it is not assembled yet, or damaged.
    pub fn stored(&self, image: ImageName) -> Result<Option<Stored>, Failure> {
        Ok(self.found(image)?.whole())
    }

    /// Returns an assembled image, for steps after the one that assembles it.
    pub fn needed(&self, image: ImageName) -> Result<Stored, Failure> {
        self.stored(image)?.ok_or_else(|| {
            Failure::new(
                Exit::PartWay,
                format!("image {image} is no longer in {}", self.store.folder().display()),
            )
            .hint("run the same command again: it assembles the image again")
        })
    }

    /// Returns the reference by which pods name an image.
    pub fn reference(&self, stored: &Stored) -> String {
        self.delivery.reference(&self.platform, stored).to_string()
    }

    /// Returns the references of all images; `None` while one is not assembled yet.
    pub fn references(&self) -> Result<Option<ImageReferences>, Failure> {
        let of = |image| -> Result<String, Option<Failure>> {
            let stored = self.stored(image).map_err(Some)?;
            stored.map(|stored| self.reference(&stored)).ok_or(None)
        };
        match self.references_by(of) {
            Ok(images) => Ok(Some(images)),
            Err(None) => Ok(None),
            Err(Some(failure)) => Err(failure),
        }
    }

    /// Returns the references of all images for manifests that are only tried: those of images that are not assembled
    /// yet have another digest.
    pub fn future_references(&self) -> Result<ImageReferences, Failure> {
        self.references_by(|image| {
            let stored = self.stored(image)?;
            let future = || self.delivery.future_reference(&self.platform, image).to_string();
            Ok(stored.map_or_else(future, |stored| self.reference(&stored)))
        })
    }

    /// Returns the references of all images; `of` gives those of the images that are assembled on this machine.
    fn references_by<E>(&self, of: impl Fn(ImageName) -> Result<String, E>) -> Result<ImageReferences, E> {
        Ok(ImageReferences {
            operator: of(ImageName::Operator)?,
            bastion: of(ImageName::Bastion)?,
            agent: of(ImageName::Agent)?,
            dev_server: match &self.dev_image {
                DevImage::Debian(_) => of(ImageName::Base)?,
                DevImage::Reference(reference) => reference.clone(),
            },
        })
    }

    /// Returns the manifests of all releases for a trial, with the keys that exist already.
    pub fn future_releases(&self, images: &ImageReferences) -> Result<Vec<Release>, Failure> {
        let keys = self.generated_keys()?;
        ReleaseName::ALL.into_iter().map(|name| self.rendered(name, images, &keys)).collect()
    }

    /// Returns the manifests of a release; `None` while an image or a key that they name does not exist yet.
    pub fn release(&self, name: ReleaseName) -> Result<Option<Release>, Failure> {
        let images = match name {
            // Their manifests name no image.
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => stand_ins(),
            ReleaseName::Operator | ReleaseName::Bastion => match self.references()? {
                Some(images) => images,
                None => return Ok(None),
            },
        };
        let keys = self.generated_keys()?;
        if name == ReleaseName::Users && keys.len() < self.users_with_generated_keys().count() {
            return Ok(None);
        }
        self.rendered(name, &images, &keys).map(Some)
    }

    fn rendered(
        &self,
        name: ReleaseName,
        images: &ImageReferences,
        keys: &BTreeMap<String, String>,
    ) -> Result<Release, Failure> {
        self.cache.get(name, images, keys, || {
            let input =
                TemplateInput { platform: &self.platform, profile: &self.profile, images, made_keys: keys };
            let objects = self.templates.release(name, input)?;
            let digest = devplat_render::digest(&objects);
            Ok(Release {
                platform: self.platform.to_string(),
                name: name.to_string(),
                account: None,
                objects,
                digest,
            })
        })
    }

    /// Renders all releases once with stand-ins for the images, so that a mistake in a template is reported before the
    /// first step.
    pub fn check_templates(&self) -> Result<(), Failure> {
        let (images, keys) = (stand_ins(), self.generated_keys()?);
        for release in ReleaseName::ALL {
            self.rendered(release, &images, &keys)?;
        }
        let input = TemplateInput {
            platform: &self.platform,
            profile: &self.profile,
            images: &images,
            made_keys: &keys,
        };
        self.templates.example_object(input)?;
        Ok(())
    }
}

/// Returns references for manifests that are not applied.
pub fn stand_ins() -> ImageReferences {
    let name = |image: ImageName| format!("devplat.local/{image}");
    ImageReferences {
        operator: name(ImageName::Operator),
        bastion: name(ImageName::Bastion),
        agent: name(ImageName::Agent),
        dev_server: name(ImageName::Base),
    }
}
