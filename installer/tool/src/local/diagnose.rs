//! Diagnoses a failed create of a cluster from facts of the engine and of this machine and from the logs of the nodes,
//! read after the failure. The program's own output is only displayed.

use std::net::SocketAddr;

use super::{
    ClusterError, Maker, Mark, inotify, lost_node,
    node_log::{self, NodeLogs, ReachedLimit},
};
use crate::{
    docker::{Container, Engine},
    limits::{self, Inotify},
    ports::{self, Port},
    process,
};

/// A create of a cluster. kind and k3d keep the nodes of a failed create for their logs.
pub(super) struct Attempt<'a> {
    pub(super) maker: Maker,
    pub(super) name: &'a str,
    /// The mark of its nodes.
    pub(super) owner: &'a Mark,
    /// The images of its nodes, as far as they are known.
    pub(super) images: Vec<&'a str>,
    /// The ports of this machine that it wants.
    pub(super) ports: Vec<SocketAddr>,
    /// The names of its containers.
    pub(super) names: Vec<String>,
}

impl Attempt<'_> {
    /// Fails if the engine has a container of the cluster, or another one with the name of one. Otherwise, the containers of
    /// it that a failed create leaves are its own.
    pub(super) async fn begin(&self, engine: &Engine) -> Result<(), ClusterError> {
        let name = self.name.to_owned();
        match engine.containers(&self.maker.label(self.name)).await {
            Ok(containers) if containers.is_empty() => {}
            Ok(_) => return Err(ClusterError::AlreadyThere { name }),
            Err(source) => return Err(ClusterError::Engine { name, source }),
        }
        let listed = engine.all_containers().await;
        let listed = listed.map_err(|source| ClusterError::Engine { name: name.clone(), source })?;
        match self.maker.name_holders(self.name, &self.names, &listed).into_iter().next() {
            None => Ok(()),
            Some(holder) => Err(ClusterError::NameTaken { name, holder }),
        }
    }

    /// Waits for `made`, the create, and ends it if a node is lost meanwhile. A failed create is diagnosed.
    pub(super) async fn finish<T>(
        self,
        engine: &Engine,
        made: impl Future<Output = Result<T, process::Error>>,
        discard: impl Future<Output = ()>,
    ) -> Result<(), ClusterError> {
        let label = self.maker.label(self.name);
        let why = tokio::select! {
            made = made => {
                let Err(error) = made else { return Ok(()) };
                return Err(Box::pin(self.fail(engine, error, discard)).await);
            }
            why = lost_node(engine, &label) => why,
        };
        Err(self.lose(engine, why, discard).await)
    }

    /// Lets `discard` delete what a create left that was ended because it lost a node.
    async fn lose(self, engine: &Engine, why: String, discard: impl Future<Output = ()>) -> ClusterError {
        match self.left(engine).await {
            Err(error) => return error,
            Ok(LeftContainers { all, nodes: _ }) if all.is_empty() => {}
            Ok(_) => discard.await,
        }
        ClusterError::NodeLost { name: self.name.to_owned(), why }
    }

    /// Lists the containers that the create left. Fails if another program created a node of them at the same time.
    async fn left(&self, engine: &Engine) -> Result<LeftContainers, ClusterError> {
        let Self { maker, name, owner, images: _, ports: _, names: _ } = self;
        let failed = |source| ClusterError::Engine { name: (*name).to_owned(), source };
        let all = engine.containers(&maker.label(name)).await.map_err(failed)?;
        let nodes: Vec<Container> = all.iter().filter(|one| maker.role(one).is_some()).cloned().collect();
        if nodes.iter().any(|node| Mark::of_node(node).as_ref() != Some(*owner)) {
            return Err(ClusterError::AlreadyThere { name: (*name).to_owned() });
        }
        Ok(LeftContainers { all, nodes })
    }

    /// Reads the logs of the nodes that the failed create left, lets `discard` delete these nodes, as kind and k3d
    /// otherwise do, and returns the reason for `error`. If the deletion fails, the next run finds half a cluster.
    async fn fail(
        self,
        engine: &Engine,
        error: process::Error,
        discard: impl Future<Output = ()>,
    ) -> ClusterError {
        let said = match error {
            process::Error::Failed { said, .. } => said,
            error @ (process::Error::Absent { .. }
            | process::Error::Start { .. }
            | process::Error::Slow { .. }
            | process::Error::TooMuch { .. }) => return ClusterError::Tool(error),
        };
        let LeftContainers { all, nodes } = match self.left(engine).await {
            Ok(left) => left,
            Err(error) => return error,
        };
        let Self { maker, name, owner: _, images, ports, names: _ } = self;
        let name = name.to_owned();
        let failed = |source| ClusterError::Engine { name: name.clone(), source };
        let NodeLogs { reached, ended, complete } = node_log::read(maker, engine, &nodes).await;
        if !all.is_empty() {
            discard.await;
        }
        let inotify = if engine.is_local() { inotify::read(Some(engine)).await.ok() } else { None };
        if let (Some(ReachedLimit { node, limit, line }), Some(inotify)) = (reached, inotify) {
            return ClusterError::NodeInotify { name, node, limit, max: inotify.max(limit), line };
        }
        let said = ended.map_or_else(|| said.clone(), |ended| format!("{said}\n{ended}"));
        for image in images {
            match engine.image(image).await {
                Ok(Some(_)) => {}
                Ok(None) => return ClusterError::ImageNotPulled { name, image: image.to_owned(), said },
                Err(error) => return failed(error),
            }
        }
        if engine.is_local() {
            for address in ports {
                if let Port::InUse { holder } = ports::check(address) {
                    let (address, port) = (address.ip(), address.port());
                    return ClusterError::PortTaken { name, address, port, holder };
                }
            }
            if let Ok(info) = engine.info().await
                && let Ok(free) = limits::disk_free(&info.data_folder)
                && free < limits::FULL
            {
                return ClusterError::NoSpace { name, folder: info.data_folder, free };
            }
        }
        match inotify {
            Some(inotify) => by_inotify(name, said, inotify, complete),
            None => ClusterError::Other { doing: format!("create cluster {name}"), said },
        }
    }
}

