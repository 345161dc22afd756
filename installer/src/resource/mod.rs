//! The kinds of resources of a platform, one file per kind. Adding a kind takes its file and a line in the list below. A
//! name that other kinds mention is in `names.rs`.

mod cx;
mod doubles;
mod early_access;
mod early_import;
mod edges;
mod entry;
pub(crate) mod fitness;
mod found;
mod kind;
mod names;
mod ownership;

pub use cx::Cx;
pub(crate) use doubles::{compared, kept};
pub use entry::KindEntry;
pub use found::Found;
pub use kind::{AnyResource, ResourceKind, Seen, SeenThrough, Traits, Wanted};

use std::{sync::Arc, time::Duration};

use devplat_plan::{Can, Graph, Id, Owner, Physical, Planned, Sight, State};

use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
};

pub use crate::platform_context::{CLUSTER, KindWith};

/// Declares the modules of the kinds and lists the kinds.
macro_rules! kinds {
    ($($module:ident::$kind:ident,)*) => {
        $(pub(crate) mod $module;)*
        /// All kinds.
        pub static KINDS: &[KindEntry] = &[$(KindEntry::of::<$module::$kind>()),*];
    };
}

kinds! {
    network::NetworkResource,
    local_registry::Registry,
    kind_cluster::KindClusterResource,
    k3d_cluster::K3dClusterResource,
    existing_cluster::Existing,
    kubeconfig::KeptKubeconfig,
    node_registry::NodeRegistry,
    registry_hosting::RegistryHosting,
    build::Build,
    import::Import,
    push::Push,
    prefetch::Prefetch,
    keys::GeneratedKey,
    release::ReleaseResource,
    user_data::UserData,
    strays::Strays,
    ssh_config::SshConfig,
    ssh_block::SshBlock,
    proof_server::ProofServer,
    proof::Proof,
}

mod fixed_addresses;
mod image_pull;
mod local_access;
mod local_cluster;
mod local_creation;
mod local_tools;
mod node_certificates;
mod node_import;
mod renamed;

pub use local_cluster::with_lost_cluster;
pub use release::{closed_to_new_pods, in_order};
pub use ssh_config::{known_hosts_line, next_line, ssh_line, written_host};

/// Returns the wanted resources of a profile.
pub fn desired(inputs: &Arc<PlatformInputs>) -> Result<Graph<AnyResource>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.wanted(inputs)?);
    }
    Graph::new(all).map_err(|error| Failure::of(Exit::Internal, &error))
}

/// Finds the platform's cluster and stores the access to it, for verbs that use a platform without comparing it. Of
/// doubles, such as a half-made cluster beside a running one, it is the one that a plan keeps; of equals, one that is
/// running.
pub async fn reach_cluster(context: &PlatformContext) -> Result<(), Failure> {
    let mut found = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.name == CLUSTER.name()) {
        found.extend(kind.find(context, Wanted::Outputs).await?);
    }
    // Beside a cluster that the user named, no other one is meant.
    if found.iter().any(|cluster| cluster.sight.owner == Owner::Adopted) {
        found.retain(|cluster| cluster.sight.owner == Owner::Adopted);
    }
    // Of equals, the last is kept.
    found.sort_by_key(|cluster| cluster.sight.state == State::Ready);
    if let Some(cluster) = kept(&found, None) {
        cluster.store_output(context);
        return context.cluster().map(drop).ok_or_else(|| not_running(context));
    }
    let foreign = found.iter().find_map(|cluster| match &cluster.sight.owner {
        Owner::Foreign(whose) => Some(whose),
        Owner::Ours | Owner::Adopted | Owner::Caused { .. } => None,
    });
    Err(foreign.map_or_else(|| no_platform(context), |whose| ownership::refusal(whose, context)))
}

fn not_running(context: &PlatformContext) -> Failure {
    let why = format!("the cluster of platform {} is not running", context.platform);
    Failure::new(Exit::PartWay, why).hint(format!("`{}` starts it", context.command("up")))
}

fn no_platform(context: &PlatformContext) -> Failure {
    let why = format!("there is no platform {} here", context.platform);
    Failure::new(Exit::Usage, why).hint(format!(
        "`{}` creates one; --name names another, --context an existing cluster",
        context.command("up")
    ))
}

/// Returns whether a resource shows that the platform is in the searched place. The block in `~/.ssh/config` does not,
/// because it is in the account while the platform may be in any cluster.
pub fn shows_platform(id: &Id) -> bool {
    id.kind() != ssh_block::SshBlock::NAME.name()
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
        deleted_with: resource.edges().deleted_with,
        loses: None,
        usual_deletion: Duration::ZERO,
    }
}

#[cfg(test)]
pub(crate) mod tests;
