//! The common code of kind and k3d clusters. Marks from the creating call identify the owner. A record in each node shows
//! that the creation was finished: the first node gets it last.

mod lost;
mod record;
mod rejoin;
mod verdict;

pub use lost::with_lost_cluster;
pub(super) use lost::{physical, remark_lost_node};
pub(super) use record::finish;
pub(super) use rejoin::{connect, is_outside};
pub(crate) use verdict::Fields;
pub(super) use verdict::{LOSS, compare, nothing_known};

use std::time::Duration;

use devplat_plan::{Facts, Loss, Owner, Physical, Requirement, State};
use devplat_tool::{
    docker::{Container, Engine},
    local::{ClusterContainers, Maker, Mark, Role},
};
use lost::lost_node;
use record::ClusterRecord;
use verdict::{faults, of_unfinished};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, Wanted,
    local_access::{UnreadyCluster, awake},
    local_creation::ports_of,
    network, node_certificates, ownership,
    renamed::{Renamed, rename_back},
};
use crate::{
    failure::{Exit, Failure},
    platform_context::{ClusterAccess, PlatformContext},
};

/// How long the API server may take to answer after a start of the nodes.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// How long the API server may reject the certificate in its own nodes, which happens while it starts.
const REJECTED_PATIENCE: Duration = Duration::from_secs(10);
/// How often a cluster is read whose containers are being deleted meanwhile.
const TRIES: usize = 3;

/// Returns whether the planner must consider a cluster. A foreign one blocks only a cluster of the same maker, because
/// names of kind's and of k3d's containers never conflict.
pub(super) fn counts<K: ResourceKind>(seen: &Seen<K>, wanted: &Wanted<'_>) -> bool {
    let same_maker = match wanted {
        Wanted::These(_) => !wanted.of::<K>().is_empty(),
        Wanted::Nothing | Wanted::Outputs => true,
    };
    match &seen.owner {
        Owner::Foreign(_) => same_maker,
        Owner::Ours | Owner::Adopted | Owner::Caused { .. } => true,
    }
}

/// Finds the cluster of `maker` with the platform's name.
pub(super) async fn find<K>(
    maker: Maker,
    context: &PlatformContext,
    wanted: &Wanted<'_>,
) -> Result<Option<Seen<K>>, Failure>
where
    K: ResourceKind<Fields = Fields, Output = ClusterAccess>,
{
    let Some(engine) = &context.engine else { return Ok(None) };
    let name = context.platform.as_str();
    let mut tries = TRIES;
    loop {
        maker.wait_removed(engine, name).await?;
        let containers = maker.containers(engine, name).await?;
        let failure = match Box::pin(look(maker, engine, &containers, context, wanted)).await {
            Err(failure) if tries > 1 => failure,
            outcome => return outcome,
        };
        // A container whose deletion has begun cannot be read any longer.
        maker.wait_removed(engine, name).await?;
        if ids(&maker.containers(engine, name).await?) == ids(&containers) {
            return Err(failure);
        }
        tries -= 1;
    }
}

fn ids(containers: &ClusterContainers) -> Vec<&str> {
    containers.all().iter().map(|container| container.id.as_str()).collect()
}

