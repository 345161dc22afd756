//! The cluster that devplat creates with kind.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Edges, Facts, Id, KindName, Owner, Physical, Verdict};
use devplat_profile::{Cluster, KindCluster, NodeImage};
use devplat_tool::{
    docker::{Cgroups, Engine},
    local::{
        ClusterError, Maker, Mark,
        kind::{self, KindCommand, KindCreation, container_names, node_count},
    },
};
use serde_json::{Value, json};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    early_access::EarlyAccess,
    early_import::EarlyImport,
    image_pull::pull_if_absent,
    local_cluster::{self, Fields},
    local_creation::{self, mappings},
    local_tools,
    names::NETWORK,
    network, ownership,
};
use crate::{
    failure::Failure,
    platform::{ChosenDelivery, PlatformInputs, local_registry_name},
    platform_context::{ClusterAccess, PlatformContext},
};

/// The node image that is built if no image registry is reachable (tests/kubernetes/node-image).
const BUILT_NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// The label of a node image that has its own CNI plugin.
const CNI_LABEL: &str = "dev.devplat.cni";
/// The period between two looks at a cluster that is being created.
const EARLY_PERIOD: Duration = Duration::from_millis(500);

/// A kind cluster.
#[derive(Clone)]
pub(crate) struct KindClusterResource {
    spec: KindCluster,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for KindClusterResource {
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
        let Cluster::Kind(spec) = &inputs.profile.cluster else { return Ok(Vec::new()) };
        Ok(vec![Self { spec: spec.clone(), inputs: Arc::clone(inputs) }])
    }

    fn id(&self) -> Id {
        CLUSTER.single()
    }

    fn edges(&self) -> Edges {
        Edges { embeds: vec![NETWORK.single()], ..Edges::default() }
    }

    fn facts(&self, doing: Action) -> Facts {
        // Measured on two cores, with the node image pulled.
        let usual = Facts::lasting(Duration::from_secs(20));
        match doing {
            Action::Create => {
                let nodes = u32::try_from(self.node_count()).unwrap_or(u32::MAX);
                let ports = self.mappings();
                let api_port = self.spec.api_server_port;
                let (name, extra) = (&self.inputs.platform, local_creation::extra(&self.inputs));
                let extra = extra.map(|extra| extra.text);
                let names = container_names(name.as_str(), extra, self.spec.workers);
                let usable = self.check_file();
                usual
                    .requiring(local_creation::requirements(
                        Maker::Kind,
                        &ports,
                        api_port,
                        nodes,
                        name,
                        names,
                    ))
                    .requiring(local_creation::requirements_of_file(Maker::Kind, &self.inputs, usable))
            }
            Action::Update | Action::Check | Action::Keep | Action::Delete | Action::Replace => usual,
        }
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let found = local_cluster::find(Maker::Kind, context, wanted).await?;
        if found.is_none() && !wanted.of::<Self>().is_empty() {
            local_cluster::remark_lost_node(Maker::Kind, context);
        }
        Ok(found.into_iter().filter(|seen| local_cluster::counts(seen, wanted)).collect())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        local_cluster::compare("cluster.kind", &self.record(), &seen.fields)
    }

    async fn settle(&self, cx: &Cx) -> Result<ClusterAccess, Failure> {
        local_cluster::settle(Maker::Kind, cx).await
    }
}

impl KindClusterResource {
    fn mappings(&self) -> Vec<devplat_tool::local::Mapping> {
        mappings(&self.inputs, self.spec.ssh_port, self.spec.ssh_address, &self.spec.port_mappings)
    }

    /// Returns the number of its nodes, those in the user's file included.
    fn node_count(&self) -> usize {
        let extra = local_creation::extra(&self.inputs);
        node_count(extra.map(|extra| extra.text), self.spec.workers)
    }

