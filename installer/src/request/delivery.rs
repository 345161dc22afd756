//! Decides the delivery of images: by the profile, and for an existing cluster by facts of the cluster.

use std::collections::BTreeSet;

use devplat_kubernetes::{
    hosting::Hosting,
    recognition::{DefaultDelivery, Distribution},
};
use devplat_profile::{Cluster, ExistingDelivery, LocalDelivery, Origin, RemoteRegistry};
use devplat_tool::{
    docker::{Container, Engine},
    local::{Maker, api},
    registry,
};

use super::{engine::connect, minikube, refusal::not_created_yet};
use crate::{
    failure::{Exit, Failure, one_line},
    host::Host,
    platform::{ChosenDelivery, NodeImport, maker},
    platform_context::{NamedCluster, PlatformContext},
    state::{Decisions, RememberedDelivery},
};

const NAME_A_REGISTRY: &str = "name a registry that its nodes can pull from: --set images.registry=registry.example/team (`docker login` first)";
const NAME_ITS_ENGINE: &str =
    "name the Docker engine that its nodes run in, with DOCKER_HOST or DOCKER_CONTEXT";

/// Decides, and returns the decision to remember. If images are imported through an engine, adds it to the context.
pub(super) async fn decide(
    cluster: &Cluster,
    before: &Decisions,
    context: &mut PlatformContext,
    host: &Host,
) -> Result<(ChosenDelivery, Option<RememberedDelivery>), Failure> {
    match cluster.origin() {
        Origin::Created(local) => {
            let delivery = match local.delivery {
                LocalDelivery::Nodes => {
                    let label = maker(local.provider).label(context.platform.as_str());
                    ChosenDelivery::Nodes(NodeImport::Engine { label })
                }
                LocalDelivery::LocalRegistry(registry) => ChosenDelivery::LocalRegistry(registry.clone()),
                LocalDelivery::Registry(registry) => ChosenDelivery::Registry(registry.clone()),
            };
            Ok((delivery, None))
        }
        Origin::Eks(_) => Err(not_created_yet()),
        Origin::Existing(existing) => match (&existing.delivery, &before.delivery) {
            (ExistingDelivery::Registry(registry), _) => {
                Ok((ChosenDelivery::Registry(registry.clone()), None))
            }
            (ExistingDelivery::Auto, Some(known)) => {
                check_again(known, context, host).await?;
                Ok((recalled(known), Some(known.clone())))
            }
            (ExistingDelivery::Auto, None) => found(context, host, true).await,
            (ExistingDelivery::Nodes, _) => found(context, host, false).await,
        },
    }
}

fn recalled(known: &RememberedDelivery) -> ChosenDelivery {
    match known {
        RememberedDelivery::EngineNodes { label } => {
            ChosenDelivery::Nodes(NodeImport::Engine { label: label.clone() })
        }
        RememberedDelivery::Minikube { profile } => {
            ChosenDelivery::Nodes(NodeImport::Minikube { profile: profile.clone() })
        }
        RememberedDelivery::Registry { push, pull, plain_http } => ChosenDelivery::Registry(RemoteRegistry {
            push: push.clone(),
            pull: pull.clone(),
            plain_http: *plain_http,
        }),
    }
}

/// Checks that a remembered import still leads to the nodes of the cluster: the shell may now select another engine, or
/// another home of minikube, with a cluster of the same name. If images are imported through an engine, adds it to the
/// context.
async fn check_again(
    known: &RememberedDelivery,
    context: &mut PlatformContext,
    host: &Host,
) -> Result<(), Failure> {
    let failed = |failure: Failure| failure.while_doing("cannot import images into the nodes as before");
    match known {
        RememberedDelivery::Registry { .. } => {}
        RememberedDelivery::EngineNodes { label } => {
            let engine = connect(host).await?;
            let containers = engine.containers(label).await?;
            lead_there(&containers, &engine, context).await.map_err(failed)?;
            context.engine = Some(engine);
        }
        RememberedDelivery::Minikube { profile } => {
            let named = named(context)?;
            let nodes = &context.capabilities(&named).await?.nodes;
            let nodes = nodes.as_ref().map_err(|error| failed(Failure::of(Exit::Missing, &**error)))?;
            minikube::usable(profile, nodes, &named.context.server, host).await.map_err(failed)?;
        }
    }
    Ok(())
}

fn named(context: &PlatformContext) -> Result<NamedCluster, Failure> {
    context.named.clone().ok_or_else(|| Failure::new(Exit::Internal, "no context is named"))
}

