//! Nodes of a finished cluster that are gone or stopped, which a search or a failed call has to name.

use std::time::Duration;

use devplat_plan::{Action, Physical};
use devplat_tool::local::{ClusterContainers, Maker, k3d, kind};

use crate::{
    failure::Failure,
    journal::{Journal, JournalEntry, Outcome},
    platform_context::PlatformContext,
    resource::CLUSTER,
};

/// How long the look at the containers may take after a failure.
const LOOK: Duration = Duration::from_secs(5);

/// Adds to a failure that the nodes of devplat's own cluster are gone or stopped, if they are. Calls to the API server only
/// show that it does not answer.
pub async fn with_lost_cluster(failure: Failure, context: &PlatformContext) -> Failure {
    let (None, Some(engine), Some(access)) = (&context.named, &context.engine, context.cluster()) else {
        return failure;
    };
    let name = context.platform.as_str();
    let is_context_of = |maker: &Maker| access.context == format!("{}-{name}", maker.name());
    let Some(maker) = Maker::ALL.into_iter().find(is_context_of) else { return failure };
    let look = tokio::time::timeout(LOOK, maker.containers(engine, name));
    let Ok(Ok(containers)) = look.await else { return failure };
    let Some(loss) = loss(&containers, maker, name) else { return failure };
    // Its own hints are those for a cluster that exists and does not answer.
    let failure = Failure { hints: Vec::new(), ..failure };
    failure.while_doing(loss).hint(format!("`{}` continues from here", context.command("up")))
}

/// Returns why no API server can answer; `None` if a node is running.
fn loss(containers: &ClusterContainers, maker: Maker, cluster: &str) -> Option<String> {
    let nodes = containers.nodes();
    if nodes.is_empty() {
        return Some(missing(maker, cluster));
    }
    let idle: Option<Vec<String>> = nodes.iter().map(|node| node.idle(&node.name)).collect();
    idle.map(|idle| idle.join(", "))
}

/// Returns that no node of a cluster is left.
pub(super) fn missing(maker: Maker, cluster: &str) -> String {
    format!("the cluster has no node: container {} is missing", first_node(maker, cluster))
}

/// Returns that no node of a finished cluster is left.
fn gone(maker: Maker, cluster: &str) -> String {
    format!("{}; the homes in it are lost", missing(maker, cluster))
}

/// Returns why a cluster has no record: its only node is gone, if the journal shows that it was finished. Without a
/// journal, nothing is known.
pub(super) fn lost_node(maker: Maker, nodes_left: bool, context: &PlatformContext) -> Option<String> {
    let is_own = |entries: &[JournalEntry]| is_finished(entries) && !is_of_other(entries, maker, context);
    let was_finished = || Journal::read(&context.state.journal()).is_ok_and(|entries| is_own(&entries));
    (!nodes_left && was_finished()).then(|| gone(maker, context.platform.as_str()))
}

/// Reports the loss of the only node of a finished cluster of which nothing else is left.
pub(in crate::resource) fn remark_lost_node(maker: Maker, context: &PlatformContext) {
    if let Some(lost) = lost_node(maker, false, context) {
        (context.remark)(&format!("note: {lost}"));
    }
}

/// Returns whether the last creation of the cluster ended well and no deletion of it has begun since.
fn is_finished(entries: &[JournalEntry]) -> bool {
    let cluster = CLUSTER.single().to_string();
    let of_cluster = entries.iter().filter(|entry| entry.step == cluster && entry.call.is_none());
    of_cluster.fold(false, |finished, entry| match (entry.action, &entry.outcome) {
        (Action::Create | Action::Replace | Action::Delete, Outcome::Begun) => false,
        (Action::Create | Action::Replace | Action::Update | Action::Check, Outcome::Done) => true,
        (
            Action::Create | Action::Update | Action::Check | Action::Replace | Action::Keep | Action::Delete,
            _,
        ) => finished,
    })
}

/// Returns whether the last call about the cluster was about one of another program.
fn is_of_other(entries: &[JournalEntry], maker: Maker, context: &PlatformContext) -> bool {
    let cluster = CLUSTER.single().to_string();
    let mut of_cluster = entries.iter().rev().filter(|entry| entry.step == cluster);
    let last = of_cluster.find_map(|entry| entry.physical.as_ref());
    last.is_some_and(|last| *last != physical(maker, context).0)
}

/// Returns the id of the platform's cluster.
pub(in crate::resource) fn physical(maker: Maker, context: &PlatformContext) -> Physical {
    Physical(format!("{} cluster {}", maker.name(), context.platform))
}

/// Returns the name of the first node.
fn first_node(maker: Maker, cluster: &str) -> String {
    let names = match maker {
        Maker::Kind => kind::container_names(cluster, None, 0),
        Maker::K3d => k3d::container_names(cluster, 1, 0),
    };
    names.into_iter().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use devplat_tool::docker::Container;

    use super::*;
    use crate::platform_context::testing::context;

    fn entry(action: Action, outcome: Outcome) -> JournalEntry {
        JournalEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            step: CLUSTER.single().to_string(),
            action,
            outcome,
            generation: 0,
            call: None,
            physical: None,
        }
    }

    #[test]
    fn finished_cluster_stays_finished_until_its_deletion_begins() {
        let created = [entry(Action::Create, Outcome::Begun), entry(Action::Create, Outcome::Done)];
        let with = |more: &[JournalEntry]| is_finished(&[&created[..], more].concat());
        assert!(!is_finished(&[]) && !is_finished(&created[..1]));
        assert!(with(&[]));
        // A start of its nodes that was killed deletes nothing.
        assert!(with(&[entry(Action::Update, Outcome::Begun)]));
        assert!(!with(&[entry(Action::Delete, Outcome::Begun)]));
        assert!(!with(&[entry(Action::Create, Outcome::Begun)]));
        let other = JournalEntry { step: "network".to_owned(), ..entry(Action::Delete, Outcome::Begun) };
        assert!(with(&[other]));
    }

    #[test]
    fn cluster_of_another_program_is_not_a_lost_one() {
        let context = context(std::path::Path::new("/state"));
        let created = |physical: Option<&str>| JournalEntry {
            physical: physical.map(str::to_owned),
            call: Some("create".to_owned()),
            ..entry(Action::Create, Outcome::Done)
        };
        let own = physical(Maker::K3d, &context).0;
        for (id, other) in [(None, false), (Some(own.as_str()), false), (Some("kind cluster devplat"), true)]
        {
            assert_eq!(is_of_other(&[created(id)], Maker::K3d, &context), other, "{id:?}");
        }
    }

    #[test]
    fn nodes_that_are_gone_or_stopped_are_named() {
        let labels = [("k3d.role".to_owned(), "server".to_owned())].into();
        let node = Container { name: "k3d-a-server-0".to_owned(), labels, ..Container::default() };
        let of = |nodes: Vec<Container>| loss(&ClusterContainers::of(nodes), Maker::K3d, "a");
        let missing = "the cluster has no node: container k3d-a-server-0 is missing";
        assert_eq!(of(Vec::new()).as_deref(), Some(missing));
        assert_eq!(of(vec![node.clone()]).as_deref(), Some("k3d-a-server-0 is stopped"));
        assert_eq!(of(vec![Container { running: true, ..node }]), None);
        assert_eq!(first_node(Maker::Kind, "a"), "a-control-plane");
    }
}