    /// Returns the configuration for the record, which later runs compare. Its keys are an interface to older versions.
    fn record(&self) -> Value {
        let KindCluster {
            node_image,
            workers,
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
            "nodeImage": node_image,
            "workers": (*workers > 0).then_some(workers),
            "apiServerPort": api_server_port,
            "sshPort": ssh_port,
            "sshAddress": ssh_address,
            "portMappings": port_mappings,
            "bastionPort": bastion_port,
            "configFile": local_creation::extra_digest(&self.inputs),
        })
    }

    /// Fails if the user's configuration file cannot be used. Whether the nodes' image has its own CNI plugin is known only
    /// to the engine.
    fn check_file(&self) -> Result<(), ClusterError> {
        let Some(extra) = local_creation::extra(&self.inputs) else { return Ok(()) };
        let (name, mappings) = (&self.inputs.platform, self.mappings());
        let owner = Mark { platform: name.to_string(), account: None };
        kind::check(&KindCreation {
            name: name.as_str(),
            network: &network::network_name(name),
            image: None,
            own_cni: false,
            cgroups: Cgroups::V2,
            api_port: self.spec.api_server_port,
            mappings: &mappings,
            workers: self.spec.workers,
            direct: &[],
            owner: &owner,
            extra: Some(extra),
            registry_config: matches!(self.inputs.delivery, ChosenDelivery::LocalRegistry(_)),
        })
    }

    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let context = &cx.context;
        let engine = context.engine()?;
        let (image, own_cni) = self.node_image(engine, cx).await?;
        let (owner, mappings) = (ownership::own(context), self.mappings());
        let network = network::network_name(&context.platform);
        let direct = [local_registry_name(&context.platform)];
        let creation = KindCreation {
            name: context.platform.as_str(),
            network: &network,
            image: image.as_deref(),
            own_cni,
            cgroups: engine.info().await?.cgroups,
            api_port: self.spec.api_server_port,
            mappings: &mappings,
            workers: self.spec.workers,
            direct: &direct,
            owner: &owner,
            extra: local_creation::extra(&self.inputs),
            registry_config: matches!(self.inputs.delivery, ChosenDelivery::LocalRegistry(_)),
        };
        context.make_scratch()?;
        Box::pin(self.create_or_replace_half(&creation, engine, cx)).await?;
        local_cluster::finish(Maker::Kind, &self.record(), engine, cx).await?;
        Ok(physical(context))
    }

    async fn create_or_replace_half(
        &self,
        creation: &KindCreation<'_>,
        engine: &Engine,
        cx: &Cx,
    ) -> Result<(), Failure> {
        let tool = local_tools::kind(engine, &cx.context);
        let call = format!("kind create cluster --name {}", creation.name);
        let access = EarlyAccess::new(Maker::Kind, self.node_count(), engine, cx).await?;
        let work = self.create_with_images(creation, tool, engine, cx, &access);
        match Box::pin(cx.attempt(call.clone(), |()| Some(physical(&cx.context)), work)).await? {
            Ok(()) => return Ok(()),
            // A node that a killed run had requested can appear after the plan was made.
            Err(ClusterError::AlreadyThere { name }) => {
                let late = local_cluster::find::<Self>(Maker::Kind, &cx.context, &Wanted::Nothing).await?;
                let ours = late.is_some_and(|seen| seen.owner == Owner::Ours && seen.loses.is_none());
                if !ours {
                    return Err(ClusterError::AlreadyThere { name }.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        cx.report("deleting what an interrupted run left");
        delete_all(tool, cx).await?;
        let work = Box::pin(tool.create(creation, |step| cx.detail(step), discard(tool, cx)));
        cx.call(call, |()| Some(physical(&cx.context)), work).await
    }

    /// Creates the cluster, and imports images while kubeadm waits for the control plane and the processors are idle. The
    /// cluster is usable as soon as its API server answers.
    async fn create_with_images(
        &self,
        creation: &KindCreation<'_>,
        tool: KindCommand<'_>,
        engine: &Engine,
        cx: &Cx,
        access: &EarlyAccess<'_>,
    ) -> Result<(), ClusterError> {
        let creating = tool.create(creation, |step| cx.detail(step), discard(tool, cx));
        let mut creating = Box::pin(local_creation::beside(creating, access.tell()));
        let mut early = EarlyImport::new(&self.inputs, Maker::Kind, self.node_count(), cx);
        let mut imported = false;
        while !early.is_done() {
            let pause = if imported { Duration::ZERO } else { EARLY_PERIOD };
            tokio::select! {
                created = &mut creating => return created,
                paused = cx.pause(pause) => if paused.is_err() { break },
            }
            let importing = early.import(engine, cx);
            tokio::pin!(importing);
            tokio::select! {
                created = &mut creating => {
                    if created.is_ok() {
                        // Finish a running import, because its own step would start it again. After a stop, there is no
                        // such step.
                        tokio::select! {
                            _ = &mut importing => {}
                            () = cx.context.stop.until_asked() => {}
                        }
                    }
                    return created;
                }
                tried = &mut importing => imported = tried,
            }
        }
        early.end();
        creating.await
    }

    /// Returns the image for the nodes, or `None` for kind's own, and whether it has its own CNI plugin.
    async fn node_image(&self, engine: &Engine, cx: &Cx) -> Result<(Option<String>, bool), Failure> {
        let name = match &self.spec.node_image {
            NodeImage::Auto => BUILT_NODE_IMAGE,
            // kind would pull it itself, and a stop would wait for that. Only kind knows its default image.
            NodeImage::Reference(reference) => {
                pull_if_absent(reference, "cluster.kind.nodeImage", cx).await?;
                reference
            }
        };
        let found = engine.image(name).await?;
        Ok(match (&self.spec.node_image, found) {
            (NodeImage::Auto, None) => (None, false),
            (_, found) => {
                let own_cni = found.is_some_and(|image| image.labels.contains_key(CNI_LABEL));
                (Some(name.to_owned()), own_cni)
            }
        })
    }
}

fn physical(context: &PlatformContext) -> Physical {
    local_cluster::physical(Maker::Kind, context)
}

async fn start(cx: &Cx) -> Result<Physical, Failure> {
    local_cluster::start(Maker::Kind, cx).await?;
    Ok(physical(&cx.context))
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let found =
        local_cluster::find::<KindClusterResource>(Maker::Kind, &cx.context, &Wanted::Nothing).await?;
    match found.map(|seen| seen.owner) {
        None | Some(Owner::Adopted | Owner::Caused { .. }) => Ok(()),
        Some(Owner::Ours) => {
            cx.report("deleting its nodes");
            cx.context.make_scratch()?;
            delete_all(local_tools::kind(cx.context.engine()?, &cx.context), cx).await
        }
        Some(Owner::Foreign(whose)) => Err(ownership::refusal(&whose, &cx.context)),
    }
}

async fn delete_all(tool: KindCommand<'_>, cx: &Cx) -> Result<(), Failure> {
    let name = cx.context.platform.as_str();
    cx.call(deletion(name), |()| Some(physical(&cx.context)), tool.delete(name)).await
}

/// Deletes the nodes of a failed creation.
async fn discard(tool: KindCommand<'_>, cx: &Cx) {
    let name = cx.context.platform.as_str();
    local_creation::discard(deletion(name), physical(&cx.context), tool.delete(name), cx).await;
}

fn deletion(name: &str) -> String {
    format!("kind delete cluster --name {name}")
}
