//! The address of the local registry in the nodes of a kind cluster: a file that containerd reads at each pull, as kind
//! documents it. k3d configures its nodes when it creates them.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Takes, Verdict};
use devplat_profile::Cluster;
use devplat_tool::local::Maker;

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, import,
    names::{NODE_REGISTRY, REGISTRY},
};
use crate::{
    failure::Failure,
    platform::{Delivery, PlatformInputs, local_registry_host},
    world::World,
};

/// The registry's address in the nodes of a kind cluster.
#[derive(Debug, Clone)]
pub(crate) struct NodeRegistry {
    label: String,
    host: String,
}

/// Returns the id of this resource, if the profile wants it.
pub(super) fn wanted_id(inputs: &PlatformInputs) -> Option<Id> {
    wanted(inputs).map(|_| NODE_REGISTRY.single())
}

fn wanted(inputs: &PlatformInputs) -> Option<NodeRegistry> {
    match (&inputs.delivery, &inputs.profile.cluster) {
        (Delivery::LocalRegistry(_), Cluster::Kind(_)) => Some(NodeRegistry {
            label: import::node_label(Maker::Kind, inputs.platform.as_str()),
            host: local_registry_host(&inputs.platform),
        }),
        (Delivery::LocalRegistry(_), Cluster::K3d(_) | Cluster::Existing(_))
        | (Delivery::Nodes(_) | Delivery::Registry(_), _) => None,
    }
}

impl Kind for NodeRegistry {
    const NAME: KindName = NODE_REGISTRY;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: false, droppable: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.write(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.write(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = None;
    /// Nodes without the file.
    type Fields = Vec<String>;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(wanted(inputs).into_iter().collect())
    }

    fn id(&self) -> Id {
        NODE_REGISTRY.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![cluster.clone(), REGISTRY.single()],
            dies_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO).taking([Takes::Engine])
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let mut seen = Vec::new();
        for registry in wanted.of::<Self>() {
            let engine = world.engine()?;
            let nodes = import::nodes(engine, &registry.label).await?;
            let mut lacking = Vec::new();
            for node in &nodes {
                let found = engine.read_file(&node.name, &registry.path()).await?;
                if found.as_deref() != Some(registry.text().as_bytes()) {
                    lacking.push(node.name.clone());
                }
            }
            if lacking.len() < nodes.len() {
                seen.push(Seen::ours(NODE_REGISTRY.single(), registry.path(), lacking, Some(())));
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields.is_empty() {
            return Verdict::Same;
        }
        let nodes = seen.fields.join(", ");
        Verdict::Differs(vec![Change::in_place(format!("{nodes} cannot reach the local registry"))])
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl NodeRegistry {
    fn path(&self) -> String {
        format!("/etc/containerd/certs.d/{}/hosts.toml", self.host)
    }

    fn text(&self) -> String {
        format!("[host.\"http://{}\"]\n", self.host)
    }

    async fn write(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.world.engine()?;
        for node in import::nodes(engine, &self.label).await? {
            let (path, text) = (self.path(), self.text());
            let work = engine.write_file(&node.name, &path, text.as_bytes());
            cx.call(format!("write {path} in {}", node.name), |()| None, work).await?;
        }
        Ok(Physical(self.path()))
    }
}
