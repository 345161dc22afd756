//! The common code of kind and k3d clusters. Marks from the creating call identify the owner. A record in the first
//! node, which is written last, shows that the creation was finished.

use std::time::Duration;

use devplat_plan::{Change, Detail, Facts, How, Loss, Owner, Physical, Requirement, State, Verdict};
use devplat_tool::{
    docker::{Container, Engine},
    local::{ClusterContainers, Maker, Mark},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, Wanted,
    local_access::{Unready, awake},
    node_certificates, ownership,
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
/// The data that the deletion of a cluster destroys.
pub(super) const LOSS: &str = "every dev server and home in it";

/// The configuration of a finished cluster.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    platform: String,
    /// Counts replacements; 0 in records of an older devplat.
    #[serde(default)]
    generation: u32,
    spec: Value,
}

/// The known facts of a cluster in an engine.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// The configuration in its record; `None` if it was not read.
    spec: Option<Value>,
    /// Its nodes and load balancers that are not running.
    stopped: Vec<String>,
    /// Why its API server does not answer although the nodes are running.
    asleep: Option<String>,
    /// Nodes with expired certificates. They are not searched while the cluster answers.
    expired: Vec<String>,
}

/// Returns the facts of a half-made cluster, which are none.
pub(super) fn nothing_known() -> Fields {
    Fields { spec: None, stopped: Vec::new(), asleep: None, expired: Vec::new() }
}

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
    if seen.owner != Owner::Ours {
        return Ok(Some(seen));
    }
    match maker.read_record(engine, &first.name).await? {
        None => {
            seen.state = State::Failed("its creation was interrupted".to_owned());
            seen.loses = None;
            return Ok(Some(seen));
        }
        // A damaged record must not keep the user from deleting the cluster.
        Some(record) if !wanted.is_nothing() => {
            let Record { platform: _, generation, spec } = parse(&record, maker, first, context)?;
            seen.generation = generation;
            seen.fields.spec = Some(spec);
        }
        Some(_) => {}
    }
    let stopped = containers.all().iter().filter(|one| !one.running);
    seen.fields.stopped = stopped.map(|one| one.name.clone()).collect();
    if !wanted.is_nothing() && seen.fields.stopped.is_empty() {
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

fn parse(
    record: &[u8],
    maker: Maker,
    node: &Container,
    context: &PlatformContext,
) -> Result<Record, Failure> {
    serde_json::from_slice(record).map_err(|error| {
        Failure::of(Exit::PartWay, &error)
            .while_doing(format!("{} in container {} is damaged", maker.record_path(), node.name))
            .hint(format!(
                "`{}` deletes the cluster with {LOSS}; no other command does",
                context.command("destroy")
            ))
    })
}

/// Returns the owner. All nodes must have the mark, because a node without it is not devplat's.
fn owner(what: &str, nodes: &[Container], context: &PlatformContext) -> Owner {
    let owners = nodes.iter().map(|node| ownership::of_mark(what, Mark::of_node(node).as_ref(), context));
    owners.into_iter().find(|owner| *owner != Owner::Ours).unwrap_or(Owner::Ours)
}

/// Compares the cluster with the profile. `key` is the section of the profile.
pub(super) fn compare(key: &str, spec: &Value, fields: &Fields) -> Verdict {
    let mut changes: Vec<Change> =
        fields.spec.as_ref().map(|was| differences(key, was, spec)).unwrap_or_default();
    if changes.is_empty() {
        changes.extend(faults(fields).into_iter().map(Change::in_place));
    }
    if changes.is_empty() { Verdict::Same } else { Verdict::Differs(changes) }
}

/// Returns why it cannot be used now although it exists. Expired certificates are the reason why it does not answer.
fn faults(fields: &Fields) -> Vec<String> {
    let Fields { spec: _, stopped, asleep, expired } = fields;
    let stopped = stopped.iter().map(|node| format!("{node} is stopped"));
    let asleep = match expired.as_slice() {
        [] => asleep.clone(),
        nodes => Some(format!("the certificates of {} have expired", nodes.join(", "))),
    };
    stopped.chain(asleep).collect()
}

/// Returns the differences. A key that is absent on one side and empty on the other does not differ, because older
/// records lack newer keys.
fn differences(key: &str, was: &Value, wanted: &Value) -> Vec<Change> {
    let empty = serde_json::Map::new();
    let (was, wanted) = (was.as_object().unwrap_or(&empty), wanted.as_object().unwrap_or(&empty));
    let text = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(ToString::to_string);
    let mut keys: Vec<&String> = was.keys().chain(wanted.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter_map(|name| {
            let (was, wanted) = (text(was.get(name)), text(wanted.get(name)));
            let detail =
                Detail::Field { name: format!("{key}.{name}"), was: was.clone(), wanted: wanted.clone() };
            (was != wanted).then(|| Change { detail, how: How::OldFirst, loses: Some(Loss(LOSS.to_owned())) })
        })
        .collect()
}

/// Starts the stopped containers, control planes first and load balancers last, and renews expired certificates.
pub(super) async fn start(maker: Maker, cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    let containers = maker.containers(engine, cx.context.platform.as_str()).await?;
    let nodes = containers.nodes();
    // Look before the start, at which k3s renews its certificates.
    let expired = node_certificates::expired(maker, nodes, &cx.context).await?;
    for container in containers.all() {
        if !container.running {
            cx.report(format!("starting {}", container.name));
            let physical = Some(Physical(container.id.clone()));
            let work = engine.start(&container.name);
            cx.call(format!("start container {}", container.name), |()| physical, work).await?;
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
        let why = match awake(maker, &containers, &cx.context, &mut last).await? {
            Ok(access) => return Ok(access),
            Err(why) => why,
        };
        let first = containers.nodes().first();
        let first = first.map_or_else(|| "NODE".to_owned(), |node| node.name.clone());
        match why {
            Unready::NotYet(_) => rejected_since = None,
            Unready::Rejected => {
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

/// Writes the record of the finished cluster to the first node.
pub(super) async fn finish(maker: Maker, spec: &Value, engine: &Engine, cx: &Cx) -> Result<(), Failure> {
    cx.report("writing its record");
    let nodes = maker.nodes(engine, cx.context.platform.as_str()).await?;
    let first = nodes.first().ok_or_else(|| {
        Failure::new(Exit::PartWay, "its nodes were deleted while it was created")
            .hint("run the same command again")
    })?;
    let record =
        Record { platform: cx.context.platform.to_string(), generation: cx.generation(), spec: spec.clone() };
    let text = serde_json::to_vec(&record).expect("a record is JSON");
    let work = maker.write_record(engine, &first.name, &text);
    let (path, node) = (maker.record_path(), &first.name);
    let physical = Some(Physical(format!("{node}:{path}")));
    cx.call(format!("write {path} in {node}"), |()| physical, work).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(spec: Value) -> Fields {
        Fields { spec: Some(spec), ..nothing_known() }
    }

    fn said(verdict: &Verdict) -> Vec<String> {
        match verdict {
            Verdict::Differs(changes) => changes.iter().map(ToString::to_string).collect(),
            verdict => vec![format!("{verdict:?}")],
        }
    }

    #[test]
    fn older_record_without_newer_empty_keys_does_not_differ() {
        let was = fields(json!({"nodeImage": "auto", "sshPort": null, "bastionPort": 30022}));
        let wanted = json!({"nodeImage": "auto", "bastionPort": 30022});
        assert_eq!(compare("cluster.kind", &wanted, &was), Verdict::Same);
    }

    #[test]
    fn change_of_the_cluster_names_the_key_and_the_lost_data() {
        let was = fields(json!({"workers": 1, "sshPort": 22}));
        let verdict = compare("cluster.kind", &json!({"workers": 2, "sshPort": 22}), &was);
        assert_eq!(said(&verdict), ["cluster.kind.workers is 1; the profile wants 2"]);
        let Verdict::Differs(changes) = verdict else { panic!("it differs") };
        assert_eq!(changes[0].loses, Some(Loss(LOSS.to_owned())));
    }

    #[test]
    fn stopped_node_is_a_difference_in_place() {
        let stopped = Fields { stopped: vec!["a-control-plane".to_owned()], ..fields(json!({})) };
        assert_eq!(said(&compare("cluster.kind", &json!({}), &stopped)), ["a-control-plane is stopped"]);
    }

    #[test]
    fn expired_certificates_explain_why_a_cluster_does_not_answer() {
        let expired = Fields {
            asleep: Some("its API server is not ready".to_owned()),
            expired: vec!["a-control-plane".to_owned(), "a-worker".to_owned()],
            ..fields(json!({}))
        };
        let why = "the certificates of a-control-plane, a-worker have expired";
        assert_eq!(said(&compare("cluster.kind", &json!({}), &expired)), [why]);
        let stopped = Fields { stopped: vec!["a-worker".to_owned()], ..expired };
        assert_eq!(said(&compare("cluster.kind", &json!({}), &stopped)), ["a-worker is stopped", why]);
    }
}
