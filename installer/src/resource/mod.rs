//! The kinds of things that make up a platform, one a file. Each states, side by side: what it needs, how it is
//! found and compared, how it is made, mended and deleted, and how long that usually takes.

mod access;
mod build;
mod cluster;
mod existing;
mod import;
mod keys;
mod network;
mod proof;
mod push;
mod release;
mod trial;

use std::{fmt, sync::Arc, time::Duration};

use devplat_image::ImageName;
use devplat_kubernetes::release::DataLoss;
use devplat_profile::{Cluster as ClusterProfile, Delivery, PlatformName};
use devplat_render::ReleaseName;

pub use access::{Access, FORWARDED_PORT, ssh_line};
pub use build::Build;
pub use cluster::Cluster;
pub use existing::{Existing, Installed, explain};
pub use import::Import;
pub use keys::Keys;
pub use network::Network;
pub use proof::Proof;
pub use push::Push;
pub use release::Release;
pub use trial::Trial;

use trial::TrialKey;

use crate::{
    failure::{Exit, Failure},
    plan::{Graph, Planned, Verdict},
    ui::{Event, Ui},
    world::{Ingredients, Target, World},
};

/// Which thing of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceId {
    /// The Docker network that the cluster lies in.
    Network,
    /// The cluster.
    Cluster,
    /// The bytes of an image.
    Build(ImageName),
    /// An image in the nodes.
    Import(ImageName),
    /// An image in a registry.
    Push(ImageName),
    /// All of a platform in a cluster that stays.
    Installed,
    /// Keys of users that are made on this machine.
    Keys,
    /// A set of objects in the cluster.
    Release(ReleaseName),
    /// What plain `ssh` needs on this machine.
    Access,
    /// The dev server that it is proved with.
    Trial,
    /// The proof that all of it works.
    Proof,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network => f.write_str("network"),
            Self::Cluster => f.write_str("cluster"),
            Self::Build(image) => write!(f, "image {image}"),
            Self::Import(image) => write!(f, "image {image} in the nodes"),
            Self::Push(image) => write!(f, "image {image} in the registry"),
            Self::Installed => f.write_str("what is installed"),
            Self::Keys => f.write_str("keys of users"),
            Self::Release(release) => write!(f, "release {release}"),
            Self::Access => f.write_str("ssh configuration"),
            Self::Trial => f.write_str("dev server for the proof"),
            Self::Proof => f.write_str("proof"),
        }
    }
}

impl serde::Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A thing of a platform, as it shall be.
#[derive(Clone)]
pub enum Resource {
    /// The Docker network that the cluster lies in.
    Network(Network),
    /// The cluster.
    Cluster(Cluster),
    /// The bytes of an image.
    Build(Build),
    /// A cluster that somebody else made.
    Existing(Existing),
    /// An image in the nodes.
    Import(Import),
    /// An image in a registry.
    Push(Push),
    /// All of a platform in a cluster that stays.
    Installed(Installed),
    /// Keys of users that are made on this machine.
    Keys(Keys),
    /// A set of objects in the cluster.
    Release(Release),
    /// What plain `ssh` needs on this machine.
    Access(Access),
    /// The dev server that it is proved with.
    Trial(Trial),
    /// The proof that all of it works.
    Proof(Proof),
}

/// Tells what a step waits for.
#[derive(Clone)]
pub struct Progress {
    ui: Ui,
    step: String,
}

impl Progress {
    /// Speaks for `step`.
    pub fn new(ui: Ui, step: ResourceId) -> Self {
        Self { ui, step: step.to_string() }
    }

    /// Tells what the step waits for or does right now.
    pub fn tell(&self, what: impl fmt::Display) {
        self.ui.tell(&Event::Waiting { step: self.step.clone(), what: what.to_string() });
    }
}

impl Planned for Resource {
    type Id = ResourceId;

    fn id(&self) -> ResourceId {
        match self {
            Self::Network(_) => ResourceId::Network,
            Self::Cluster(_) | Self::Existing(_) => ResourceId::Cluster,
            Self::Build(build) => ResourceId::Build(build.image),
            Self::Import(import) => ResourceId::Import(import.image),
            Self::Push(push) => ResourceId::Push(push.image),
            Self::Installed(_) => ResourceId::Installed,
            Self::Keys(_) => ResourceId::Keys,
            Self::Release(release) => ResourceId::Release(release.name),
            Self::Access(_) => ResourceId::Access,
            Self::Trial(_) => ResourceId::Trial,
            Self::Proof(_) => ResourceId::Proof,
        }
    }

