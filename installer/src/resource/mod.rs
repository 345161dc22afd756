//! The kinds of resources of a platform, one file per kind. Adding a kind takes its file, its name in `names.rs` and a
//! line in the list below.

mod cx;
mod edges;
pub(crate) mod fitness;
mod kind;
mod names;
mod ownership;

pub use cx::Cx;
pub use kind::{AnyResource, Found, Kind, KindEntry, Seen, SeenThrough, Traits, Wanted};

use std::{sync::Arc, time::Duration};

use devplat_plan::{Can, Graph, Id, Owner, Physical, Planned, Sight, State};
use devplat_tool::local::Maker;

use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    world::{ClusterAccess, World},
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
    prefetch::Prefetch,
    keys::GeneratedKeys,
    release::Release,
    user_data::UserData,
    strays::Strays,
    ssh_config::SshConfig,
    ssh_block::SshBlock,
    proof_server::ProofServer,
    proof::Proof,
}

mod local_access;
mod local_cluster;
mod local_tools;

pub use ssh_config::{forwarded_port, next_line, ssh_line};

/// Returns the wanted resources of a profile.
pub fn desired(inputs: &Arc<PlatformInputs>) -> Result<Graph<AnyResource>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.wanted(inputs)?);
    }
    Graph::new(all).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// Finds the platform's cluster and stores the access to it, for verbs that use a platform without comparing it.
pub async fn reach_cluster(world: &World) -> Result<(), Failure> {
    let named = existing_cluster::Existing::find(world, &Wanted::new(&[]))
        .await?
        .pop()
        .map(|seen| (seen.owner, seen.output));
    let local = async {
        for maker in [Maker::Kind, Maker::K3d] {
            if let Some(found) = reach(maker, world).await? {
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

/// Returns the owner of the cluster of `maker` with the platform's name, and the access to it if it is running.
async fn reach(maker: Maker, world: &World) -> Result<Option<(Owner, Option<ClusterAccess>)>, Failure> {
    let found = match maker {
        Maker::Kind => local_cluster::find::<kind_cluster::KindNodes>(maker, world, true)
            .await?
            .map(|seen| (seen.owner, seen.output)),
        Maker::K3d => local_cluster::find::<k3d_cluster::K3dNodes>(maker, world, true)
            .await?
            .map(|seen| (seen.owner, seen.output)),
    };
    Ok(found)
}

/// Returns whether a resource shows that the platform is in the searched place. The block in `~/.ssh/config` does not,
/// because it is in the account while the platform may be in any cluster.
pub fn shows_platform(id: &Id) -> bool {
    id.kind() != names::SSH_BLOCK
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
