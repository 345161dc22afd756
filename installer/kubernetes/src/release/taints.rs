//! The taints of nodes that keep pods away. The scheduler's message has only the number of such nodes.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::ListParams};
use tokio::time::Instant;

use crate::{
    CallError, Error, ObjectRef,
    call::{ApiServer, Call, CallVerb, Class},
};

/// How many different taints are named.
const NAMED: usize = 3;
/// How many nodes are read: a cluster can have thousands.
const NODES: u32 = 500;
/// How long their taints are used before they are read again.
const FRESH: Duration = Duration::from_secs(10);

/// The taints of the nodes, as a part of a sentence, and the time at which they were read.
#[derive(Default)]
pub(super) struct Taints(Option<(Instant, String)>);

impl Taints {
    /// Returns the taints of the cluster's first 500 nodes as a part of a sentence; nothing where the nodes may not be
    /// listed.
    pub(super) async fn of_nodes(&mut self, server: ApiServer<'_>) -> Result<&str, Error> {
        let fresh = self.0.take().filter(|(read, _)| read.elapsed() < FRESH);
        let known = match fresh {
            Some(known) => known,
            None => (Instant::now(), read(server).await?),
        };
        Ok(&self.0.insert(known).1)
    }
}

async fn read(server: ApiServer<'_>) -> Result<String, Error> {
    let api: Api<Node> = Api::all(server.client.clone());
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Node", None));
    let some = ListParams::default().limit(NODES);
    match server.call(&call, || async { api.list(&some).await }).await {
        Ok(nodes) => Ok(taints(&nodes.items)),
        Err(Error::Call(CallError { class, .. })) if matches!(*class, Class::Forbidden(_)) => {
            Ok(String::new())
        }
        Err(error) => Err(error),
    }
}

/// Returns the taints with a node that has each, such as `; taints: node.kubernetes.io/disk-pressure (node a and 2 more)`;
/// nothing if there are none.
fn taints(nodes: &[Node]) -> String {
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        let name = node.metadata.name.as_deref().unwrap_or_default();
        for taint in taints.iter().filter(|taint| taint.effect != "PreferNoSchedule") {
            let names = by_key.entry(&taint.key).or_default();
            // A key may be there twice: for pods that are to be scheduled, and for those that run.
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
    }
    if by_key.is_empty() {
        return String::new();
    }
    let more = by_key.len().saturating_sub(NAMED);
    let mut named: Vec<String> =
        by_key.iter().take(NAMED).map(|(key, names)| described(key, names)).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    format!("; taints: {}", named.join(", "))
}

fn described(key: &str, names: &[&str]) -> String {
    match names {
        [] => key.to_owned(),
        [name] => format!("{key} (node {name})"),
        [name, others @ ..] => format!("{key} (node {name} and {} more)", others.len()),
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

    fn node(name: &str, taints: &[(&str, &str)]) -> Node {
        let taints: Vec<_> =
            taints.iter().map(|(key, effect)| json!({"key": key, "effect": effect})).collect();
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"taints": taints}})).unwrap()
    }

    #[test]
    fn each_taint_is_named_once_with_a_node() {
        let full = ("node.kubernetes.io/disk-pressure", "NoSchedule");
        let gpu = ("nvidia.com/gpu", "NoSchedule");
        let nodes = [
            node("a", &[full, gpu]),
            node("b", &[full, ("node.kubernetes.io/disk-pressure", "NoExecute")]),
            node("c", &[("soft", "PreferNoSchedule")]),
            node("d", &[]),
        ];
        assert_eq!(
            taints(&nodes),
            "; taints: node.kubernetes.io/disk-pressure (node a and 1 more), nvidia.com/gpu (node a)"
        );
        assert_eq!(taints(&nodes[2..]), "");
    }

    #[test]
    fn number_of_taints_is_bounded() {
        let keys = ["a", "b", "c", "d", "e"];
        let nodes = keys.map(|key| node("n", &[(key, "NoSchedule")]));
        assert_eq!(taints(&nodes), "; taints: a (node n), b (node n), c (node n), 2 more");
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
            assert_eq!(found, format!("; taints: {expected} (node n)"));
            tokio::time::advance(FRESH / 2).await;
        }
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }
}
