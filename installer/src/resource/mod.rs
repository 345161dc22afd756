//! The kinds of resources of a platform, one file per kind. Adding a kind takes its file and a line in the list below.

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

/// Declares the modules of the kinds and lists the kinds.
macro_rules! kinds {
    ($($module:ident::$kind:ident,)*) => {
        $(pub(crate) mod $module;)*
        /// All kinds.
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

/// Returns the wanted resources of a profile.
pub fn desired(inputs: &Arc<PlatformInputs>) -> Result<Graph<AnyResource>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.wanted(inputs)?);
    }
    Graph::new(all).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// Returns the resource that delivers an image to the nodes.
fn delivered(inputs: &PlatformInputs, image: ImageName) -> Id {
    match inputs.delivery {
        Delivery::Nodes(_) => import::IMPORT.named(image.as_str()),
        Delivery::LocalRegistry(_) | Delivery::Registry(_) => push::PUSH.named(image.as_str()),
    }
}

/// Returns the resource that must be ready before nodes can pull: for devplat's own registry, its address in the nodes.
fn pulled_through(inputs: &PlatformInputs) -> Option<Id> {
    node_registry::wanted_id(inputs)
}

/// Returns the cluster if its deletion deletes the resources in it, which holds if devplat created it.
fn dies_with(inputs: &PlatformInputs) -> Option<Id> {
    match inputs.profile.cluster {
        Cluster::Kind(_) | Cluster::K3d(_) => Some(CLUSTER.single()),
        Cluster::Existing(_) => None,
    }
}

/// The same for found resources, without a profile.
fn dies_with_of(world: &World) -> Option<Id> {
    world.named.is_none().then(|| CLUSTER.single())
}

/// Finds the platform's cluster and stores the access to it, for verbs that use a platform without comparing it.
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
                "`{}` creates one; --name names another, --context an existing cluster",
                world.command("up")
            )))
        }
    }
}

/// Returns whether a resource shows that the platform is in the searched place. The block in `~/.ssh/config` does not,
/// because it is in the account while the platform may be in any cluster.
pub fn shows_platform(id: &Id) -> bool {
    id.kind() != ssh_block::SSH_BLOCK
}

/// Returns the sight of a wanted resource that cannot be searched now.
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
