//! The ranks of objects in an apply. Objects of one rank do not need each other and are applied concurrently. Pure.

use std::collections::BTreeMap;

use kube::api::DynamicObject;

/// The rank of an object. Objects of a rank are applied after those of all ranks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Namespaces and CRDs, without which other objects cannot be created.
    Room,
    /// All other objects.
    Plain,
    /// Bindings of roles: for a user without the verb `bind`, the API server compares the rights of the role with the
    /// user's, so the role must exist.
    Binding,
    /// Objects that start pods, which use the `ServiceAccounts`, rights and settings of the ranks before.
    Workload,
}

impl Rank {
    fn of(object: &DynamicObject) -> Self {
        let kind = object.types.as_ref().map_or("", |types| types.kind.as_str());
        match kind {
            "Namespace" | "CustomResourceDefinition" => Self::Room,
            "RoleBinding" | "ClusterRoleBinding" => Self::Binding,
            "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "Job" | "CronJob" | "Pod" => {
                Self::Workload
            }
            _ => Self::Plain,
        }
    }
}

/// Returns the objects by rank, each rank in the given order.
pub(super) fn by_rank(objects: &[DynamicObject]) -> BTreeMap<Rank, Vec<&DynamicObject>> {
    let mut ranks: BTreeMap<Rank, Vec<&DynamicObject>> = BTreeMap::new();
    for object in objects {
        ranks.entry(Rank::of(object)).or_default().push(object);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str) -> DynamicObject {
        serde_json::from_value(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})).unwrap()
    }

    #[test]
    fn objects_are_ranked_by_their_needs_and_keep_their_order() {
        let objects = [
            object("Deployment", "a"),
            object("ServiceAccount", "b"),
            object("ClusterRoleBinding", "c"),
            object("Namespace", "d"),
            object("RoleBinding", "e"),
            object("ClusterRole", "f"),
            object("DevServerFlavor", "g"),
            object("CustomResourceDefinition", "h"),
        ];
        let ranks: Vec<(Rank, String)> = by_rank(&objects)
            .into_iter()
            .map(|(rank, objects)| (rank, objects.iter().map(|object| object.name_any()).collect()))
            .collect();
        let expected =
            [(Rank::Room, "dh"), (Rank::Plain, "bfg"), (Rank::Binding, "ce"), (Rank::Workload, "a")];
        assert_eq!(ranks, expected.map(|(rank, names)| (rank, names.to_owned())));
    }
}