/// The containers of a cluster that a create left.
struct LeftContainers {
    all: Vec<Container>,
    /// The nodes among them.
    nodes: Vec<Container>,
}

/// Returns the error for a failure that no other fact explains. `complete` is whether the logs of all nodes were read.
fn by_inotify(name: String, said: String, inotify: Inotify, complete: bool) -> ClusterError {
    match inotify.too_low_for(1) {
        Some(low) => ClusterError::Inotify { name, low, said },
        None if inotify.complete || complete => {
            ClusterError::Other { doing: format!("create cluster {name}"), said }
        }
        None => ClusterError::Unexplained { name, said, inotify },
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::Pin};

    use super::*;
    use crate::{docker::recorded::Recorded, process::ChildEnd};

    fn attempt(maker: Maker, owner: &Mark) -> Attempt<'_> {
        let names = vec!["k3d-a-server-0".to_owned()];
        Attempt { maker, name: "a", owner, images: Vec::new(), ports: Vec::new(), names }
    }

    /// Returns the reason for a failed create of cluster `a`, of which an engine has a node with the mark of platform
    /// `of` and this log, and whether the node was deleted.
    async fn reason(of: &str, log: &str) -> (ClusterError, bool) {
        let error = process::Error::Failed {
            line: "kind create cluster".to_owned(),
            ended: ChildEnd::Status(1),
            said: "could not find a log line".to_owned(),
        };
        ended(of, log, async |attempt, engine, discard| attempt.fail(engine, error, discard).await).await
    }

    /// Returns the outcome of `end` after a create of cluster `a`, as [`reason`] does.
    async fn ended(
        of: &str,
        log: &str,
        end: impl AsyncFnOnce(Attempt<'_>, &Engine, Pin<Box<dyn Future<Output = ()> + '_>>) -> ClusterError,
    ) -> (ClusterError, bool) {
        let node = format!(
            r#"{{"Id":"n1","Name":"/a-control-plane",
                "State":{{"Running":false,"ExitCode":255,"StartedAt":"2026-11-28T22:30:00Z"}},
                "Mounts":[{{"Destination":"/etc/devplat/owner/{of}"}}],
                "Config":{{"Labels":{{"io.x-k8s.kind.cluster":"a","io.x-k8s.kind.role":"control-plane"}}}}}}"#
        );
        let recorded = Recorded::new()
            .answer("GET /containers/json", 200, r#"[{"Id":"n1"}]"#)
            .answer("GET /containers/n1/json", 200, node)
            .answer("GET /containers/a-control-plane/logs", 200, log)
            .serve()
            .await;
        let owner = Mark { platform: "a".to_owned(), account: None };
        let attempt = attempt(Maker::Kind, &owner);
        let deleted = Cell::new(false);
        let discard = Box::pin(async {
            deleted.set(true);
        });
        let error = end(attempt, recorded.engine(), discard).await;
        (error, deleted.get())
    }

    #[tokio::test]
    async fn limit_in_the_log_of_a_node_is_the_reason() {
        let line = "Failed to create control group inotify object: Too many open files";
        let (error, deleted) = reason("a", &format!("systemd 252 running\r\n{line}\r\n")).await;
        let ClusterError::NodeInotify { node, limit: limits::Limit::Instances, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(node, "a-control-plane");
        assert!(error.to_string().ends_with(&format!(" inotify instances: {line}")), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("sudo sysctl fs.inotify.max_user_instances="), "{hint}");
        assert!(hint.contains("/etc/sysctl.d/90-devplat.conf"), "{hint}");
        assert!(deleted);
    }

    #[tokio::test]
    async fn last_lines_of_an_ended_node_follow_the_words_of_kind() {
        let (error, deleted) = reason("a", "mount: permission denied\r\n").await;
        let said = "could not find a log line\nnode a-control-plane ended with exit status 255; its last lines: mount: permission denied";
        assert!(error.to_string().ends_with(said), "{error}");
        assert!(deleted);
    }

    #[tokio::test]
    async fn container_of_the_cluster_keeps_a_create_from_beginning() {
        let owner = Mark { platform: "a".to_owned(), account: None };
        let attempt = attempt(Maker::K3d, &owner);
        let with = async |listed: &str| {
            let tools = r#"{"Id":"t1","Name":"/k3d-a-tools"}"#;
            let recorded = Recorded::new()
                .answer("GET /containers/json", 200, listed)
                .answer("GET /containers/t1/json", 200, tools)
                .serve()
                .await;
            attempt.begin(recorded.engine()).await
        };
        assert!(with("[]").await.is_ok());
        let there = with(r#"[{"Id":"t1"}]"#).await;
        assert!(matches!(there, Err(ClusterError::AlreadyThere { .. })), "{there:?}");
    }

    #[tokio::test]
    async fn container_with_the_name_of_a_node_keeps_a_create_from_beginning() {
        let owner = Mark { platform: "a".to_owned(), account: None };
        let listed = r#"[{"Id":"f1","Names":["/k3d-a-server-0"]}]"#;
        let recorded = Recorded::new()
            .answer("GET /containers/json?all=true&size=false&filters", 200, "[]")
            .answer("GET /containers/json", 200, listed)
            .serve()
            .await;
        let error = attempt(Maker::K3d, &owner).begin(recorded.engine()).await.unwrap_err();
        let why = "cannot create cluster a: container k3d-a-server-0 was not created by devplat, and the \
                   cluster needs its name";
        assert_eq!(error.to_string(), why);
        assert!(error.hint().unwrap().contains("`docker rename k3d-a-server-0 k3d-a-server-0-old`"));
    }

    #[tokio::test]
    async fn only_own_nodes_are_deleted_after_the_loss_of_one() {
        for (of, own) in [("a", true), ("b", false)] {
            let (error, deleted) = ended(of, "", async |attempt, engine, discard| {
                attempt.lose(engine, "container a was paused".to_owned(), discard).await
            })
            .await;
            assert_eq!(matches!(error, ClusterError::NodeLost { .. }), own, "{of}: {error}");
            assert_eq!(deleted, own, "{of}");
        }
    }

    #[tokio::test]
    async fn node_of_another_owner_is_not_deleted() {
        let (error, deleted) = reason("b", "").await;
        assert!(matches!(error, ClusterError::AlreadyThere { .. }), "{error:?}");
        assert!(!deleted);
    }

    /// Returns the message and the hint for a machine with these limits, of which 100 instances are in use.
    fn diagnosed(max_instances: u64, max_watches: u64, complete: bool) -> (String, Option<String>) {
        let instances = if complete { 100 } else { 0 };
        let inotify = Inotify { instances, max_instances, watches: 0, max_watches, complete };
        let error = by_inotify("devplat".to_owned(), "no line matches".to_owned(), inotify, false);
        (error.to_string(), error.hint())
    }

    #[test]
    fn failure_on_a_machine_with_low_limits_names_the_limit() {
        for (instances, watches, complete, limit) in [
            (110, 8192, true, "fs.inotify.max_user_instances"),
            (24, 8192, false, "fs.inotify.max_user_instances"),
            (1024, 100, true, "fs.inotify.max_user_watches"),
            (1024, 512, false, "fs.inotify.max_user_watches"),
        ] {
            let (message, hint) = diagnosed(instances, watches, complete);
            assert!(message.contains("inotify") && message.contains("no line matches"), "{message}");
            let hint = hint.unwrap();
            assert!(hint.contains(limit) && hint.contains("/etc/sysctl.d/"), "{hint}");
        }
    }

    #[test]
    fn limits_are_only_suspected_if_their_use_is_unknown() {
        let (message, hint) = diagnosed(128, 8192, false);
        assert_eq!(message, "cannot create cluster devplat: no line matches");
        let hint = hint.unwrap();
        assert!(hint.starts_with("if its nodes report `too many open files`"), "{hint}");
        assert!(hint.contains("128 inotify instances") && hint.contains("/etc/sysctl.d/"), "{hint}");
        let (message, hint) = diagnosed(1024, 8192, true);
        assert_eq!((message.as_str(), hint), ("cannot create cluster devplat: no line matches", None));
    }
}
