//! The Docker network of a platform's cluster. kind shares its network between clusters, and k3d can leave its network
//! behind; this one is deleted with the platform.

use std::{sync::Arc, time::Duration};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Owner, Physical, Requirement, Verdict};
use devplat_profile::{Cluster, PlatformName};
use devplat_tool::{
    docker::{self, Engine, EngineError},
    local::{Maker, Role},
};
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

/// The label of a network whose range the engine was given. The engine accepts fixed addresses of containers only in
/// such a range, and does not report whether a range was given.
const FIXED_LABEL: (&str, &str) = ("dev.devplat.addresses", "fixed");
/// How many ranges are tried: another network can take the one that the engine has chosen for this one.
const TRIES: u32 = 3;

/// Returns whether containers in a network can keep their addresses.
pub(super) fn fixes_addresses(network: &docker::Network) -> bool {
    let (key, value) = FIXED_LABEL;
    network.labels.get(key).is_some_and(|found| found == value)
}

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
pub(crate) struct NetworkResource {
    name: String,
    subnet: Option<Ipv4Net>,
    /// The key of the range in the profile.
    key: String,
    /// Whether containers in it must be able to keep their addresses, as several servers of k3s must.
    fixed: bool,
}

/// The known facts of a network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// Its address ranges.
    ranges: Vec<String>,
    /// Whether containers in it can keep their addresses.
    fixed: bool,
    /// The number of servers of the platform's k3d cluster; 0 if they were not counted.
    servers: usize,
}

impl ResourceKind for NetworkResource {
    const NAME: super::KindWith<Self::Output> = NETWORK;
    const GONE_FIRST: &'static [KindName] = &[CLUSTER.name(), REGISTRY.name()];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|network, cx| Box::pin(network.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = None;
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let Some(local) = inputs.profile.cluster.local() else { return Ok(Vec::new()) };
        let key = format!("cluster.{}.subnet", maker(local.provider).name());
        let fixed = match &inputs.profile.cluster {
            Cluster::K3d(spec) => spec.servers > 1,
            Cluster::Kind(_) | Cluster::Existing(_) | Cluster::Eks(_) => false,
        };
        Ok(vec![Self { name: network_name(&inputs.platform), subnet: local.subnet, key, fixed }])
    }

    fn id(&self) -> Id {
        NETWORK.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, doing: Action) -> Facts {
        let range = self.subnet.filter(|_| doing == Action::Create).map(|range| Requirement::FreeRange {
            address: range.network(),
            prefix: range.prefix_len(),
            network: self.name.clone(),
            key: self.key.clone(),
        });
        Facts::lasting(Duration::from_secs(1)).requiring([Requirement::Engine].into_iter().chain(range))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(engine) = &context.engine else { return Ok(Vec::new()) };
        let found = named(engine, &context.platform).await?;
        let fixed = wanted.of::<Self>().iter().any(|network| network.fixed);
        let servers = if fixed && !found.iter().all(fixes_addresses) {
            servers(engine, &context.platform).await?
        } else {
            0
        };
        let found = found.into_iter().map(|network| {
            let owner = owner(&network, context);
            let generation = ownership::generation_of(&network.labels);
            let fields = Fields { fixed: fixes_addresses(&network), ranges: network.subnets, servers };
            let seen = Seen::ours(NETWORK.single(), network.id, fields, Some(()));
            Seen { generation, owner, ..seen }
        });
        Ok(found.collect())
    }

    /// A network holds no data itself: the cluster and the registry in it embed it, and name what is lost.
    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let Fields { ranges, fixed, servers } = &seen.fields;
        if let Some(subnet) = self.subnet
            && !ranges.contains(&subnet.to_string())
        {
            let was = ranges.join(", ");
            let change = Change::old_first(format!("its range is {was}; the profile wants {subnet}"));
            return Verdict::Differs(vec![change]);
        }
        // The network of a cluster of several servers that an older devplat created stays, because the cluster would go
        // with it.
        if self.fixed && !fixed && *servers < 2 {
            let why = "containers in it cannot keep their addresses, which several servers of k3s must";
            return Verdict::Differs(vec![Change::old_first(why)]);
        }
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl NetworkResource {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        if !self.fixed || self.subnet.is_some() {
            return self.create_in(self.subnet, self.fixed, cx).await;
        }
        let mut tries = 1;
        loop {
            let range = self.free_range(cx).await?;
            match self.create_in(Some(range), true, cx).await {
                Err(failure) if tries < TRIES => {
                    tries += 1;
                    tracing::debug!(why = %failure.one_line(), %range, "looking for another range");
                }
                ended => return ended,
            }
        }
    }

    /// Returns a range that the engine chooses: that of a network that is deleted again. A run that ends before the
    /// deletion leaves a network that differs from the wanted one.
    async fn free_range(&self, cx: &Cx) -> Result<Ipv4Net, Failure> {
        let engine = cx.context.engine()?;
        let Physical(id) = self.create_in(None, false, cx).await?;
        let chosen = engine.network(&id).await?.filter(|network| owner(network, &cx.context) == Owner::Ours);
        if chosen.is_some() {
            let call = format!("delete Docker network {}", self.name);
            cx.call(call, |()| Some(Physical(id.clone())), engine.remove_network(&id)).await?;
        }
        let ranges = chosen.map(|network| network.subnets).unwrap_or_default();
        ranges.iter().find_map(|range| range.parse().ok()).ok_or_else(|| {
            let why = format!("Docker network {} got no range of IPv4 addresses", self.name);
            Failure::new(Exit::PartWay, why).hint(format!("name one: --set {}=172.30.0.0/16", self.key))
        })
    }

    /// Creates it in a range; in one of the engine's choice if `range` is `None`. If `fixed`, it has the label of given
    /// ranges.
    async fn create_in(&self, range: Option<Ipv4Net>, fixed: bool, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let mut labels = ownership::labels(cx);
        if fixed {
            let (key, value) = FIXED_LABEL;
            labels.push((key.to_owned(), value.to_owned()));
        }
        let work = async {
            let made = engine.create_network(&self.name, &labels, range).await;
            made.map_err(|error| self.network_error(error))
        };
        let call = format!("create Docker network {}", self.name);
        match cx.call(call, |id: &String| Some(Physical(id.clone())), work).await {
            Ok(id) => Ok(Physical(id)),
            // The engine may have created it although its answer was lost.
            Err(failure) => {
                let found = Self::find(&cx.context, &Wanted::Nothing).await?;
                let wanted = |seen: &Seen<Self>| seen.owner == Owner::Ours && seen.fields.fixed == fixed;
                found.into_iter().rfind(wanted).map(|seen| seen.physical).ok_or(failure)
            }
        }
    }
}

