//! The taints of nodes that keep pods away. The scheduler's message has only the number of such nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

/// How many different taints are named.
const NAMED: usize = 3;

/// Returns the taints with a node that has each, such as `; taints: node.kubernetes.io/disk-pressure (node a and 2 more)`;
/// nothing if there are none.
pub(super) fn taints(nodes: &[Node]) -> String {
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
    use serde_json::json;

    use super::*;

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
}
