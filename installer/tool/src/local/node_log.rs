//! The logs of nodes whose cluster could not be created. The kernel's reason reaches devplat only in the words of systemd,
//! containerd and the kubelet. These words select the explanation of the failure; no step depends on them.

use std::{error::Error, fmt, time::Duration};

use super::Maker;
use crate::{
    docker::{Container, Engine, EngineError, Stdin},
    limits::Limit,
    process,
};

/// How many of a log's last lines are read.
const LINES: u16 = 500;
/// How many nodes' logs are read. All nodes share the limits of one machine.
const NODES: usize = 4;
/// How long reading all logs may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many characters of a line are quoted.
const QUOTED: usize = 300;
/// Prints the end of the journal in a kind node, where systemd starts containerd and the kubelet.
const JOURNAL: [&str; 10] = [
    "journalctl",
    "--unit",
    "containerd",
    "--unit",
    "kubelet",
    "--lines",
    "500",
    "--no-pager",
    "--output",
    "cat",
];

/// The facts in the logs of the nodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NodeLogs {
    /// The first limit of inotify that a node reports as reached.
    pub(super) reached: Option<ReachedLimit>,
    /// The first node that ended by itself.
    pub(super) ended: Option<EndedNode>,
    /// Whether the logs of all nodes were read.
    pub(super) complete: bool,
}

/// A node's report that a limit of inotify is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReachedLimit {
    pub(super) node: String,
    pub(super) limit: Limit,
    /// The line of the log.
    pub(super) line: String,
}

/// A node that ended by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EndedNode {
    node: String,
    status: i64,
    /// Its last lines of output.
    said: String,
}

impl fmt::Display for EndedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, status, said } = self;
        write!(f, "node {node} ended with exit status {status}")?;
        if said.is_empty() { Ok(()) } else { write!(f, "; its last lines: {said}") }
    }
}

/// Reads the logs of `nodes`.
pub(super) async fn read(maker: Maker, engine: &Engine, nodes: &[Container]) -> NodeLogs {
    let mut found = NodeLogs::default();
    let reading = tokio::time::timeout(PATIENCE, found.read_all(maker, engine, nodes)).await;
    found.complete = reading.unwrap_or(false);
    found
}

impl NodeLogs {
    /// Returns whether every log was read.
    async fn read_all(&mut self, maker: Maker, engine: &Engine, nodes: &[Container]) -> bool {
        let mut complete = true;
        for node in nodes.iter().take(NODES) {
            match log(maker, engine, node).await {
                Ok(text) => self.take(node, &text),
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn Error,
                        "cannot read the log of node {}",
                        node.name
                    );
                    complete = false;
                }
            }
        }
        complete
    }

    fn take(&mut self, node: &Container, log: &str) {
        let name = || node.name.clone();
        if self.reached.is_none() {
            let first = log.lines().find_map(|line| Some((reached(line)?, line)));
            self.reached =
                first.map(|(limit, line)| ReachedLimit { node: name(), limit, line: quoted(line) });
        }
        // The engine also has an exit status for a container that it could not start.
        if self.ended.is_none()
            && node.started_at.is_some()
            && let Some(status) = node.exit_status
        {
            self.ended = Some(EndedNode { node: name(), status, said: process::last_lines(log) });
        }
    }
}

async fn log(maker: Maker, engine: &Engine, node: &Container) -> Result<String, EngineError> {
    let mut text = engine.logs(&node.name, LINES).await?;
    let has_journal = match maker {
        Maker::Kind => node.running,
        // k3s and its kubelet are one process, which writes to the output of the container.
        Maker::K3d => false,
    };
    if has_journal {
        let journal = engine.exec_any(&node.name, &JOURNAL, Stdin::Nothing).await?.stdout;
        text = format!("{text}\n{journal}");
    }
    Ok(text)
}

