//! What steps act on: the state folder, the store of images and, once there is one, the cluster.

use std::collections::BTreeMap;

use devplat_image::{ImageName, Key, Reference, Store};
use devplat_kubernetes::context::{self, Context};
use devplat_profile::{Delivery, PlatformName, Profile};
use devplat_render::{Images, Input, ReleaseName, Templates};
use kube::config::Kubeconfig;
use tokio::sync::OnceCell;

use crate::{
    failure::{Exit, Failure},
    programs::AllPrograms,
    state::StateFolder,
};

/// Where a platform runs.
#[derive(Debug, Clone)]
pub enum Target {
    /// In the cluster that devplat makes with kind.
    Kind,
    /// In one that somebody else made.
    Existing {
        /// The context that names it.
        context: Context,
        /// The kubeconfig with that context.
        kubeconfig: Box<Kubeconfig>,
    },
}

/// The surroundings of one platform.
pub struct World {
    /// Whose.
    pub platform: PlatformName,
    /// Where its journal and kubeconfig lie.
    pub state: StateFolder,
    /// Where it runs.
    pub target: Target,
    client: OnceCell<kube::Client>,
}

impl World {
    /// The surroundings of `platform`.
    pub fn new(platform: PlatformName, state: StateFolder, target: Target) -> Self {
        Self { platform, state, target, client: OnceCell::new() }
    }

    /// The command line of `verb` for this platform.
    pub fn command(&self, verb: &str) -> String {
        if self.platform == PlatformName::default() {
            format!("devplat {verb}")
        } else {
            format!("devplat {verb} --name {}", self.platform)
        }
    }

    /// The name of the context that leads to the platform's cluster.
    pub fn context(&self) -> String {
        match &self.target {
            Target::Kind => format!("kind-{}", self.platform),
            Target::Existing { context, .. } => context.name.clone(),
        }
    }

    /// A client for the platform's cluster, which has to be running.
    pub async fn client(&self) -> Result<kube::Client, Failure> {
        let client = self.client.get_or_try_init(|| async {
            let kubeconfig = match &self.target {
                Target::Kind => {
                    let path = self.state.kubeconfig();
                    Kubeconfig::read_from(&path).map_err(|error| {
                        Failure::of(Exit::PartWay, &error)
                            .while_doing(format!("cannot read {}", path.display()))
                            .hint("delete the file, then run the same command: kind gives it again")
                    })?
                }
                Target::Existing { kubeconfig, .. } => Kubeconfig::clone(kubeconfig),
            };
            context::client(&kubeconfig, &self.context())
                .await
                .map_err(|error| crate::resource::explain(&error))
        });
        client.await.cloned()
    }
}

/// Where the image of dev servers comes from whose users name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevImage {
    /// Put together here.
    Debian(devplat_image::base::Recipe),
    /// Pulled by the nodes.
    Reference(String),
}

/// What images and manifests are made from.
pub struct Ingredients {
    /// Whose.
    pub platform: PlatformName,
    /// What the platform shall be.
    pub profile: Profile,
    /// The templates.
    pub templates: Templates,
    /// Where images lie.
    pub store: Store,
    /// devplat's own programs.
    pub programs: AllPrograms,
    /// Where what devplat remembers of the platform lies, and the keys that it made.
    pub state: StateFolder,
    /// Where the image of dev servers comes from.
    pub dev_image: DevImage,
}

impl Ingredients {
    /// The images that are put together here.
    pub fn images(&self) -> Vec<ImageName> {
        match self.dev_image {
            DevImage::Debian(_) => {
                vec![ImageName::Operator, ImageName::Bastion, ImageName::Agent, ImageName::Base]
            }
            DevImage::Reference(_) => vec![ImageName::Operator, ImageName::Bastion, ImageName::Agent],
        }
    }

    /// The users whose key is made on this machine.
    pub fn users_with_made_keys(&self) -> impl Iterator<Item = &str> {
        self.profile.users.iter().filter(|(_, user)| user.generate_key).map(|(name, _)| name.as_str())
    }