    fn needs(&self) -> Vec<ResourceId> {
        match self {
            Self::Network(_) | Self::Build(_) | Self::Existing(_) | Self::Installed(_) | Self::Keys(_) => {
                Vec::new()
            }
            Self::Push(push) => vec![ResourceId::Build(push.image)],
            Self::Cluster(_) => vec![ResourceId::Network],
            Self::Import(import) => vec![ResourceId::Build(import.image), ResourceId::Cluster],
            Self::Release(release) => release.needs(),
            Self::Access(access) => access.needs(),
            Self::Trial(trial) => trial.needs(),
            Self::Proof(proof) => proof.needs(),
        }
    }

    fn inside(&self) -> Option<ResourceId> {
        match self {
            Self::Network(_)
            | Self::Cluster(_)
            | Self::Existing(_)
            | Self::Build(_)
            | Self::Push(_)
            | Self::Keys(_)
            | Self::Installed(_) => None,
            Self::Import(_) | Self::Release(_) | Self::Access(_) | Self::Trial(_) | Self::Proof(_) => {
                Some(ResourceId::Cluster)
            }
        }
    }

    fn usual_duration(&self) -> Duration {
        match self {
            Self::Network(_) => network::USUAL,
            Self::Cluster(_) => cluster::USUAL,
            Self::Build(build) => build.usual(),
            Self::Existing(_) => Duration::ZERO,
            Self::Import(import) => import.usual(),
            Self::Push(push) => push.usual(),
            Self::Installed(_) => Duration::from_secs(20),
            Self::Keys(_) => keys::USUAL,
            Self::Release(release) => release.usual(),
            Self::Access(_) => access::USUAL,
            Self::Trial(_) => trial::USUAL,
            Self::Proof(_) => proof::USUAL,
        }
    }
}

impl Resource {
    /// How it compares with what is there. `running` tells whether the cluster can be asked.
    pub async fn observe(&self, world: &World, running: bool) -> Result<Verdict, Failure> {
        match self {
            Self::Network(network) => network.observe(world).await,
            Self::Cluster(cluster) => cluster.observe(world).await,
            Self::Build(build) => Ok(build.observe()),
            Self::Existing(_) => Existing::observe(world).await,
            Self::Push(push) => push.observe().await,
            Self::Installed(_) => Installed::observe(world).await,
            Self::Keys(keys) => Ok(keys.observe()),
            Self::Import(_) | Self::Release(_) | Self::Access(_) | Self::Trial(_) | Self::Proof(_)
                if !running =>
            {
                Ok(Verdict::Absent)
            }
            Self::Access(access) => access.observe(world).await,
            Self::Import(import) => import.observe(world).await,
            Self::Release(release) => release.observe(world).await,
            Self::Trial(trial) => trial.observe(world).await,
            Self::Proof(proof) => proof.observe(world).await,
        }
    }

