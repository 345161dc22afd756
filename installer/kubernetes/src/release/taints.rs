//! The taints of nodes that keep pods away. The scheduler's message has only the number of such nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::ListParams, core::ObjectList};
use tokio::time::Instant;

use super::obstacle::{Obstacle, TaintKind};
use crate::{
    CallError, Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, Class},
};

/// How many different taints are named.
const NAMED: usize = 3;
/// How many nodes are read: a cluster can have thousands.
const NODES: u32 = 500;
/// How long their taints are used before they are read again.
const FRESH: Duration = Duration::from_secs(10);

/// The taints that keep pods away from the nodes, and the time at which they were read.
#[derive(Default)]
pub(super) struct Taints(Option<(Instant, Obstacles)>);

/// The taints that keep pods away from the nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Obstacles {
    /// One for each taint.
    pub(super) all: Vec<Obstacle>,
    /// Whether each node has one that lasts until the user removes its cause.
    pub(super) last: bool,
}

impl Taints {
    /// Returns what keeps pods away from the cluster's first 500 nodes; nothing where the nodes may not be listed.
    pub(super) async fn of_nodes(&mut self, server: ApiServer<'_>) -> Result<&Obstacles, Error> {
        let fresh = self.0.take().filter(|(read, _)| read.elapsed() < FRESH);
        let known = match fresh {
            Some(known) => known,
            None => (Instant::now(), read(server).await?),
        };
        Ok(&self.0.insert(known).1)
    }
}

/// Returns the taints that keep pods away if all nodes of the cluster have one that a user has set. A pressure ends by itself
/// some minutes after its cause, so only a wait for pods reports it. Returns none where the nodes may not be listed.
pub async fn closed_nodes(client: &Client, pace: &dyn Pace) -> Result<Vec<Obstacle>, Error> {
    let Obstacles { all, last } = read(ApiServer { client, pace }).await?;
    Ok(if last && !all.iter().any(Obstacle::is_pressure) { all } else { Vec::new() })
}

async fn read(server: ApiServer<'_>) -> Result<Obstacles, Error> {
    let api: Api<Node> = Api::all(server.client.clone());
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Node", None));
    let some = ListParams::default().limit(NODES);
    match server.call(&call, || async { api.list(&some).await }).await {
        Ok(ObjectList { types: _, metadata, items }) => {
            let are_all = metadata.continue_.is_none_or(|token| token.is_empty());
            let obstacles = Obstacles::of(&items);
            Ok(Obstacles { last: obstacles.last && are_all, ..obstacles })
        }
        Err(Error::Call(CallError { class, .. })) if matches!(*class, Class::Forbidden(_)) => {
            Ok(Obstacles::default())
        }
        Err(error) => Err(error),
    }
}

impl Obstacles {
    /// Returns the taints of these nodes.
    fn of(nodes: &[Node]) -> Self {
        let mut by_key: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        let mut last = !nodes.is_empty();
        for node in nodes {
            let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
            let closing = taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
            // A key may be there twice: for pods that are to be scheduled, and for those that run.
            let keys: BTreeSet<&str> = closing.map(|taint| taint.key.as_str()).collect();
            last &= keys.iter().any(|key| TaintKind::of(key).lasts(node));
            for key in keys {
                by_key.entry(key).or_default().push(node);
            }
        }
        Self { all: by_key.iter().filter_map(|(key, nodes)| Obstacle::of(key, nodes)).collect(), last }
    }