    /// The public keys that were made, by user.
    pub fn made_keys(&self) -> BTreeMap<String, String> {
        self.users_with_made_keys()
            .filter_map(|name| {
                let text = std::fs::read_to_string(self.state.user_key(name).with_extension("pub")).ok()?;
                Some((name.to_owned(), text.trim().to_owned()))
            })
            .collect()
    }

    /// What decides the content of an image.
    pub fn key(&self, image: ImageName) -> Key {
        match (image, &self.dev_image) {
            (ImageName::Operator, _) => self.programs.operator.key.clone(),
            (ImageName::Bastion, _) => self.programs.bastion.key.clone(),
            (ImageName::Agent, _) => self.programs.agent.key.clone(),
            (ImageName::Base, DevImage::Debian(recipe)) => Key::of_base(recipe),
            (ImageName::Base, DevImage::Reference(_)) => {
                unreachable!("no base image is among the images where a reference is given")
            }
        }
    }

    /// The references of all images; nothing while one is still to be put together.
    pub fn references(&self) -> Option<Images> {
        let local = |image| {
            let stored = self.store.find(image, &self.key(image))?;
            Some(match &self.profile.delivery {
                Delivery::Nodes => stored.local_reference().to_string(),
                Delivery::Registry(prefix) => {
                    Reference::in_registry(prefix, image, &stored.manifest.digest).to_string()
                }
            })
        };
        Some(Images {
            operator: local(ImageName::Operator)?,
            bastion: local(ImageName::Bastion)?,
            agent: local(ImageName::Agent)?,
            dev_server: match &self.dev_image {
                DevImage::Debian(_) => local(ImageName::Base)?,
                DevImage::Reference(reference) => reference.clone(),
            },
        })
    }

    /// The manifests of a release; nothing while an image or a key that they name is still to be made.
    pub fn release(
        &self,
        name: ReleaseName,
    ) -> Result<Option<devplat_kubernetes::release::Release>, Failure> {
        let images = match name {
            // Nothing in them names an image.
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => stand_ins(),
            ReleaseName::Operator | ReleaseName::Bastion => match self.references() {
                Some(images) => images,
                None => return Ok(None),
            },
        };
        let made_keys = self.made_keys();
        if name == ReleaseName::Users && made_keys.len() < self.users_with_made_keys().count() {
            return Ok(None);
        }
        let input = Input {
            platform: &self.platform,
            profile: &self.profile,
            images: &images,
            made_keys: &made_keys,
        };
        let objects = self.templates.release(name, input).map_err(|error| template_failure(&error))?;
        let digest = devplat_render::digest(&objects);
        Ok(Some(devplat_kubernetes::release::Release {
            platform: self.platform.to_string(),
            name: name.to_string(),
            objects,
            digest,
        }))
    }

    /// Renders everything once with stand-ins for the images, so that a wrong template is told before anything is
    /// done.
    pub fn check_templates(&self) -> Result<(), Failure> {
        let images = stand_ins();
        let made_keys = self.made_keys();
        let input = Input {
            platform: &self.platform,
            profile: &self.profile,
            images: &images,
            made_keys: &made_keys,
        };
        for release in ReleaseName::ALL {
            self.templates.release(release, input).map_err(|error| template_failure(&error))?;
        }
        self.templates.example_object(input).map(|_| ()).map_err(|error| template_failure(&error))
    }
}

/// References for manifests that nobody applies.
pub fn stand_ins() -> Images {
    let name = |image: ImageName| format!("devplat.local/{image}");
    Images {
        operator: name(ImageName::Operator),
        bastion: name(ImageName::Bastion),
        agent: name(ImageName::Agent),
        dev_server: name(ImageName::Base),
    }
}

/// A template's mistake as its user sees it.
pub fn template_failure(error: &devplat_render::Error) -> Failure {
    let failure = Failure::of(Exit::Usage, error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
