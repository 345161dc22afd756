//! Decides the delivery of images: by the profile, and for an existing cluster by facts of the cluster.

use devplat_kubernetes::{
    capabilities,
    recognition::{Delivery as Way, Distribution},
};
use devplat_profile::{Cluster, ExistingDelivery, LocalDelivery, RemoteRegistry};
use devplat_tool::{docker::Engine, local::Maker};

use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform::{Delivery, NodeImport},
    state::{Decisions, RememberedDelivery},
    world::{ClusterAccess, World},
};

/// Decides, and returns the decision to remember. If images are imported through an engine, adds it to the world.
pub(super) async fn decide(
    cluster: &Cluster,
    before: &Decisions,
    world: &mut World,
    host: &Host,
) -> Result<(Delivery, Option<RememberedDelivery>), Failure> {
    let name = world.platform.to_string();
    let local = |maker: Maker, delivery: &LocalDelivery| match delivery {
        LocalDelivery::Nodes => {
            Delivery::Nodes(NodeImport::Engine { label: format!("{}={name}", maker.cluster_label()) })
        }
        LocalDelivery::LocalRegistry(registry) => Delivery::LocalRegistry(registry.clone()),
        LocalDelivery::Registry(registry) => Delivery::Registry(registry.clone()),
    };
    match cluster {
        Cluster::Kind(kind) => Ok((local(Maker::Kind, &kind.delivery), None)),
        Cluster::K3d(k3d) => Ok((local(Maker::K3d, &k3d.delivery), None)),
        Cluster::Existing(existing) => match (&existing.delivery, &before.delivery) {
            (ExistingDelivery::Registry(registry), _) => Ok((Delivery::Registry(registry.clone()), None)),
            (ExistingDelivery::Auto, Some(known)) => {
                let delivery = recalled(known);
                if let Delivery::Nodes(NodeImport::Engine { .. }) = &delivery {
                    world.engine = Some(Engine::connect(&host.surroundings).await?);
                }
                Ok((delivery, Some(known.clone())))
            }
            (ExistingDelivery::Auto, None) => found(world, host, true).await,
            (ExistingDelivery::Nodes, _) => found(world, host, false).await,
        },
    }
}

fn recalled(known: &RememberedDelivery) -> Delivery {
    match known {
        RememberedDelivery::EngineNodes { label } => {
            Delivery::Nodes(NodeImport::Engine { label: label.clone() })
        }
        RememberedDelivery::Minikube { profile } => {
            Delivery::Nodes(NodeImport::Minikube { profile: profile.clone() })
        }
        RememberedDelivery::Registry { push, pull, plain_http } => Delivery::Registry(RemoteRegistry {
            push: push.clone(),
            pull: pull.clone(),
            plain_http: *plain_http,
        }),
    }
}

/// Returns the delivery that the cluster offers: a registry that it announces (if `registry` may be used), or else
/// import into its nodes.
async fn found(
    world: &mut World,
    host: &Host,
    registry: bool,
) -> Result<(Delivery, Option<RememberedDelivery>), Failure> {
    let named = world.named.clone().ok_or_else(|| Failure::new(Exit::Internal, "no context is named"))?;
    let client = world.client_of(&ClusterAccess::named(&named)).await?;
    let capabilities = capabilities::ask(&client, &named.context).await?;
    if registry
        && let Some(hosting) = &capabilities.registry_hosting
        && let Some(push) = &hosting.host
    {
        let pull = hosting.host_from_container_runtime.as_ref().unwrap_or(push);
        let remembered = RememberedDelivery::Registry {
            push: format!("{push}/devplat"),
            pull: format!("{pull}/devplat"),
            plain_http: true,
        };
        host.ui.remark(&format!(
            "using registry {push}, which the cluster announces (kube-public/local-registry-hosting)"
        ));
        return Ok((recalled(&remembered), Some(remembered)));
    }
    let distribution = &capabilities.recognition.distribution;
    let remembered = match (distribution.consequences().delivery, distribution) {
        (Way::NodeImport, Distribution::Kind { name }) => {
            engine_nodes(Maker::Kind, name, &capabilities, world, host).await?
        }
        (Way::NodeImport, Distribution::K3d { name }) => {
            engine_nodes(Maker::K3d, name, &capabilities, world, host).await?
        }
        (Way::MinikubeImageLoad, Distribution::Minikube { name }) => {
            Some(RememberedDelivery::Minikube { profile: name.clone() })
        }
        _ => None,
    };
    match remembered {
        Some(remembered) => {
            host.ui.remark(&format!("importing images into the nodes of the {distribution}"));
            Ok((recalled(&remembered), Some(remembered)))
        }
        None => {
            let why = format!(
                "images reach the nodes of context {:?} ({distribution}) only through a registry",
                named.context.name
            );
            Err(Failure::new(Exit::Usage, why)
                .hint("name one that its nodes can pull from: --set images.registry=registry.example/team (`docker login` first)"))
        }
    }
}

/// Finds the nodes among the containers of this machine's engine. Both their names and the API server's port must
/// match, or a tunnel or another Docker context would send the images to another cluster.
async fn engine_nodes(
    maker: Maker,
    name: &str,
    capabilities: &capabilities::Capabilities,
    world: &mut World,
    host: &Host,
) -> Result<Option<RememberedDelivery>, Failure> {
    let Ok(engine) = Engine::connect(&host.surroundings).await else { return Ok(None) };
    let nodes = maker.nodes(&engine, name).await?;
    let mut here: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let mut there: Vec<&str> = capabilities.nodes.iter().map(String::as_str).collect();
    here.sort_unstable();
    there.sort_unstable();
    let server = world.named.as_ref().map(|named| named.context.server.clone()).unwrap_or_default();
    let port = nodes
        .iter()
        .filter_map(|node| node.binding(6443))
        .any(|bound| server.ends_with(&format!(":{}", bound.port)));
    if here != there || !port {
        return Ok(None);
    }
    world.engine = Some(engine);
    Ok(Some(RememberedDelivery::EngineNodes { label: format!("{}={name}", maker.cluster_label()) }))
}