    /// Makes it.
    pub async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        match self {
            Self::Network(network) => network.create(world).await,
            Self::Cluster(cluster) => cluster.create(world, progress).await,
            Self::Build(build) => build.create(progress).await,
            Self::Import(import) => import.create(world, progress).await,
            Self::Push(push) => push.create(progress).await,
            Self::Existing(_) | Self::Installed(_) => {
                Err(Failure::new(Exit::Internal, format!("{} is not devplat's to make", self.id())))
            }
            Self::Keys(keys) => keys.create(),
            Self::Release(release) => release.apply(world, progress).await,
            Self::Access(access) => access.create(world, progress).await,
            Self::Trial(trial) => trial.create(world, progress).await,
            Self::Proof(proof) => proof.create(world, progress).await,
        }
    }

    /// Mends it where it stands.
    pub async fn update(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        match self {
            Self::Cluster(cluster) => cluster.start(world, progress).await,
            Self::Release(release) => release.apply(world, progress).await,
            Self::Keys(keys) => keys.create(),
            Self::Access(access) => access.create(world, progress).await,
            Self::Trial(trial) => trial.create(world, progress).await,
            Self::Proof(proof) => proof.create(world, progress).await,
            Self::Import(import) => import.create(world, progress).await,
            Self::Network(_) | Self::Existing(_) | Self::Build(_) | Self::Push(_) | Self::Installed(_) => {
                Err(Failure::new(Exit::Internal, format!("{} cannot be updated, only made", self.id())))
            }
        }
    }

    /// Takes it away, after a last look that it is ours.
    pub async fn delete(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        match self {
            Self::Network(network) => network.delete(world).await,
            Self::Cluster(cluster) => cluster.delete(world, progress).await,
            Self::Installed(installed) => installed.delete(world, progress).await,
            Self::Trial(_) => Trial::delete(world, progress).await,
            Self::Existing(_)
            | Self::Build(_)
            | Self::Import(_)
            | Self::Push(_)
            | Self::Keys(_)
            | Self::Release(_)
            | Self::Access(_)
            | Self::Proof(_) => {
                Err(Failure::new(Exit::Internal, format!("{} is not deleted by itself", self.id())))
            }
        }
    }

    /// Whether it is made for later steps of the same run alone, and of no use where those do not come.
    pub fn is_there_only_in_passing(&self) -> bool {
        match self {
            Self::Trial(_) => true,
            Self::Network(_)
            | Self::Cluster(_)
            | Self::Build(_)
            | Self::Existing(_)
            | Self::Import(_)
            | Self::Push(_)
            | Self::Installed(_)
            | Self::Keys(_)
            | Self::Release(_)
            | Self::Access(_)
            | Self::Proof(_) => false,
        }
    }
}

/// Everything that a profile asks for.
pub fn desired(ingredients: &Arc<Ingredients>) -> Result<Graph<Resource>, Failure> {
    let platform = &ingredients.platform;
    let mut delivered = Vec::new();
    for image in ingredients.images() {
        delivered.push(Resource::Build(Build { image, ingredients: Arc::clone(ingredients) }));
        delivered.push(match &ingredients.profile.delivery {
            Delivery::Nodes => Resource::Import(Import { image, ingredients: Arc::clone(ingredients) }),
            Delivery::Registry(prefix) => {
                Resource::Push(Push { image, prefix: prefix.clone(), ingredients: Arc::clone(ingredients) })
            }
        });
    }
    let mut all = match &ingredients.profile.cluster {
        ClusterProfile::Kind(kind) => {
            let cluster = Cluster::wanted(ingredients, kind.clone());
            vec![Resource::Network(Network::of(platform)), Resource::Cluster(cluster)]
        }
        ClusterProfile::Existing(_) => vec![Resource::Existing(Existing)],
    };
    all.extend(delivered);
    for name in ReleaseName::ALL {
        all.push(Resource::Release(Release { name, ingredients: Arc::clone(ingredients) }));
    }
    all.push(Resource::Keys(Keys { ingredients: Arc::clone(ingredients) }));
    all.push(Resource::Access(Access { ingredients: Arc::clone(ingredients) }));
    let key = TrialKey::default();
    all.push(Resource::Trial(Trial { ingredients: Arc::clone(ingredients), key: Arc::clone(&key) }));
    all.push(Resource::Proof(Proof { ingredients: Arc::clone(ingredients), key }));
    Graph::new(all).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// Everything of a platform that can be found without its profile; `data` tells what may become of users' things
/// in a cluster that stays.
pub async fn found(world: &World, data: DataLoss) -> Result<Graph<Resource>, Failure> {
    let platform = &world.platform;
    let candidates = match &world.target {
        Target::Kind => {
            vec![Resource::Network(Network::of(platform)), Resource::Cluster(Cluster::named(platform))]
        }
        Target::Existing { .. } => vec![Resource::Installed(Installed { data })],
    };
    let mut there = Vec::new();
    for candidate in candidates {
        match candidate.observe(world, false).await? {
            Verdict::Absent | Verdict::Foreign(_) => {}
            Verdict::Same | Verdict::Differs(_) | Verdict::Broken(_) | Verdict::Outgrown(_) => {
                there.push(candidate);
            }
        }
    }
    Graph::of_found(there).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// The step that brings an image to where it runs.
fn delivered(ingredients: &Ingredients, image: ImageName) -> ResourceId {
    match ingredients.profile.delivery {
        Delivery::Nodes => ResourceId::Import(image),
        Delivery::Registry(_) => ResourceId::Push(image),
    }
}

/// The name of the Docker network of a platform.
fn network_name(platform: &PlatformName) -> String {
    format!("devplat-{platform}")
}
