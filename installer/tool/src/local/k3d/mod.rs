//! Runs the command k3d.

mod config;
mod creation;
mod needs;
mod remains;

use std::{io::Write, path::Path, time::Duration};

pub use creation::{K3dCreation, NAME_LIMIT, container_names};
pub(super) use needs::ports;
pub use remains::{K3dRemains, Remain};

use super::{ClusterError, Maker, VERSION_LIMIT, diagnose::Attempt, error::command_error};
use crate::{
    Command, Surroundings,
    docker::Engine,
    process::{self, Line},
};

/// The oldest supported version of k3d.
const OLDEST: (u64, u64, u64) = (5, 6, 0);
/// The reason.
const WHY_OLDEST: &str = "because older versions write outside XDG_CONFIG_HOME";

/// An address without an engine, at which every connection fails immediately.
const NO_ENGINE: &str = "unix:///dev/null/no-engine";

/// How long `k3d cluster create` may take; its own limit is shorter.
const CREATE_LIMIT: Duration = Duration::from_mins(25);
/// How long its other commands may take.
const LIMIT: Duration = Duration::from_mins(3);

/// The ranges of addresses that k3s gives pods and services.
pub(super) const RANGES: [&str; 2] = ["10.42.0.0/16", "10.43.0.0/16"];

/// k3d on one engine.
#[derive(Debug, Clone, Copy)]
pub struct K3dCommand<'a> {
    engine: &'a Engine,
    surroundings: &'a Surroundings,
    kubeconfig: &'a Path,
    folder: &'a Path,
    tools_image: Option<&'a str>,
}

/// Returns k3d's version. Fails if it is too old.
pub async fn version(surroundings: &Surroundings) -> Result<String, ClusterError> {
    #[derive(serde::Deserialize)]
    struct Versions {
        k3d: String,
    }
    let output = version_command(surroundings).args(["version", "-o", "json"]).run().await;
    let said = match output {
        Ok(output) => output.stdout,
        // k3d before 5.5 does not have this option. A k3d that also fails without the option does not work.
        Err(process::Error::Failed { .. }) => {
            let command = version_command(surroundings).arg("version");
            let output = command.run().await.map_err(ClusterError::Tool)?;
            let version = output.stdout.lines().find_map(|line| line.strip_prefix("k3d version "));
            return Err(too_old(version.unwrap_or("before 5.5").trim().to_owned()));
        }
        Err(error) => return Err(ClusterError::Tool(error)),
    };
    let Ok(Versions { k3d }) = serde_json::from_str(&said) else {
        return Err(too_old(said.trim().to_owned()));
    };
    match numbers(&k3d) {
        // A k3d built by `go install` has no version to compare.
        None => Ok(k3d),
        Some(version) if version >= OLDEST => Ok(k3d),
        Some(_) => Err(too_old(k3d)),
    }
}

/// Returns k3d without an engine. k3d describes its engine before every command, also one that needs none, and waits for
/// an engine that does not answer.
fn version_command(surroundings: &Surroundings) -> Command {
    Command::new("k3d", surroundings)
        .env_clear_prefix("K3D_")
        .env_clear_prefix("DOCKER_")
        .env("DOCKER_HOST", NO_ENGINE)
        .deadline(VERSION_LIMIT)
}

fn too_old(found: String) -> ClusterError {
    ClusterError::TooOld { program: "k3d", found, needed: "5.6.0", reason: WHY_OLDEST }
}

fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let version = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Fails if the user's configuration cannot be used for the creation.
pub fn check(creation: &K3dCreation<'_>) -> Result<(), ClusterError> {
    configured(creation, &Surroundings::default(), None, false).map(drop)
}

fn configured(
    creation: &K3dCreation<'_>,
    surroundings: &Surroundings,
    no_proxy: Option<&str>,
    rootless: bool,
) -> Result<String, ClusterError> {
    config::config(creation, surroundings, no_proxy, rootless).map_err(|source| {
        let path = creation.extra.as_ref().map_or_else(|| "(none)".into(), |extra| extra.path.to_owned());
        ClusterError::Config { program: "k3d", path, source: Box::new(source) }
    })
}

impl<'a> K3dCommand<'a> {
    /// Returns k3d with devplat's kubeconfig and folder in place of the user's.
    pub fn new(
        engine: &'a Engine,
        surroundings: &'a Surroundings,
        kubeconfig: &'a Path,
        folder: &'a Path,
    ) -> Self {
        Self { engine, surroundings, kubeconfig, folder, tools_image: None }
    }

    /// Sets the image of k3d's tools container, for machines that cannot pull k3d's own.
    #[must_use]
    pub fn with_tools_image(self, image: &'a str) -> Self {
        Self { tools_image: Some(image), ..self }
    }

