//! The kinds of resources that make up a platform, one a file. Adding one is its file and a line in the list below.

mod cx;
mod kind;
mod ownership;

pub use cx::Cx;
pub use kind::{AnyResource, Found, Kind, KindEntry, Seen, SeenThrough, Traits, Wanted};

use std::{sync::Arc, time::Duration};

use devplat_image::ImageName;
use devplat_plan::{Can, Graph, Id, Owner, Physical, Planned, Sight, State};

use devplat_profile::Cluster;
use devplat_tool::local::Maker;

use crate::{
    failure::{Exit, Failure},
    platform::{Delivery, PlatformInputs},
    world::World,
};

pub use crate::world::CLUSTER;

/// Declares the modules of the kinds and lists them for the engine.
macro_rules! kinds {
    ($($module:ident::$kind:ident,)*) => {
        $(pub(crate) mod $module;)*
        /// Every kind there is.
        pub static KINDS: &[KindEntry] = &[$(KindEntry::of::<$module::$kind>()),*];
    };
}

kinds! {
    network::Network,
    local_registry::Registry,
    kind_cluster::KindNodes,
    k3d_cluster::K3dNodes,
    existing_cluster::Existing,
    kubeconfig::KeptKubeconfig,
    node_registry::NodeRegistry,
    registry_hosting::RegistryHosting,
    build::Build,
    import::Import,
    push::Push,
    keys::GeneratedKeys,
    release::Release,
    user_data::UserData,
    strays::Strays,
    ssh_config::SshConfig,
    ssh_block::SshBlock,
    proof_server::ProofServer,
    proof::Proof,
}

mod local_cluster;

pub use ssh_config::{FORWARDED_PORT, next_line, ssh_line};

/// Everything that a profile asks for.
pub fn desired(inputs: &Arc<PlatformInputs>) -> Result<Graph<AnyResource>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.wanted(inputs)?);
    }
    Graph::new(all).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// The resource that brings an image to where it runs.
fn delivered(inputs: &PlatformInputs, image: ImageName) -> Id {
    match inputs.delivery {
        Delivery::Nodes(_) => import::IMPORT.named(image.as_str()),
        Delivery::LocalRegistry(_) | Delivery::Registry(_) => push::PUSH.named(image.as_str()),
    }
}

/// What has to be ready before nodes can pull: for a registry of devplat's own, that they know it.
fn pulled_through(inputs: &PlatformInputs) -> Option<Id> {
    node_registry::wanted_id(inputs)
}

/// What takes resources in the cluster along: a cluster of devplat's own making does.
fn dies_with(inputs: &PlatformInputs) -> Option<Id> {
    match inputs.profile.cluster {
        Cluster::Kind(_) | Cluster::K3d(_) => Some(CLUSTER.single()),
        Cluster::Existing(_) => None,
    }
}

/// The same, of what is found without a profile.
fn dies_with_of(world: &World) -> Option<Id> {
    world.named.is_none().then(|| CLUSTER.single())
}

/// Finds the platform's cluster and stores how it is reached: for verbs that use a platform without comparing it.
pub async fn reach_cluster(world: &World) -> Result<(), Failure> {
    let named = existing_cluster::Existing::find(world, &Wanted::new(&[]))
        .await?
        .pop()
        .map(|seen| (seen.owner, seen.output));
    let local = async {
        for maker in [Maker::Kind, Maker::K3d] {
            if let Some(found) = local_cluster::reach(maker, world).await? {
                return Ok::<_, Failure>(Some(found));
            }
        }
        Ok(None)
    };
    let found = match named {
        Some(found) => Some(found),
        None => local.await?,
    };
    let platform = &world.platform;
    match found {
        Some((Owner::Foreign(whose), _)) => {
            Err(Failure::new(Exit::Usage, whose.to_string()).hint("name another platform with --name"))
        }
        Some((_, Some(access))) => {
            world.outputs.put(CLUSTER.single(), access);
            Ok(())
        }
        Some((_, None)) => {
            Err(Failure::new(Exit::PartWay, format!("the cluster of platform {platform} is not running"))
                .hint(format!("`{}` starts it", world.command("up"))))
        }
        None => {
            Err(Failure::new(Exit::Usage, format!("there is no platform {platform} here")).hint(format!(
                "`{}` creates one; --name names another, --context a cluster that exists",
                world.command("up")
            )))
        }
    }
}

/// Whether a resource shows that the platform is where it was found. The block in `~/.ssh/config` does not: it stays in
/// the account while the platform may be in any cluster.
pub fn shows_platform(id: &Id) -> bool {
    id.kind() != ssh_block::SSH_BLOCK
}

/// How the planner sees a wanted resource of which nothing can be known now.
pub fn unseen(resource: &AnyResource) -> Sight {
    Sight {
        physical: Physical(String::new()),
        generation: 0,
        owner: Owner::Ours,
        state: State::Ready,
        verdict: None,
        can: Can { create: true, update: true, delete: true },
        gone_first: &[],
        gone_first_ids: Vec::new(),
        dies_with: resource.edges().dies_with,
        loses: None,
        usual_deletion: Duration::ZERO,
    }
}

#[cfg(test)]
pub(crate) mod tests;