async fn look<K>(
    maker: Maker,
    engine: &Engine,
    containers: &ClusterContainers,
    context: &PlatformContext,
    wanted: &Wanted<'_>,
) -> Result<Option<Seen<K>>, Failure>
where
    K: ResourceKind<Fields = Fields, Output = ClusterAccess>,
{
    let name = context.platform.as_str();
    let nodes = containers.nodes();
    let what = format!("{} cluster {name}", maker.name());
    let Some(first) = nodes.first() else { return labelled(maker, &what, context).await };
    let owner = owner(&what, nodes, context);
    let mut seen = Seen::<K>::ours(CLUSTER.single(), what, nothing_known(), None);
    seen.owner = owner;
    seen.loses = Some(Loss(LOSS.to_owned()));
    let ports = containers.all().iter().flat_map(|one| one.bound.values().flatten());
    let running = nodes.iter().filter(|node| node.running).count();
    seen.deletion = Facts::lasting(Duration::from_secs(3))
        .requiring([Requirement::Engine, Requirement::Tool(maker.name())])
        .freeing(ports.map(|bound| (bound.address, bound.port).into()))
        .ending_nodes(u32::try_from(running).unwrap_or(u32::MAX));
    seen.update = Facts::default().requiring(containers.all().iter().flat_map(ports_of));
    if seen.owner != Owner::Ours {
        return Ok(Some(seen));
    }
    match maker.read_record(engine, &first.name).await? {
        None => {
            seen.state = unfinished(maker, RemainingNodes::Some, context).await;
            seen.loses = None;
            return Ok(Some(seen));
        }
        // A damaged record must not keep the user from deleting the cluster.
        Some(record) if !wanted.is_nothing() => {
            let record = ClusterRecord::parse(&record, maker, first, context)?;
            let network = network::network_name(&context.platform);
            let outside = |one: &Container| is_outside(&one.name, &network);
            seen.fields.missing = record.missing(containers);
            seen.fields.renamed = renamed(&record, containers, engine).await?;
            seen.fields.detached = record.detached(containers, &network).into_iter().map(outside).collect();
            seen.generation = record.generation;
            seen.fields.spec = Some(record.spec);
        }
        Some(_) => {}
    }
    seen.fields.stopped = containers.all().iter().filter_map(|one| one.idle(&one.name)).collect();
    // A cluster without a control plane has no kubeconfig.
    let has_server = nodes.iter().any(|node| maker.role(node) == Some(Role::ControlPlane));
    if !wanted.is_nothing() && seen.fields.stopped.is_empty() && has_server {
        match awake(maker, containers, context, &mut None).await? {
            Ok(access) => seen.output = Some(access),
            Err(why) => seen.fields.asleep = Some(why.to_string()),
        }
    }
    if !wanted.is_nothing() && seen.output.is_none() {
        let expired = node_certificates::expired(maker, nodes, context).await?;
        seen.fields.expired = expired.into_iter().map(|expired| expired.node).collect();
    }
    let faults = faults(&seen.fields);
    if !faults.is_empty() {
        seen.state = State::Degraded(faults);
    }
    Ok(Some(seen))
}

/// Whether an unfinished cluster has nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemainingNodes {
    Some,
    None,
}

/// Returns the state of a cluster without a record, or of what is there without a node.
pub(super) async fn unfinished(maker: Maker, nodes: RemainingNodes, context: &PlatformContext) -> State {
    let run = context.other_run().await;
    of_unfinished(run.as_ref(), lost_node(maker, nodes == RemainingNodes::Some, context))
}

/// Returns the containers that a user has renamed.
async fn renamed(
    record: &ClusterRecord,
    containers: &ClusterContainers,
    engine: &Engine,
) -> Result<Vec<Renamed>, Failure> {
    let renamed = record.renamed(containers);
    if renamed.is_empty() {
        return Ok(Vec::new());
    }
    let all = engine.all_containers().await?;
    let taken = |name: &str| all.iter().any(|one| one.name == name);
    let of = |(one, name): (&Container, &str)| Renamed {
        now: one.name.clone(),
        name: name.to_owned(),
        taken: taken(name),
    };
    Ok(renamed.into_iter().map(of).collect())
}

/// Finds containers that kind would delete by their label although they are not nodes. The half-made clusters of k3d are
/// found in `k3d_cluster`.
async fn labelled<K>(maker: Maker, what: &str, context: &PlatformContext) -> Result<Option<Seen<K>>, Failure>
where
    K: ResourceKind<Fields = Fields, Output = ClusterAccess>,
{
    // Such a program sets all labels of a node together, so a labelled container that is not a node is a stranger's.
    if !maker.labels_only_nodes() {
        return Ok(None);
    }
    let label = maker.label(context.platform.as_str());
    let containers = context.engine()?.containers(&label).await?;
    let Some(first) = containers.first() else { return Ok(None) };
    let seen = Seen::<K>::ours(CLUSTER.single(), what, nothing_known(), None);
    let owner =
        Owner::stranger(format!("container {} has the label {label} and is not devplat's", first.name));
    Ok(Some(Seen { owner, ..seen }))
}

