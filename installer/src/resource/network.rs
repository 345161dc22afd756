//! The Docker network of a platform's cluster. kind shares its network between clusters, and k3d can leave its network
//! behind; this one is deleted with the platform.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Owner, Physical, Requirement, Verdict};
use devplat_profile::PlatformName;
use devplat_tool::docker::{self, Engine, EngineError};
use ipnet::Ipv4Net;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::{NETWORK, REGISTRY},
    ownership,
};
use crate::{
    failure::{Exit, Failure},
    platform::{PlatformInputs, maker},
    platform_context::PlatformContext,
};

/// Returns the name of a platform's network.
pub(super) fn network_name(platform: &PlatformName) -> String {
    format!("devplat-{platform}")
}

/// Returns the networks with the name of a platform's network, the one in use last: an older engine can have several,
/// and a plan keeps the last.
pub(super) async fn named(engine: &Engine, platform: &PlatformName) -> Result<Vec<docker::Network>, Failure> {
    let named = engine.networks_named(&network_name(platform)).await?;
    if named.len() < 2 {
        return Ok(named);
    }
    let (mut idle, mut used) = (Vec::new(), Vec::new());
    for network in named {
        let containers = engine.containers_of_network(&network.id).await?;
        let list = if containers.is_empty() { &mut idle } else { &mut used };
        list.push(network);
    }
    idle.append(&mut used);
    Ok(idle)
}

/// A Docker network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    name: String,
    subnet: Option<Ipv4Net>,
    /// The key of the range in the profile.
    key: String,
}

impl ResourceKind for Network {
    const NAME: KindName = NETWORK;
    const GONE_FIRST: &'static [KindName] = &[CLUSTER, REGISTRY];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|network, cx| Box::pin(network.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = None;
    const DELETE: Option<super::kind::Remove<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    /// Its address ranges.
    type Fields = Vec<String>;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let Some(local) = inputs.profile.cluster.local() else { return Ok(Vec::new()) };
        let key = format!("cluster.{}.subnet", maker(local.provider).name());
        Ok(vec![Self { name: network_name(&inputs.platform), subnet: local.subnet, key }])
    }

    fn id(&self) -> Id {
        NETWORK.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(1)).requiring([Requirement::Engine])
    }

    async fn find(context: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(engine) = &context.engine else { return Ok(Vec::new()) };
        let found = named(engine, &context.platform).await?.into_iter().map(|network| {
            let owner = owner(&network, context);
            let generation = ownership::generation_of(&network.labels);
            let seen = Seen::ours(NETWORK.single(), network.id, network.subnets, Some(()));
            Seen { generation, owner, ..seen }
        });
        Ok(found.collect())
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        match self.subnet {
            Some(subnet) if !seen.fields.contains(&subnet.to_string()) => {
                let was = seen.fields.join(", ");
                // It holds no data itself: the cluster and the registry in it embed it, and name what is lost.
                let change = Change::old_first(format!("its range is {was}; the profile wants {subnet}"));
                Verdict::Differs(vec![change])
            }
            _ => Verdict::Same,
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl Network {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let labels = ownership::labels(cx);
        let work = async {
            let made = engine.create_network(&self.name, &labels, self.subnet).await;
            made.map_err(|error| self.network_error(error))
        };
        let call = format!("create Docker network {}", self.name);
        match cx.call(call, |id: &String| Some(Physical(id.clone())), work).await {
            Ok(id) => Ok(Physical(id)),
            // The engine may have created it although its answer was lost.
            Err(failure) => {
                let found = Self::find(&cx.context, &Wanted::Nothing).await?;
                let ours = found.into_iter().rfind(|seen| seen.owner == Owner::Ours);
                ours.map(|seen| seen.physical).ok_or(failure)
            }
        }
    }
}

impl Network {
    /// If the engine has no free range, the hint names one that is free.
    fn network_error(&self, error: EngineError) -> Failure {
        let free = match &error {
            EngineError::NoAddressRange { free, .. } => *free,
            _ => None,
        };
        let failure = Failure::from(error);
        match free {
            Some(range) => {
                failure.hint(format!("or name a range that is free here: --set {}={range}", self.key))
            }
            None => failure,
        }
    }
}

/// Returns the owner of a network, by its labels.
fn owner(network: &docker::Network, context: &PlatformContext) -> Owner {
    ownership::of_labels(&format!("Docker network {}", network.name), &network.labels, context)
}

async fn delete(seen: &Seen<Network>, cx: &Cx) -> Result<(), Failure> {
    let (engine, id) = (cx.context.engine()?, &seen.physical.0);
    let network = engine.network(id).await?.filter(|network| owner(network, &cx.context) == Owner::Ours);
    let Some(docker::Network { id: _, name, labels: _, subnets: _, attached }) = network else {
        return Ok(());
    };
    // The platform's own containers are already deleted, so the remaining ones are not devplat's.
    if !attached.is_empty() {
        let users: Vec<&str> = attached.iter().map(|one| one.name.as_str()).collect();
        let why = format!("container {} still uses it", users.join(", "));
        return Err(Failure::new(Exit::Left, why).hint(format!(
            "stop it, or `docker network disconnect {name} CONTAINER`, then run the same command again"
        )));
    }
    cx.call(format!("delete Docker network {name}"), |()| None, engine.remove_network(id)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_without_ranges_gets_one_that_is_free_in_the_hint() {
        let key = "cluster.kind.subnet".to_owned();
        let network = Network { name: "devplat-a".to_owned(), subnet: None, key };
        let full = |free: Option<&str>| EngineError::NoAddressRange {
            networks: 30,
            unused: 2,
            free: free.map(|range| range.parse().unwrap()),
        };
        let hints = network.network_error(full(Some("10.200.0.0/20"))).hints.join("; ");
        assert!(hints.contains("docker network prune"), "{hints}");
        assert!(hints.ends_with("--set cluster.kind.subnet=10.200.0.0/20"), "{hints}");
        assert_eq!(network.network_error(full(None)).hints.len(), 1);
    }
}