    /// Returns the taints as a part of a sentence, such as `; node a is cordoned (taint
    /// node.kubernetes.io/unschedulable)`; nothing if there are none.
    pub(super) fn text(&self) -> String {
        if self.all.is_empty() {
            return String::new();
        }
        let mut named: Vec<String> = self.all.iter().take(NAMED).map(ToString::to_string).collect();
        let more = self.all.len().saturating_sub(NAMED);
        if more > 0 {
            named.push(format!("{more} more taints"));
        }
        format!("; {}", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use serde_json::json;

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    const FULL: (&str, &str) = ("node.kubernetes.io/disk-pressure", "NoSchedule");
    const NOT_READY: (&str, &str) = ("node.kubernetes.io/not-ready", "NoExecute");

    fn node(name: &str, taints: &[(&str, &str)]) -> Node {
        let taints: Vec<_> =
            taints.iter().map(|(key, effect)| json!({"key": key, "effect": effect})).collect();
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"taints": taints}})).unwrap()
    }

    #[test]
    fn each_taint_is_named_once_with_a_node() {
        let gpu = ("nvidia.com/gpu", "NoSchedule");
        let nodes = [
            node("a", &[FULL, gpu]),
            node("b", &[FULL, (FULL.0, "NoExecute")]),
            node("c", &[("soft", "PreferNoSchedule")]),
            node("d", &[]),
        ];
        assert_eq!(
            Obstacles::of(&nodes).text(),
            "; node a and 1 more report that their disks are nearly full (taint \
             node.kubernetes.io/disk-pressure), node a has taint nvidia.com/gpu"
        );
        assert_eq!(Obstacles::of(&nodes[2..]).text(), "");
    }

    #[test]
    fn number_of_taints_is_bounded() {
        let keys = ["a", "b", "c", "d", "e"];
        let nodes = keys.map(|key| node("n", &[(key, "NoSchedule")]));
        let text = "; node n has taint a, node n has taint b, node n has taint c, 2 more taints";
        assert_eq!(Obstacles::of(&nodes).text(), text);
    }

    #[test]
    fn obstacles_last_only_if_no_node_becomes_free_by_itself() {
        let last = |nodes: &[Node]| Obstacles::of(nodes).last;
        let cordoned = ("node.kubernetes.io/unschedulable", "NoSchedule");
        assert!(last(&[node("a", &[FULL]), node("b", &[NOT_READY, cordoned])]));
        assert!(!last(&[node("a", &[FULL]), node("b", &[NOT_READY])]));
        assert!(!last(&[node("a", &[FULL]), node("b", &[])]));
        assert!(!last(&[]));
    }

    #[tokio::test]
    async fn nodes_are_closed_only_if_none_becomes_free_by_itself() {
        let closed = async |nodes: &[Node]| {
            let list = json!({"apiVersion": "v1", "kind": "NodeList", "metadata": {}, "items": nodes});
            let client = client(move |_| (200, list.clone()));
            closed_nodes(&client, &Steady).await.unwrap().len()
        };
        let cordoned = node("a", &[("node.kubernetes.io/unschedulable", "NoSchedule")]);
        assert_eq!(closed(std::slice::from_ref(&cordoned)).await, 1);
        assert_eq!(closed(&[cordoned, node("b", &[NOT_READY])]).await, 0);
        assert_eq!(closed(&[node("a", &[("node.kubernetes.io/disk-pressure", "NoSchedule")])]).await, 0);
        // Nodes on machines may get others beside them.
        let mut own = node("k3d-a-server-0", &[("foo", "NoSchedule")]);
        assert_eq!(closed(std::slice::from_ref(&own)).await, 0);
        own.spec.as_mut().unwrap().provider_id = Some("k3s://k3d-a-server-0".to_owned());
        assert_eq!(closed(&[own]).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_are_read_with_a_limit_and_again_after_10_s() {
        let reads = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&reads);
        let client = client(move |request| {
            assert_eq!(request.uri().query(), Some("&limit=500"));
            let key = format!("taint-{}", seen.fetch_add(1, Ordering::Relaxed));
            let node = json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}});
            (200, json!({"apiVersion": "v1", "kind": "NodeList", "metadata": {}, "items": [node]}))
        });
        let (server, mut taints) = (ApiServer { client: &client, pace: &Steady }, Taints::default());
        for expected in ["taint-0", "taint-0", "taint-1"] {
            let found = taints.of_nodes(server).await.unwrap();
            assert_eq!(found.text(), format!("; node n has taint {expected}"));
            tokio::time::advance(FRESH / 2).await;
        }
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }
}
