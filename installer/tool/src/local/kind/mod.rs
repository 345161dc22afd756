//! Runs the command kind.

mod config;
mod creation;
mod needs;

use std::{path::Path, time::Duration};

pub use creation::KindCreation;
pub(super) use needs::ports;
pub use needs::{container_names, node_count};

use super::{ClusterError, Maker, VERSION_LIMIT, diagnose::Attempt, error::command_error};
use crate::{Command, Surroundings, docker::Engine};

/// How long `kind create` may take: a node image of 500 MB over a slow line, and kind's own waits of 5 minutes.
const CREATE_LIMIT: Duration = Duration::from_mins(30);
/// How long its other commands may take.
const LIMIT: Duration = Duration::from_mins(3);

/// The ranges of addresses that kind gives pods and services.
pub(super) const RANGES: [&str; 2] = ["10.244.0.0/16", "10.96.0.0/16"];

/// kind on one engine.
#[derive(Debug, Clone, Copy)]
pub struct KindCommand<'a> {
    engine: &'a Engine,
    surroundings: &'a Surroundings,
    kubeconfig: &'a Path,
}

/// Returns kind's version. Fails if kind is not installed.
pub async fn version(surroundings: &Surroundings) -> Result<String, ClusterError> {
    let asked = Command::new("kind", surroundings).args(["version", "-q"]).deadline(VERSION_LIMIT);
    Ok(asked.run().await.map_err(ClusterError::Tool)?.stdout.trim().to_owned())
}

/// Fails if the user's configuration cannot be used for the creation.
pub fn check(creation: &KindCreation<'_>) -> Result<(), ClusterError> {
    configured(creation).map(drop)
}

fn configured(creation: &KindCreation<'_>) -> Result<String, ClusterError> {
    config::config(creation).map_err(|source| {
        let path = creation.extra.as_ref().map_or_else(|| "(none)".into(), |extra| extra.path.to_owned());
        ClusterError::Config { program: "kind", path, source: Box::new(source) }
    })
}

impl<'a> KindCommand<'a> {
    /// Returns kind with devplat's kubeconfig in place of the user's.
    pub fn new(engine: &'a Engine, surroundings: &'a Surroundings, kubeconfig: &'a Path) -> Self {
        Self { engine, surroundings, kubeconfig }
    }

    /// Creates the cluster, writes its kubeconfig and reports each of kind's steps. After a failure, it lets `discard`
    /// delete the nodes again, once their logs are read.
    pub async fn create(
        &self,
        creation: &KindCreation<'_>,
        mut tell: impl FnMut(&str),
        discard: impl Future<Output = ()>,
    ) -> Result<(), ClusterError> {
        let config = configured(creation)?;
        let no_proxy = self.no_proxy(creation).await?;
        // Only kind's own output names the default image of its nodes.
        let images = config::images(&config);
        let attempt = Attempt {
            maker: Maker::Kind,
            name: creation.name,
            owner: creation.owner,
            images: images.iter().map(String::as_str).collect(),
            ports: ports(&config),
            names: container_names(creation.name, Some(&config), creation.workers),
        };
        attempt.begin(self.engine).await?;
        let command = self.command().args(["create", "cluster", "--name", creation.name, "--config", "-"]);
        // The nodes stay after a failure until their logs are read.
        let command = command.arg("--retain");
        let command = command.arg("--kubeconfig").arg(self.kubeconfig).stdin(config).deadline(CREATE_LIMIT);
        let command = command
            .envs(no_proxy.iter().flat_map(|value| [("NO_PROXY", value), ("no_proxy", value)]))
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", creation.network);
        let made = command.run_telling(|line| {
            if let Some(step) = step(line) {
                tell(&step);
            }
        });
        Box::pin(attempt.finish(self.engine, made, discard)).await
    }

    /// Deletes the cluster. An absent cluster is not an error.
    pub async fn delete(&self, name: &str) -> Result<(), ClusterError> {
        let command = || {
            let command = self.command().args(["delete", "cluster", "--name", name, "--kubeconfig"]);
            command.arg(self.kubeconfig).deadline(LIMIT)
        };
        Maker::Kind.delete(self.engine, name, command).await
    }

    /// Returns the kubeconfig of the cluster as text.
    pub async fn kubeconfig(&self, name: &str) -> Result<String, ClusterError> {
        let asked = self.command().args(["get", "kubeconfig", "--name", name]).deadline(LIMIT).run().await;
        asked
            .map(|output| output.stdout)
            .map_err(|error| command_error(error, || format!("get the kubeconfig of kind cluster {name}")))
    }

    /// Returns a command of kind's on devplat's engine, regardless of the shell's variables.
    fn command(&self) -> Command {
        let command = Command::new("kind", self.surroundings).env_clear_prefix("KIND_");
        self.engine
            .used_by(command)
            .env("KIND_EXPERIMENTAL_PROVIDER", "docker")
            .env("KUBECONFIG", self.kubeconfig.as_os_str())
    }

    /// Returns `NO_PROXY` with the cluster's hosts added; `None` if no proxy is set.
    async fn no_proxy(&self, creation: &KindCreation<'_>) -> Result<Option<String>, ClusterError> {
        if self.surroundings.proxies().next().is_none() {
            return Ok(None);
        }
        let name = creation.name;
        let network = self.engine.network(creation.network).await;
        let network = network.map_err(|source| ClusterError::Engine { name: name.to_owned(), source })?;
        let own = RANGES.iter().map(|range| (*range).to_owned());
        let nodes = [format!("{name}-control-plane"), ".svc".to_owned(), ".svc.cluster.local".to_owned()];
        let workers = needs::numbered(name, "worker", creation.workers.into());
        let subnets = network.into_iter().flat_map(|network| network.subnets);
        let more: Vec<String> =
            own.chain(subnets).chain(nodes).chain(workers).chain(creation.direct.iter().cloned()).collect();
        Ok(self.surroundings.no_proxy_with(&more))
    }
}

/// Returns the step that kind begins, in lower case and without symbols.
fn step(line: &str) -> Option<String> {
    let text: String = line.trim().strip_prefix('•')?.chars().filter(char::is_ascii).collect();
    let text = text.trim().trim_end_matches('.').trim();
    (!text.is_empty()).then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests;