    /// Creates the cluster and reports each of k3d's steps. It writes no kubeconfig; see [`K3dCommand::kubeconfig`].
    /// After a failure, it lets `discard` delete the nodes again, once their logs are read; see [`K3dRemains`] for the rest.
    pub async fn create(
        &self,
        creation: &K3dCreation<'_>,
        mut tell: impl FnMut(&str),
        discard: impl Future<Output = ()>,
    ) -> Result<(), ClusterError> {
        let name = creation.name;
        let no_proxy = self.no_proxy(creation).await?;
        let info = self.engine.info().await;
        let info = info.map_err(|source| ClusterError::Engine { name: name.to_owned(), source })?;
        let config = configured(creation, self.surroundings, no_proxy.as_deref(), info.rootless)?;
        let attempt = Attempt {
            maker: Maker::K3d,
            name,
            owner: creation.owner,
            images: vec![creation.image],
            ports: ports(&config),
            names: container_names(name, creation.servers, creation.agents),
        };
        attempt.begin(self.engine).await?;
        let doing = || format!("create cluster {name}");
        let file = self.config_file(&config);
        let file = file.map_err(|error| ClusterError::Other { doing: doing(), said: error.to_string() })?;
        let command = self.command().args(["cluster", "create", name, "--config"]).arg(file.path());
        // The nodes stay after a failure until their logs are read.
        let command = command.arg("--no-rollback");
        let made = command.deadline(CREATE_LIMIT).run_lines(|line| {
            let (Line::Out(line) | Line::Err(line)) = line;
            if let Some(step) = step(line) {
                tell(&step);
            }
        });
        Box::pin(attempt.finish(self.engine, made, discard)).await
    }

    /// Deletes the objects of the cluster that k3d finds; see [`K3dRemains`] for the rest.
    pub async fn delete(&self, name: &str) -> Result<(), ClusterError> {
        let command = || self.command().args(["cluster", "delete", name]).deadline(LIMIT);
        Maker::K3d.delete(self.engine, name, command).await
    }

    /// Returns the kubeconfig of the cluster as text.
    pub async fn kubeconfig(&self, name: &str) -> Result<String, ClusterError> {
        let asked = self.command().args(["kubeconfig", "get", name]).deadline(LIMIT).run().await;
        asked
            .map(|output| output.stdout)
            .map_err(|error| command_error(error, || format!("get the kubeconfig of k3d cluster {name}")))
    }

    /// Returns a command of k3d's on devplat's engine, regardless of the shell's variables. `k3d cluster delete` parses
    /// and writes the default kubeconfig and creates the folder `XDG_CONFIG_HOME`, and a creation with limited memory
    /// writes files there, so both are set to devplat's own. `k3d kubeconfig get` only prints.
    fn command(&self) -> Command {
        let command = Command::new("k3d", self.surroundings).env_clear_prefix("K3D_");
        let command =
            ["LOG_LEVEL", "LOG_COLORS", "LOG_TIMESTAMPS"].into_iter().fold(command, Command::env_remove);
        let command = self
            .engine
            .used_by(command)
            .env("KUBECONFIG", self.kubeconfig.as_os_str())
            .env("XDG_CONFIG_HOME", self.folder.as_os_str())
            // k3d copies its configuration there.
            .env("TMPDIR", self.folder.as_os_str())
            .envs(self.tools_image.map(|image| ("K3D_IMAGE_TOOLS", image)));
        // The tools container gets the engine's socket. k3d looks for it only at the default path, unless DOCKER_SOCK
        // is set.
        let socket = self.engine.endpoint();
        match socket.strip_prefix("unix://") {
            Some(socket) => command.env("DOCKER_SOCK", socket),
            None => command,
        }
    }

    fn config_file(&self, text: &str) -> std::io::Result<tempfile::NamedTempFile> {
        std::fs::create_dir_all(self.folder)?;
        // k3d detects the format by the extension of the file name.
        let mut file = tempfile::Builder::new().prefix("k3d-").suffix(".yaml").tempfile_in(self.folder)?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }

    async fn no_proxy(&self, creation: &K3dCreation<'_>) -> Result<Option<String>, ClusterError> {
        if self.surroundings.proxies().next().is_none() {
            return Ok(None);
        }
        let name = creation.name;
        let network = self.engine.network(creation.network).await;
        let network = network.map_err(|source| ClusterError::Engine { name: name.to_owned(), source })?;
        let theirs = creation.extra.map(|extra| needs::ranges(extra.text)).unwrap_or_default();
        let own = RANGES.iter().map(|range| (*range).to_owned()).chain(theirs);
        let subnets = network.into_iter().flat_map(|network| network.subnets);
        let nodes = creation::node_names(name, creation.servers, creation.agents);
        let services = [".svc".to_owned(), ".svc.cluster.local".to_owned()];
        let more: Vec<String> =
            own.chain(subnets).chain(services).chain(nodes).chain(creation.direct.iter().cloned()).collect();
        Ok(self.surroundings.no_proxy_with(&more))
    }
}

/// Returns the step in a line of k3d's, such as `INFO[0000] Prep: Network`, without colours and seconds.
fn step(line: &str) -> Option<String> {
    let plain = process::without_colours(line);
    let (level, rest) = plain.split_once('[')?;
    let (seconds, text) = rest.split_once("] ")?;
    let ours = level == "INFO" && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.trim().trim_end_matches('.').trim_end();
    // Followed by commands that use the user's kubeconfig, which devplat does not change.
    let leads_to_commands = text.ends_with(':');
    (ours && !text.is_empty() && !leads_to_commands).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
