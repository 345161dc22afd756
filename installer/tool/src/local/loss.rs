//! Nodes that stop working during a call to them: it would wait for them until its own limit, which is minutes.

use std::{collections::BTreeSet, time::Duration};

use super::node::nodes;
use crate::docker::{Container, Engine};

/// The time between two looks at the nodes.
const PERIOD: Duration = Duration::from_secs(3);

/// Ends when a node of the cluster with `label` has been paused, or gone after it was there, in two looks in a row, which are
/// 3 s apart. Returns the reason. A look that fails shows nothing.
pub async fn lost_node(engine: &Engine, label: &str) -> String {
    let mut looks = Looks::default();
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Ok(nodes) = nodes(engine, label).await
            && let Some(why) = looks.add(&nodes)
        {
            return why;
        }
    }
}

/// The nodes of earlier looks.
#[derive(Debug, Default)]
struct Looks {
    seen: BTreeSet<String>,
    /// The reason that the last look showed.
    last: Option<String>,
}

impl Looks {
    /// Adds a look, and returns the reason if the last one showed the same.
    fn add(&mut self, nodes: &[Container]) -> Option<String> {
        let there: BTreeSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
        let gone = self.seen.difference(&there).next();
        let paused = nodes
            .iter()
            .filter(|node| node.paused)
            .map(|node| format!("container {} was paused", node.name))
            .next();
        let why = gone.map(|name| format!("container {name} is gone")).or(paused);
        self.seen.extend(there);
        let before = std::mem::replace(&mut self.last, why);
        self.last.clone().filter(|why| before.as_ref() == Some(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, running: bool, paused: bool) -> Container {
        Container { name: name.to_owned(), running, paused, ..Container::default() }
    }

    /// Returns the reason after each of these looks.
    fn after(all: &[&[Container]]) -> Vec<Option<String>> {
        let mut looks = Looks::default();
        all.iter().map(|nodes| looks.add(nodes)).collect()
    }

    #[test]
    fn node_that_stays_paused_or_gone_is_lost() {
        let (running, paused) = ([node("a", true, false)], [node("a", false, true)]);
        let why = "container a was paused".to_owned();
        assert_eq!(after(&[&running, &paused, &paused]), [None, None, Some(why)]);
        let why = "container a is gone".to_owned();
        assert_eq!(after(&[&running, &[], &[]]), [None, None, Some(why)]);
    }

    #[test]
    fn node_that_starts_or_is_away_for_a_moment_is_not_lost() {
        let (running, created) = ([node("a", true, false)], [node("a", false, false)]);
        let paused = [node("a", false, true)];
        for looks in [
            &[&[][..], &created, &created, &running][..],
            &[&running, &[], &running, &[]],
            &[&running, &paused, &running, &paused],
        ] {
            assert_eq!(after(looks), vec![None; looks.len()], "{looks:?}");
        }
    }
}
