//! The names of the containers of a cluster in containers. kind and k3d choose them, and fail if another container has
//! one.

use std::collections::BTreeMap;

use super::{Maker, occupant::NameOccupant};
use crate::docker::ListedContainer;

impl Maker {
    /// Returns the listed containers that have one of these names of cluster `cluster` and are not the cluster's own.
    pub fn name_holders(
        self,
        cluster: &str,
        names: &[String],
        listed: &[ListedContainer],
    ) -> Vec<NameOccupant> {
        let holds = |one: &&ListedContainer| names.contains(&one.name) && !self.made(cluster, &one.labels);
        listed.iter().filter(holds).map(NameOccupant::of).collect()
    }

    /// Returns whether the program gave these labels to a container of cluster `cluster`. Its deletion of the cluster
    /// deletes such a container.
    fn made(self, cluster: &str, labels: &BTreeMap<String, String>) -> bool {
        match (self, labels.get(self.cluster_label())) {
            (_, Some(of)) => of == cluster,
            // k3d's tools container may lack the label of the cluster.
            (Self::K3d, None) => labels.get("app").is_some_and(|app| app == "k3d"),
            (Self::Kind, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, labels: &[(&str, &str)]) -> ListedContainer {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ListedContainer { name: name.to_owned(), labels: labels.collect(), ..ListedContainer::default() }
    }

    fn holders(maker: Maker, names: &[&str], all: &[ListedContainer]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        maker.name_holders("a", &names, all).into_iter().map(|one| one.container).collect()
    }

    #[test]
    fn container_without_the_label_of_the_cluster_holds_its_name() {
        let all = [
            listed("k3d-a-agent-0", &[]),
            listed("k3d-a-server-0", &[("app", "k3d"), ("k3d.cluster", "b")]),
            listed("k3d-a-server-1", &[("dev.devplat.platform", "b")]),
            listed("unrelated", &[]),
        ];
        let names = ["k3d-a-server-0", "k3d-a-server-1", "k3d-a-agent-0"];
        let expected = ["k3d-a-agent-0", "k3d-a-server-0", "k3d-a-server-1"];
        assert_eq!(holders(Maker::K3d, &names, &all), expected);
        let node = [listed("a-control-plane", &[("app", "k3d")])];
        assert_eq!(holders(Maker::Kind, &["a-control-plane"], &node), ["a-control-plane"]);
    }

    #[test]
    fn container_of_another_platform_is_not_proposed_for_deletion() {
        let labelled = listed("k3d-a-agent-0", &[("dev.devplat.platform", "b")]);
        // A node of kind has its platform in a mount.
        let mounts = vec!["/etc/devplat/owner/b".to_owned()];
        let node = ListedContainer { mounts, ..listed("k3d-a-server-0", &[("io.x-k8s.kind.cluster", "b")]) };
        let names = ["k3d-a-agent-0".to_owned(), "k3d-a-server-0".to_owned()];
        for holder in Maker::K3d.name_holders("a", &names, &[labelled, node]) {
            assert_eq!(holder.platform.as_deref(), Some("b"));
            assert!(holder.to_string().ends_with(" belongs to platform b"), "{holder}");
            let hint = holder.hint();
            assert!(hint.contains("`devplat destroy --name b`") && !hint.contains("docker"), "{hint}");
        }
    }

    #[test]
    fn containers_of_half_a_cluster_do_not_hold_its_names() {
        let all = [
            listed("k3d-a-server-0", &[("app", "k3d"), ("k3d.cluster", "a")]),
            listed("k3d-a-tools", &[("app", "k3d")]),
        ];
        assert_eq!(holders(Maker::K3d, &["k3d-a-server-0", "k3d-a-tools"], &all), [""; 0]);
        let node = [listed("a-worker", &[("io.x-k8s.kind.cluster", "a")])];
        assert_eq!(holders(Maker::Kind, &["a-worker"], &node), [""; 0]);
    }
}
