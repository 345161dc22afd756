//! The announcement of the local registry in the cluster (KEP-1755), which other tools read.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::hosting::{self, Announced, Announcement, Hosting};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Owner, Physical, Verdict};
use kube::Client;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::{REGISTRY, RegistryAddress},
};
use crate::{
    failure::{Exit, Failure},
    platform::{ChosenDelivery, PlatformInputs, local_registry_host},
    platform_context::PlatformContext,
};

/// The object with the announcement.
const OBJECT: &str = "ConfigMap kube-public/local-registry-hosting";

/// The announcement of the local registry.
#[derive(Debug, Clone)]
pub(crate) struct RegistryHosting {
    /// The registry's host and port for nodes.
    host: String,
}

/// The known facts of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The announced registry; `None` if the content cannot be read.
    announced: Option<Hosting>,
    /// The address to push to; `None` while the local registry is not running.
    address: Option<RegistryAddress>,
}

impl ResourceKind for RegistryHosting {
    const NAME: super::KindWith<Self::Output> = super::KindWith::new("registry announcement");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|hosting, cx| Box::pin(hosting.announce(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|hosting, cx| Box::pin(hosting.announce(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(match inputs.delivery {
            ChosenDelivery::LocalRegistry(_) => vec![Self { host: local_registry_host(&inputs.platform) }],
            ChosenDelivery::Nodes(_) | ChosenDelivery::Registry(_) => Vec::new(),
        })
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![cluster.clone(), REGISTRY.single()],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO)
    }

    async fn find(context: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        // In an existing cluster, the announcement is the cluster's own.
        if context.named.is_some() {
            return Ok(Vec::new());
        }
        let Some(Announcement { hosting, platform }) = hosting::look(&context.client().await?).await? else {
            return Ok(Vec::new());
        };
        // Another tool's announcement stays, because ours is only a convenience.
        let ours = platform.as_deref() == Some(context.platform.as_str());
        let owner = if ours { Owner::Ours } else { Owner::Adopted };
        let fields = Fields { announced: hosting, address: context.outputs.single(REGISTRY) };
        let seen = Seen::ours(Self::NAME.single(), OBJECT, fields, Some(()));
        Ok(vec![Seen { owner, deleted_with: Some(CLUSTER.single()), ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let Fields { announced, address } = &seen.fields;
        match (&seen.owner, address) {
            (Owner::Adopted | Owner::Caused { .. } | Owner::Foreign(_), _) => Verdict::Same,
            (Owner::Ours, None) => Verdict::Unknown("the local registry is not running".to_owned()),
            (Owner::Ours, Some(address)) if *announced == Some(self.hosting(address)) => Verdict::Same,
            (Owner::Ours, Some(_)) => {
                Verdict::Differs(vec![Change::in_place("the registry's address has changed")])
            }
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl RegistryHosting {
    /// Returns the announcement of the registry at this address.
    fn hosting(&self, RegistryAddress(address): &RegistryAddress) -> Hosting {
        let port = address.rsplit(':').next().unwrap_or_default();
        Hosting {
            host: Some(format!("localhost:{port}")),
            host_from_container_runtime: Some(self.host.clone()),
            host_from_cluster_network: None,
            help: None,
        }
    }

    async fn announce(&self, cx: &Cx) -> Result<Physical, Failure> {
        let address = cx.context.outputs.single(REGISTRY);
        let address =
            address.ok_or_else(|| Failure::new(Exit::PartWay, "the local registry has no address"))?;
        let client = cx.context.client().await?;
        // An announcement is never changed, so that no other tool's is overwritten.
        withdraw(&client, cx).await?;
        let hosting = self.hosting(&address);
        let work = hosting::announce(&client, cx.context.platform.as_str(), &hosting);
        let physical = |announced: &Announced| match announced {
            Announced::Created => Some(Physical(OBJECT.to_owned())),
            Announced::Kept => None,
        };
        match cx.call(format!("create {OBJECT}"), physical, work).await? {
            Announced::Created => {}
            Announced::Kept => {
                cx.report("another tool has announced a registry in the cluster; not replacing it");
            }
        }
        Ok(Physical(OBJECT.to_owned()))
    }
}

/// Deletes the announcement if it is the platform's.
async fn withdraw(client: &Client, cx: &Cx) -> Result<(), Failure> {
    let platform = cx.context.platform.as_str();
    let found = hosting::look(client).await?;
    if found.is_none_or(|found| found.platform.as_deref() != Some(platform)) {
        return Ok(());
    }
    let work = hosting::withdraw(client, platform);
    cx.call(format!("delete {OBJECT}"), |()| Some(Physical(OBJECT.to_owned())), work).await
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    withdraw(&cx.context.client().await?, cx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcement_with_another_address_differs() {
        let hosting = RegistryHosting { host: "devplat-a-registry:5000".to_owned() };
        let address = RegistryAddress("127.0.0.1:41234".to_owned());
        let compared = |owner: Owner, announced: Option<Hosting>, address: Option<&RegistryAddress>| {
            let fields = Fields { announced, address: address.cloned() };
            let seen = Seen::ours(hosting.id(), OBJECT, fields, Some(()));
            hosting.compare(&Seen { owner, ..seen })
        };
        let current = Hosting {
            host: Some("localhost:41234".to_owned()),
            host_from_container_runtime: Some("devplat-a-registry:5000".to_owned()),
            ..Hosting::default()
        };
        let differs = Verdict::Differs(vec![Change::in_place("the registry's address has changed")]);
        assert_eq!(compared(Owner::Ours, Some(current.clone()), Some(&address)), Verdict::Same);
        let moved = RegistryAddress("127.0.0.1:41235".to_owned());
        assert_eq!(compared(Owner::Ours, Some(current.clone()), Some(&moved)), differs);
        assert_eq!(compared(Owner::Ours, None, Some(&address)), differs);
        let stopped = compared(Owner::Ours, Some(current), None);
        assert_eq!(stopped, Verdict::Unknown("the local registry is not running".to_owned()));
        assert_eq!(compared(Owner::Adopted, None, Some(&address)), Verdict::Same);
    }
}