/// Returns the owner. All nodes must have the mark, because a node without it is not devplat's.
fn owner(what: &str, nodes: &[Container], context: &PlatformContext) -> Owner {
    let owners = nodes.iter().map(|node| ownership::of_mark(what, Mark::of_node(node).as_ref(), context));
    owners.into_iter().find(|owner| *owner != Owner::Ours).unwrap_or(Owner::Ours)
}

/// Gives the containers their names back, connects them to their network again, starts the stopped ones, control planes first
/// and load balancers last, and renews expired certificates.
pub(super) async fn start(maker: Maker, cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    let mut containers = maker.containers(engine, cx.context.platform.as_str()).await?;
    let record = ClusterRecord::read(maker, &containers, engine, &cx.context).await?;
    let renamed = record.as_ref().map(|record| record.renamed(&containers)).unwrap_or_default();
    if !renamed.is_empty() {
        for (container, name) in renamed {
            rename_back(container, name, cx).await?;
        }
        containers = maker.containers(engine, cx.context.platform.as_str()).await?;
    }
    let nodes = containers.nodes();
    // Look before the start, at which k3s renews its certificates.
    let expired = node_certificates::expired(maker, nodes, &cx.context).await?;
    if let Some(record) = &record {
        rejoin::rejoin(record, &containers, engine, cx).await?;
    }
    for container in maker.containers(engine, cx.context.platform.as_str()).await?.all() {
        if !container.running {
            let call = format!("{} container {}", container.starting(), container.name);
            cx.report(&call);
            let physical = Some(Physical(container.id.clone()));
            cx.call(call, |()| physical, engine.start(&container.name)).await?;
        }
    }
    let Some(first) = nodes.first() else { return Ok(()) };
    let renewal = Box::pin(node_certificates::renew(&expired, &first.name, cx));
    renewal.await.map_err(|failure| {
        let failure = failure.while_doing("cannot renew the certificates of its nodes");
        failure.hint("run the same command again, which continues").hint(instead_of_renewal(cx))
    })
}

/// Returns the hint for a cluster whose certificates cannot be renewed.
fn instead_of_renewal(cx: &Cx) -> String {
    format!("or delete the cluster with {LOSS}: `{}`", cx.context.command("destroy"))
}

/// Waits until the cluster answers, and returns the access to it.
pub(super) async fn settle(maker: Maker, cx: &Cx) -> Result<ClusterAccess, Failure> {
    let engine = cx.context.engine()?;
    let begun = tokio::time::Instant::now();
    let mut rejected_since = None;
    let mut last = None;
    loop {
        let containers = maker.containers(engine, cx.context.platform.as_str()).await?;
        if containers.nodes().is_empty() {
            let gone = lost::missing(maker, cx.context.platform.as_str());
            return Err(Failure::new(Exit::PartWay, gone)
                .hint(format!("`{}` creates the cluster again", cx.context.command("up"))));
        }
        let why = match awake(maker, &containers, &cx.context, &mut last).await? {
            Ok(access) => return Ok(access),
            Err(why) => why,
        };
        let first = containers.nodes().first();
        let first = first.map_or_else(|| "NODE".to_owned(), |node| node.name.clone());
        match why {
            UnreadyCluster::NotYet(_) => rejected_since = None,
            UnreadyCluster::Rejected => {
                let since = *rejected_since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() > REJECTED_PATIENCE {
                    return Err(Failure::new(Exit::PartWay, format!("the cluster cannot be used: {why}"))
                        .hint(format!("if they expired: {}", maker.renewal(&first)))
                        .hint(instead_of_renewal(cx)));
                }
            }
        }
        if begun.elapsed() > START_PATIENCE {
            let other = engine.other_host().await.ok().flatten();
            return Err(Failure::new(
                Exit::PartWay,
                format!("the cluster did not come up within {} s: {why}", START_PATIENCE.as_secs()),
            )
            .maybe_hint(other.map(|other| other.hint()))
            .hint(format!("read `docker logs {first}`, then run the same command, which waits again")));
        }
        cx.report(format!("waiting for the cluster: {why}"));
        cx.pause(Duration::from_millis(300)).await?;
    }
}
