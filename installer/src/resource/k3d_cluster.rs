//! The cluster that devplat creates with k3d: k3s in containers. Its SSH port leads directly to a node, because k3d's
//! load balancer closes connections that are idle for 600 s.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Edges, Facts, Id, KindName, Owner, Physical, Requirement, Verdict};
use devplat_profile::{Cluster, K3dCluster, NodeImage};
use devplat_tool::{
    docker::{Cgroups, Engine},
    local::{
        ClusterError, Maker, Mapping, Mark,
        k3d::{self, K3dCommand, K3dCreation, K3dRemains},
    },
};
use serde_json::{Value, json};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    early_access::EarlyAccess,
    fixed_addresses,
    image_pull::pull_if_absent,
    local_cluster::{self, Fields, RemainingNodes},
    local_creation::{self, mappings},
    local_tools,
    names::NETWORK,
    network, ownership, prefetch,
};
use crate::{
    failure::{Exit, Failure},
    platform::{PlatformInputs, local_registry_host, local_registry_name},
    platform_context::{ClusterAccess, PlatformContext},
};

/// The stand-in for k3s that is built if no image registry is reachable (tests/kubernetes/k3s-image).
const BUILT_IMAGE: &str = "devplat/k3s-stand-in:v1.34.3";
/// The k3s that is pulled otherwise. Pinned, because k3d resolves other names with a channel server.
const PUBLIC_IMAGE: &str = "docker.io/rancher/k3s:v1.34.3-k3s1";
/// The stand-in for the image of k3d's tools container.
const BUILT_TOOLS: &str = "devplat/k3d-tools:latest";