impl NetworkResource {
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

/// Returns how many servers the platform's k3d cluster has, running or not.
async fn servers(engine: &Engine, platform: &PlatformName) -> Result<usize, Failure> {
    let nodes = Maker::K3d.nodes(engine, platform.as_str()).await?;
    Ok(nodes.iter().filter(|node| Maker::K3d.role(node) == Some(Role::ControlPlane)).count())
}

/// Returns the owner of a network, by its labels.
fn owner(network: &docker::Network, context: &PlatformContext) -> Owner {
    ownership::of_labels(&format!("Docker network {}", network.name), &network.labels, context)
}

async fn delete(seen: &Seen<NetworkResource>, cx: &Cx) -> Result<(), Failure> {
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
    use devplat_plan::How;

    use super::*;

    fn network(fixed: bool) -> NetworkResource {
        let key = "cluster.kind.subnet".to_owned();
        NetworkResource { name: "devplat-a".to_owned(), subnet: None, key, fixed }
    }

    fn compared(network: &NetworkResource, fixed: bool, servers: usize) -> Verdict {
        let fields = Fields { ranges: vec!["172.18.0.0/16".to_owned()], fixed, servers };
        network.compare(&Seen::ours(NETWORK.single(), "n1", fields, Some(())))
    }

    #[test]
    fn several_servers_need_a_network_that_fixes_addresses() {
        // As an interrupted creation and a cluster with one server leave it.
        for servers in [0, 1] {
            let verdict = compared(&network(true), false, servers);
            let Verdict::Differs(changes) = verdict else { panic!("{servers} servers: {verdict:?}") };
            assert_eq!(changes[0].how, How::OldFirst);
        }
        assert_eq!(compared(&network(true), true, 3), Verdict::Same);
        assert_eq!(compared(&network(false), true, 0), Verdict::Same);
        assert_eq!(compared(&network(false), false, 0), Verdict::Same);
    }

    #[test]
    fn servers_of_an_older_devplat_keep_their_network() {
        assert_eq!(compared(&network(true), false, 3), Verdict::Same);
    }

    #[test]
    fn engine_without_ranges_gets_one_that_is_free_in_the_hint() {
        let network = network(false);
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