/// Returns the delivery that the cluster offers: a registry that it announces (if `registry` may be used), or else
/// import into its nodes.
async fn found(
    context: &mut PlatformContext,
    host: &Host,
    registry: bool,
) -> Result<(ChosenDelivery, Option<RememberedDelivery>), Failure> {
    let named = named(context)?;
    let capabilities = context.capabilities(&named).await?.clone();
    if registry {
        let announced = match &capabilities.registry_hosting {
            Ok(Some(hosting)) => announced(hosting, host).await,
            Ok(None) => None,
            Err(error) => {
                let why = one_line(&**error);
                host.ui.remark(&format!("using no registry that the cluster may announce: {why}"));
                None
            }
        };
        if let Some(remembered) = announced {
            return Ok((recalled(&remembered), Some(remembered)));
        }
    }
    let distribution = &capabilities.recognition.distribution;
    let of = format!("the nodes of context {:?} ({distribution})", named.context.name);
    let imported = match (distribution.consequences().delivery, distribution, &capabilities.nodes) {
        (DefaultDelivery::NodeImport, Distribution::Kind { name }, Ok(nodes)) => {
            engine_nodes(Maker::Kind, name, &nodes.names, context, host).await
        }
        (DefaultDelivery::NodeImport, Distribution::K3d { name }, Ok(nodes)) => {
            engine_nodes(Maker::K3d, name, &nodes.names, context, host).await
        }
        (DefaultDelivery::MinikubeImageLoad, Distribution::Minikube { name }, Ok(nodes)) => {
            minikube::usable(name, nodes, &named.context.server, host).await
        }
        (
            DefaultDelivery::NodeImport | DefaultDelivery::MinikubeImageLoad | DefaultDelivery::Registry,
            _,
            nodes,
        ) => {
            let why = format!("images reach {of} only through a registry");
            let mut failure = Failure::new(Exit::Usage, why);
            // The nodes may show a distribution that allows an import.
            failure.causes.extend(nodes.as_ref().err().map(|error| one_line(&**error)));
            return Err(failure.hint(NAME_A_REGISTRY));
        }
    };
    let remembered = imported.map_err(|failure| {
        failure.while_doing(format!("cannot import images into {of}")).hint(NAME_A_REGISTRY)
    })?;
    host.ui.remark(&format!("images will be imported into the nodes of the {distribution}"));
    Ok((recalled(&remembered), Some(remembered)))
}

/// Returns the registry that a cluster announces, if it answers, because an announcement can outlive its registry.
async fn announced(hosting: &Hosting, host: &Host) -> Option<RememberedDelivery> {
    let origin = "announced by the cluster in kube-public/local-registry-hosting";
    let help = hosting.help.as_ref().map(|help| format!("; see {help}")).unwrap_or_default();
    let Some(push) = &hosting.host else {
        host.ui.remark(&format!("the registry {origin} has no address to push to from here{help}"));
        return None;
    };
    match host.ui.awaited(|| format!("registry {push}"), registry::answers_in_plain_http(push)).await {
        Ok(plain_http) => {
            host.ui.remark(&format!("using registry {push}, {origin}"));
            let pull = hosting.pull_address().unwrap_or(push);
            let (push, pull) = (format!("{push}/devplat"), format!("{pull}/devplat"));
            Some(RememberedDelivery::Registry { push, pull, plain_http })
        }
        Err(error) => {
            host.ui.remark(&format!("registry {push}, {origin}, does not answer: {error}{help}"));
            None
        }
    }
}

/// Finds the nodes among the containers of this machine's engine. Both their names and the API server's address must
/// match, or a tunnel or another Docker context would send the images to another cluster.
async fn engine_nodes(
    maker: Maker,
    name: &str,
    there: &BTreeSet<String>,
    context: &mut PlatformContext,
    host: &Host,
) -> Result<RememberedDelivery, Failure> {
    let engine = connect(host).await?;
    let label = maker.label(name);
    // The load balancer is included, because it has the API server's port if there is one.
    let containers = engine.containers(&label).await?;
    let nodes = containers.iter().filter(|one| maker.role(one).is_some());
    let here: BTreeSet<String> = nodes.map(|node| node.name.clone()).collect();
    if here != *there {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let endpoint = engine.endpoint();
        let why = if here.is_empty() {
            format!("the Docker engine at {endpoint} has no container of {}", list(there))
        } else {
            format!(
                "the cluster has nodes {}; the Docker engine at {endpoint} has {}",
                list(there),
                list(&here)
            )
        };
        return Err(Failure::new(Exit::Usage, why).hint(NAME_ITS_ENGINE));
    }
    lead_there(&containers, &engine, context).await?;
    context.engine = Some(engine);
    Ok(RememberedDelivery::EngineNodes { label })
}

/// Fails unless one of these containers publishes the API server's address of the named context.
async fn lead_there(
    containers: &[Container],
    engine: &Engine,
    context: &PlatformContext,
) -> Result<(), Failure> {
    let server = context.named.as_ref().map(|named| named.context.server.clone()).unwrap_or_default();
    if api::leads_to(&server, containers).await {
        return Ok(());
    }
    let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
    let (endpoint, names) = (engine.endpoint(), names.join(", "));
    let why = if names.is_empty() {
        format!("the Docker engine at {endpoint} no longer has a container of it")
    } else {
        format!(
            "{server} does not lead to {names} in the Docker engine at {endpoint}, but to a cluster with the same names"
        )
    };
    Err(Failure::new(Exit::Usage, why).hint(NAME_ITS_ENGINE))
}