/// A k3d cluster.
#[derive(Clone)]
pub(crate) struct K3dClusterResource {
    spec: K3dCluster,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for K3dClusterResource {
    const NAME: super::KindWith<Self::Output> = CLUSTER;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|cluster, cx| Box::pin(cluster.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|_, cx| Box::pin(start(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    type Output = ClusterAccess;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let Cluster::K3d(spec) = &inputs.profile.cluster else { return Ok(Vec::new()) };
        let (name, limit) = (&inputs.platform, k3d::NAME_LIMIT);
        if name.as_str().len() > limit {
            let why = format!("platform name {name} is too long for k3d, whose limit is {limit} characters");
            return Err(Failure::new(Exit::Usage, why).hint("choose a shorter name with --name"));
        }
        Ok(vec![Self { spec: spec.clone(), inputs: Arc::clone(inputs) }])
    }

    fn id(&self) -> Id {
        CLUSTER.single()
    }

    fn edges(&self) -> Edges {
        Edges { embeds: vec![NETWORK.single()], ..Edges::default() }
    }

    fn facts(&self, doing: Action) -> Facts {
        // Measured on two cores, with the image pulled.
        let usual = Facts::lasting(Duration::from_secs(15));
        match doing {
            Action::Create => {
                let nodes = u32::from(self.spec.servers + self.spec.agents);
                let ports = self.mappings();
                let api_port = self.spec.api_server_port;
                let name = &self.inputs.platform;
                let names = k3d::container_names(name.as_str(), self.spec.servers, self.spec.agents);
                let usable = self.check_file();
                usual
                    .requiring(local_creation::requirements(Maker::K3d, &ports, api_port, nodes, name, names))
                    .requiring(local_creation::requirements_of_file(Maker::K3d, &self.inputs, usable))
            }
            Action::Update | Action::Check | Action::Keep | Action::Delete | Action::Replace => usual,
        }
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let found = match local_cluster::find(Maker::K3d, context, wanted).await? {
            Some(found) => Some(found),
            None => half(context).await?,
        };
        Ok(found.into_iter().filter(|seen| local_cluster::counts(seen, wanted)).collect())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        local_cluster::compare("cluster.k3d", &self.record(), &seen.fields)
    }

    async fn settle(&self, cx: &Cx) -> Result<ClusterAccess, Failure> {
        local_cluster::settle(Maker::K3d, cx).await
    }
}

impl K3dClusterResource {
    fn mappings(&self) -> Vec<Mapping> {
        mappings(&self.inputs, self.spec.ssh_port, self.spec.ssh_address, &self.spec.port_mappings)
    }

    /// Returns the configuration for the record, which later runs compare. Its keys are an interface to older versions.
    fn record(&self) -> Value {
        let K3dCluster {
            image,
            servers,
            agents,
            api_server_port,
            ssh_port,
            ssh_address,
            port_mappings,
            subnet: _,
            config_file: _,
            delivery: _,
        } = &self.spec;
        let bastion_port = match self.inputs.profile.bastion.exposure {
            devplat_profile::Exposure::NodePort(port) => Some(port),
            devplat_profile::Exposure::LoadBalancer | devplat_profile::Exposure::PortForward => None,
        };
        json!({
            "image": image,
            "servers": servers,
            "agents": agents,
            "apiServerPort": api_server_port,
            "sshPort": ssh_port,
            "sshAddress": ssh_address,
            "portMappings": port_mappings,
            "bastionPort": bastion_port,
            "configFile": local_creation::extra_digest(&self.inputs),
        })
    }

    /// Fails if the user's configuration file cannot be used. It may name any image that its nodes can get, because only the
    /// engine knows which one that is.
    fn check_file(&self) -> Result<(), ClusterError> {
        let Some(extra) = local_creation::extra(&self.inputs) else { return Ok(()) };
        let (name, mappings) = (&self.inputs.platform, self.mappings());
        let network = network::network_name(name);
        let owner = Mark { platform: name.to_string(), account: None };
        let check = |image: &str| {
            k3d::check(&K3dCreation {
                name: name.as_str(),
                network: &network,
                image,
                cgroups: Cgroups::V2,
                api_port: self.spec.api_server_port,
                mappings: &mappings,
                servers: self.spec.servers,
                agents: self.spec.agents,
                direct: &[],
                owner: &owner,
                extra: Some(extra),
                registries: Some(&registries(&local_registry_host(name))),
            })
        };
        match &self.spec.image {
            NodeImage::Reference(reference) => check(reference),
            NodeImage::Auto => check(PUBLIC_IMAGE).or_else(|error| check(BUILT_IMAGE).map_err(|_| error)),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let context = &cx.context;
        let engine = context.engine()?;
        let image = self.image(engine).await?;
        // k3d would pull it itself, and a stop would wait for that.
        pull_if_absent(&image, "cluster.k3d.image", cx).await?;
        let (owner, mappings) = (ownership::own(context), self.mappings());
        let network = network::network_name(&context.platform);
        // k3s reads it only at its start, so set it also if the delivery is another one for now.
        let registries = registries(&local_registry_host(&context.platform));
        let direct = [local_registry_name(&context.platform)];
        let creation = K3dCreation {
            name: context.platform.as_str(),
            network: &network,
            image: &image,
            cgroups: engine.info().await?.cgroups,
            api_port: self.spec.api_server_port,
            mappings: &mappings,
            servers: self.spec.servers,
            agents: self.spec.agents,
            direct: &direct,
            owner: &owner,
            extra: local_creation::extra(&self.inputs),
            registries: Some(&registries),
        };
        context.make_scratch()?;
        let mut tool = local_tools::k3d(engine, context);
        if image == BUILT_IMAGE {
            tool = tool.with_tools_image(BUILT_TOOLS);
        }
        let nodes = usize::from(self.spec.servers + self.spec.agents);
        let early = EarlyAccess::new(Maker::K3d, nodes, engine, cx).await?;
        let creating = create_or_replace_half(&creation, tool, engine, cx);
        let creating = local_creation::beside(creating, prefetch::start_early(&self.inputs, nodes, cx));
        Box::pin(local_creation::beside(creating, early.tell())).await?;
        if self.spec.servers > 1 {
            Box::pin(fixed_addresses::fix(engine, cx)).await?;
        }
        local_cluster::finish(Maker::K3d, &self.record(), engine, cx).await?;
        Ok(physical(context))
    }

    async fn image(&self, engine: &Engine) -> Result<String, Failure> {
        Ok(match &self.spec.image {
            NodeImage::Reference(reference) => reference.clone(),
            NodeImage::Auto if engine.image(BUILT_IMAGE).await?.is_some() => BUILT_IMAGE.to_owned(),
            NodeImage::Auto => PUBLIC_IMAGE.to_owned(),
        })
    }
}

/// Returns k3s's file registries.yaml with devplat's registry, which has no TLS.
fn registries(host: &str) -> String {
    format!("mirrors:\n  \"{host}\":\n    endpoint:\n    - \"http://{host}\"\n")
}

async fn create_or_replace_half(
    creation: &K3dCreation<'_>,
    tool: K3dCommand<'_>,
    engine: &Engine,
    cx: &Cx,
) -> Result<(), Failure> {
    let call = format!("k3d cluster create {}", creation.name);
    let work = Box::pin(tool.create(creation, |step| cx.detail(step), discard(tool, cx)));
    match cx.attempt(call.clone(), |()| Some(physical(&cx.context)), work).await? {
        Ok(()) => return Ok(()),
        // Containers that a killed run had requested can appear after the plan was made.
        Err(ClusterError::AlreadyThere { name }) => {
            let late = K3dClusterResource::find(&cx.context, &Wanted::Nothing).await?.pop();
            let ours = late.is_some_and(|seen| seen.owner == Owner::Ours && seen.loses.is_none());
            if !ours {
                return Err(ClusterError::AlreadyThere { name }.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    cx.report("deleting what an interrupted run left");
    delete_all(tool, engine, cx).await?;
    let work = Box::pin(tool.create(creation, |step| cx.detail(step), discard(tool, cx)));
    cx.call(call, |()| Some(physical(&cx.context)), work).await
}

/// Deletes the cluster, and then the objects that `k3d cluster delete` leaves: those that k3d created before its first
/// node.
async fn delete_all(tool: K3dCommand<'_>, engine: &Engine, cx: &Cx) -> Result<(), Failure> {
    let name = cx.context.platform.as_str();
    cx.call(deletion(name), |()| Some(physical(&cx.context)), tool.delete(name)).await?;
    for remain in K3dRemains::of(engine, name).await?.in_order() {
        let id = Physical(remain.id().to_owned());
        cx.call(format!("delete {remain}"), |()| Some(id), remain.remove(engine)).await?;
    }
    Ok(())
}

fn physical(context: &PlatformContext) -> Physical {
    local_cluster::physical(Maker::K3d, context)
}

/// Finds the objects that an interrupted `k3d cluster create` left before its first node. They do not have devplat's
/// labels, so they are ours exactly if the platform's network is ours: devplat creates it before them and deletes it
/// after them. A network that k3d created itself shows that devplat did not run it, because devplat passes a network.
async fn half(context: &PlatformContext) -> Result<Option<Seen<K3dClusterResource>>, Failure> {
    let Some(engine) = &context.engine else { return Ok(None) };
    let name = context.platform.as_str();
    let remains = K3dRemains::of(engine, name).await?;
    if remains.is_empty() {
        return Ok(None);
    }
    let network = network::named(engine, &context.platform).await?.pop();
    let what = format!("half of k3d cluster {name}");
    let owner = match network {
        Some(network) if remains.networks.is_empty() => ownership::of_labels(&what, &network.labels, context),
        Some(_) | None => Owner::stranger(format!(
            "{what}, which an interrupted `k3d cluster create` left; to delete it: {}",
            by_hand(&remains)
        )),
    };
    let fields = local_cluster::nothing_known();
    let mut seen = Seen::<K3dClusterResource>::ours(CLUSTER.single(), what, fields, None);
    seen.owner = owner;
    // A node without devplat's labels is not ours, and such a cluster was never finished.
    let has_nodes = !Maker::K3d.nodes(engine, name).await?.is_empty();
    let nodes = if has_nodes { RemainingNodes::Some } else { RemainingNodes::None };
    seen.state = local_cluster::unfinished(Maker::K3d, nodes, context).await;
    seen.deletion = Facts::lasting(Duration::from_secs(2))
        .requiring([Requirement::Engine, Requirement::Tool(Maker::K3d.name())]);
    Ok(Some(seen))
}

/// Returns the commands that delete remains, because `k3d cluster delete` leaves some of them.
fn by_hand(remains: &K3dRemains) -> String {
    let K3dRemains { containers, volumes, networks } = remains;
    let containers: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
    let volumes: Vec<&str> = volumes.iter().map(|one| one.name.as_str()).collect();
    let networks: Vec<&str> = networks.iter().map(|one| one.name.as_str()).collect();
    [("docker rm --force", containers), ("docker volume rm", volumes), ("docker network rm", networks)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(command, names)| format!("`{command} {}`", names.join(" ")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Deletes the nodes of a failed creation.
async fn discard(tool: K3dCommand<'_>, cx: &Cx) {
    let name = cx.context.platform.as_str();
    local_creation::discard(deletion(name), physical(&cx.context), tool.delete(name), cx).await;
}

fn deletion(name: &str) -> String {
    format!("k3d cluster delete {name}")
}

async fn start(cx: &Cx) -> Result<Physical, Failure> {
    local_cluster::start(Maker::K3d, cx).await?;
    Ok(physical(&cx.context))
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let found = K3dClusterResource::find(&cx.context, &Wanted::Nothing).await?.pop();
    match found.map(|seen| seen.owner) {
        None | Some(Owner::Adopted | Owner::Caused { .. }) => Ok(()),
        Some(Owner::Ours) => {
            cx.report("deleting its nodes");
            cx.context.make_scratch()?;
            let engine = cx.context.engine()?;
            delete_all(local_tools::k3d(engine, &cx.context), engine, cx).await
        }
        Some(Owner::Foreign(whose)) => Err(ownership::refusal(&whose, &cx.context)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_reach_the_registry_by_name_without_tls() {
        assert_eq!(
            registries("devplat-a-registry:5000"),
            "mirrors:\n  \"devplat-a-registry:5000\":\n    endpoint:\n    - \"http://devplat-a-registry:5000\"\n"
        );
    }
}