/// Returns the limit of inotify that a line reports as reached.
fn reached(line: &str) -> Option<Limit> {
    let line = line.to_ascii_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| line.contains(text));
    // The manager object of systemd has the first instance of a node.
    if !has(&["inotify", "fsnotify", "directory watch", "failed to allocate manager object"]) {
        None
    } else if has(&["too many open files"]) {
        Some(Limit::Instances)
    } else if has(&["no space left on device", "inotify watch limit reached"]) {
        Some(Limit::Watches)
    } else {
        None
    }
}

/// Returns a line of a log for a message.
fn quoted(line: &str) -> String {
    let plain = process::without_colours(line);
    plain.trim().chars().filter(|character| !character.is_control()).take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::recorded::{Recorded, frame};

    #[test]
    fn lines_of_systemd_containerd_and_the_kubelet_name_the_limit() {
        let (instances, watches) = (Some(Limit::Instances), Some(Limit::Watches));
        for (line, limit) in [
            ("Failed to create control group inotify object: Too many open files", instances),
            ("Failed to allocate manager object: Too many open files", instances),
            ("Failed to allocate directory watch: Too many open files", instances),
            (
                r#"msg="failed to create CRI service: failed to create fsnotify watcher: too many open files""#,
                instances,
            ),
            (r#""Failed to start cAdvisor" err="inotify_init: too many open files""#, instances),
            ("inotify_add_watch /sys/fs/cgroup/kubepods: no space left on device", watches),
            ("Failed to add a watch for /run/systemd/ask-password: inotify watch limit reached", watches),
            ("write /var/lib/containerd/x: no space left on device", None),
            ("accept4: too many open files", None),
            ("Starting inotify", None),
        ] {
            assert_eq!(reached(line), limit, "{line}");
        }
    }

    fn node(running: bool) -> Container {
        Container {
            name: "n".to_owned(),
            running,
            started_at: Some(jiff::Timestamp::UNIX_EPOCH),
            exit_status: (!running).then_some(255),
            ..Container::default()
        }
    }

    #[tokio::test]
    async fn line_is_quoted_without_colours_and_the_ended_node_with_its_status() {
        let log = "systemd 252 running\r\n\u{1b}[31mFailed to allocate manager object: Too many open files\u{1b}[0m\r\n";
        let recorded = Recorded::new().answer("GET /containers/n/logs", 200, log).serve().await;
        let found = read(Maker::Kind, recorded.engine(), &[node(false)]).await;
        let line = "Failed to allocate manager object: Too many open files".to_owned();
        assert_eq!(found.reached, Some(ReachedLimit { node: "n".to_owned(), limit: Limit::Instances, line }));
        let ended = found.ended.unwrap().to_string();
        assert!(
            ended.starts_with("node n ended with exit status 255; its last lines: systemd 252"),
            "{ended}"
        );
        assert!(found.complete);
    }

    #[tokio::test]
    async fn journal_of_a_running_kind_node_is_read_as_well() {
        let line = "inotify_init: too many open files";
        let recorded = || {
            Recorded::new()
                .answer("GET /containers/n/logs", 200, "Reached target Multi-User System\n")
                .answer("POST /containers/n/exec", 201, r#"{"Id":"e1"}"#)
                .answer("POST /exec/e1/start", 101, frame(1, line))
                .answer("GET /exec/e1/json", 200, r#"{"Running":false,"ExitCode":0}"#)
        };
        let serving = recorded().serve().await;
        let found = read(Maker::Kind, serving.engine(), &[node(true)]).await;
        assert_eq!(found.reached.unwrap().line, line);
        assert_eq!(found.ended, None);
        let serving = recorded().serve().await;
        let found = read(Maker::K3d, serving.engine(), &[node(true)]).await;
        assert_eq!(found, NodeLogs { complete: true, ..NodeLogs::default() });
    }

    #[tokio::test]
    async fn log_that_cannot_be_read_is_not_taken_for_an_empty_one() {
        let recorded = Recorded::new().serve().await;
        let found = read(Maker::K3d, recorded.engine(), &[node(false)]).await;
        assert_eq!(found, NodeLogs::default());
    }
}
