//! The announcement of the local registry in the cluster (KEP-1755), which other tools read.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::hosting::{self, Announced, Announcement, Hosting};
use devplat_plan::{Action, Edges, Facts, Id, KindName, Owner, Physical, Verdict};

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, local_registry,
    names::{HOSTING, REGISTRY},
};
use crate::{
    failure::{Exit, Failure},
    platform::{Delivery, PlatformInputs, local_registry_host},
    world::World,
};

/// The announcement of the local registry.
#[derive(Debug, Clone)]
pub(crate) struct RegistryHosting;

impl Kind for RegistryHosting {
    const NAME: KindName = HOSTING;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: false, droppable: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|_, cx| Box::pin(announce(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|_, cx| Box::pin(announce(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    /// Whether the announcement differs from the wanted one.
    type Fields = bool;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(match inputs.delivery {
            Delivery::LocalRegistry(_) => vec![Self],
            Delivery::Nodes(_) | Delivery::Registry(_) => Vec::new(),
        })
    }

    fn id(&self) -> Id {
        HOSTING.single()
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
        Facts::lasting(Duration::ZERO)
    }

    async fn find(world: &World, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        // In an existing cluster, the announcement is its provider's.
        if world.named.is_some() {
            return Ok(Vec::new());
        }
        let announced = hosting::look(&world.client().await?).await?;
        let (owner, hosting) = match announced {
            None => return Ok(Vec::new()),
            Some(Announcement { hosting, platform }) if platform.as_deref() == Some(world.platform.as_str()) => {
                (Owner::Ours, hosting)
            }
            // Another tool's announcement stays, because ours is only a convenience.
            Some(Announcement { hosting, platform: _ }) => (Owner::Adopted, hosting),
        };
        let wanted = wanted(world);
        let physical = "ConfigMap kube-public/local-registry-hosting";
        // Compare here, because `compare` does not know the registry's address.
        let differs = owner == Owner::Ours && hosting != wanted;
        let seen = Seen::ours(HOSTING.single(), physical, differs, Some(()));
        Ok(vec![Seen { owner, dies_with: Some(CLUSTER.single()), ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields {
            Verdict::Differs(vec![devplat_plan::Change::in_place("the registry's address has changed")])
        } else {
            Verdict::Same
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

fn wanted(world: &World) -> Option<Hosting> {
    let address = world.outputs.get(&local_registry::address())?;
    let port = address.0.rsplit(':').next().unwrap_or_default();
    let inside = local_registry_host(&world.platform);
    Some(Hosting {
        host: Some(format!("localhost:{port}")),
        host_from_container_runtime: Some(inside),
        host_from_cluster_network: None,
        help: None,
    })
}

async fn announce(cx: &Cx) -> Result<Physical, Failure> {
    let hosting =
        wanted(&cx.world).ok_or_else(|| Failure::new(Exit::PartWay, "the local registry has no address"))?;
    let client = cx.world.client().await?;
    let platform = cx.world.platform.as_str();
    let work = async {
        hosting::withdraw(&client, platform).await?;
        hosting::announce(&client, platform, &hosting).await
    };
    let announced = cx.call("write ConfigMap kube-public/local-registry-hosting", |_| None, work).await?;
    match announced {
        Announced::Created => {}
        Announced::Kept => cx.report("another tool has announced a registry in the cluster; not replacing it"),
    }
    Ok(Physical("ConfigMap kube-public/local-registry-hosting".to_owned()))
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let client = cx.world.client().await?;
    let work = hosting::withdraw(&client, cx.world.platform.as_str());
    cx.call("delete ConfigMap kube-public/local-registry-hosting", |()| None, work).await
}
