//! The cluster that devplat creates with kind.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Edges, Facts, Id, KindName, Owner, Physical, Verdict};
use devplat_profile::{Cluster, KindCluster, NodeImage};
use devplat_tool::{
    docker::Engine,
    local::{
        ClusterError, Maker,
        kind::{self, Kind as Tool, Wanted as Creation},
    },
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, import,
    local_cluster::{self, Fields, mappings},
    local_tools,
    names::NETWORK,
    network, ownership,
};
use crate::{
    failure::{Exit, Failure},
    platform::{Delivery, PlatformInputs, local_registry_name},
    world::{ClusterAccess, World},
};

/// The node image that is built if no image registry is reachable (tests/kubernetes/node-image).
const BUILT_NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// The label of a node image that has its own CNI plugin.
const CNI_LABEL: &str = "dev.devplat.cni";

/// A kind cluster.
#[derive(Clone)]
pub(crate) struct KindNodes {
    spec: KindCluster,
    inputs: Arc<PlatformInputs>,
}

impl Kind for KindNodes {
    const NAME: KindName = CLUSTER;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { in_passing: false, droppable: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|cluster, cx| Box::pin(cluster.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|_, cx| Box::pin(start(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    type Output = ClusterAccess;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(match &inputs.profile.cluster {
            Cluster::Kind(spec) => vec![Self { spec: spec.clone(), inputs: Arc::clone(inputs) }],
            Cluster::K3d(_) | Cluster::Existing(_) => Vec::new(),
        })
    }

    fn id(&self) -> Id {
        CLUSTER.single()
    }

    fn edges(&self) -> Edges {
        Edges { needs: vec![NETWORK.single()], ..Edges::default() }
    }

    fn facts(&self, doing: Action) -> Facts {
        // Measured on two cores, with the node image pulled.
        let usual = Facts::lasting(Duration::from_secs(20));
        match doing {
            Action::Create => {
                let nodes = 1 + u32::from(self.spec.workers);
                let ports = self.mappings();
                usual.taking(local_cluster::takes(Maker::Kind, &ports, self.spec.api_server_port, nodes))
            }
            Action::Update | Action::Check | Action::Keep | Action::Delete | Action::Replace => usual,
        }
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let found = local_cluster::find(Maker::Kind, world, !wanted.is_empty()).await?;
        Ok(found.into_iter().filter(|seen| local_cluster::counts(seen, wanted)).collect())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        local_cluster::compare("cluster.kind", &self.record(), &seen.fields)
    }

    async fn settle(&self, cx: &Cx) -> Result<ClusterAccess, Failure> {
        local_cluster::settle(Maker::Kind, cx).await
    }
}

impl KindNodes {
    fn mappings(&self) -> Vec<devplat_tool::local::Mapping> {
        mappings(&self.inputs, self.spec.ssh_port, self.spec.ssh_address, &self.spec.port_mappings)
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
            "configFile": local_cluster::extra_digest(&self.inputs),
        })
    }

    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let world = &cx.world;
        let engine = world.engine()?;
        let (image, own_cni) = self.node_image(engine).await?;
        let (owner, mappings) = (ownership::own(world), self.mappings());
        let network = network::network_name(&world.platform);
        let direct = [local_registry_name(&world.platform)];
        let creation = Creation {
            name: world.platform.as_str(),
            network: &network,
            image: image.as_deref(),
            own_cni,
            cgroups: engine.info().await?.cgroups,
            api_port: self.spec.api_server_port,
            mappings: &mappings,
            workers: self.spec.workers,
            direct: &direct,
            owner: &owner,
            extra: local_cluster::extra(&self.inputs),
            registry_config: matches!(self.inputs.delivery, Delivery::LocalRegistry(_)),
        };
        world.make_scratch()?;
        let physical = Physical(format!("kind cluster {}", world.platform));
        let call = format!("kind create cluster --name {}", world.platform);
        let work = self.create_or_replace_half(&creation, engine, cx);
        cx.call(call, |()| Some(physical.clone()), work).await?;
        local_cluster::finish(Maker::Kind, &self.record(), engine, cx).await?;
        Ok(physical)
    }

    async fn create_or_replace_half(
        &self,
        creation: &Creation<'_>,
        engine: &Engine,
        cx: &Cx,
    ) -> Result<(), Failure> {
        let tool = local_tools::kind(engine, &cx.world);
        match self.create_with_images(creation, tool, engine, cx).await {
            Ok(()) => Ok(()),
            // A node that a killed run had requested can appear after the plan was made.
            Err(ClusterError::AlreadyThere { name }) => {
                let late = local_cluster::find::<Self>(Maker::Kind, &cx.world, true).await?;
                let ours = late.is_some_and(|seen| seen.owner == Owner::Ours && seen.loses.is_none());
                if !ours {
                    return Err(ClusterError::AlreadyThere { name }.into());
                }
                cx.report("deleting what an interrupted run left");
                tool.delete(&name).await?;
                Ok(tool.create(creation, |step| cx.report(step)).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Creates the cluster, and imports images while kubeadm waits for the control plane and the processors are idle.
    async fn create_with_images(
        &self,
        creation: &Creation<'_>,
        tool: Tool<'_>,
        engine: &Engine,
        cx: &Cx,
    ) -> Result<(), ClusterError> {
        let up = Notify::new();
        let creating = tool.create(creation, |step| {
            cx.report(step);
            if step == kind::NODE_IS_UP {
                up.notify_one();
            }
        });
        let images = async {
            up.notified().await;
            match &self.inputs.delivery {
                Delivery::Nodes(_) => {
                    let label = import::node_label(Maker::Kind, creation.name);
                    import::bring_in_early(&self.inputs, engine, &label, |what| cx.report(what)).await;
                }
                Delivery::LocalRegistry(_) | Delivery::Registry(_) => {}
            }
        };
        tokio::pin!(creating, images);
        tokio::select! {
            // Finish a running import, because its own step would start it again.
            created = &mut creating => { if created.is_ok() { images.await; } created }
            () = &mut images => creating.await,
        }
    }

    /// Returns the image for the nodes, or `None` for kind's own, and whether it has its own CNI plugin.
    async fn node_image(&self, engine: &Engine) -> Result<(Option<String>, bool), Failure> {
        let name = match &self.spec.node_image {
            NodeImage::Auto => BUILT_NODE_IMAGE,
            NodeImage::Reference(reference) => reference,
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

async fn start(cx: &Cx) -> Result<Physical, Failure> {
    local_cluster::start(Maker::Kind, cx).await?;
    Ok(Physical(format!("kind cluster {}", cx.world.platform)))
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let found = local_cluster::find::<KindNodes>(Maker::Kind, &cx.world, false).await?;
    match found.map(|seen| seen.owner) {
        None | Some(Owner::Adopted | Owner::Caused { .. }) => Ok(()),
        Some(Owner::Ours) => {
            cx.report("deleting its nodes");
            cx.world.make_scratch()?;
            let (engine, name) = (cx.world.engine()?, cx.world.platform.as_str());
            let tool = local_tools::kind(engine, &cx.world);
            cx.call(format!("kind delete cluster --name {name}"), |()| None, tool.delete(name)).await
        }
        Some(Owner::Foreign(whose)) => Err(Failure::new(Exit::Usage, whose.to_string())),
    }
}

