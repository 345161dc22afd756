//! The Docker engine, through its command: the same view of it that kind has.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    failure::{Exit, Failure},
    process::{Command, Error, Output},
};

/// The label on every Docker object that devplat makes by itself.
pub const PLATFORM_LABEL: &str = "dev.devplat.platform";

/// A container, as far as devplat looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// When it was started last, if Docker says so.
    pub started: Option<k8s_openapi::jiff::Timestamp>,
    /// Where things are mounted in it.
    pub mounts: Vec<String>,
    /// The port of this machine that leads to its API server.
    pub api_port: Option<u16>,
    /// Addresses and ports of this machine, by the port of the container that they lead to.
    pub mapped: BTreeMap<u16, (String, u16)>,
}

impl Container {
    /// Where on this machine `port` of the container is reached.
    pub fn mapped(&self, port: u16) -> Option<(&str, u16)> {
        self.mapped.get(&port).map(|(address, port)| (address.as_str(), *port))
    }
}

/// A network and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The platform that its label names.
    pub platform: Option<String>,
}

/// Why the engine cannot be used, with what to do.
pub fn explain(error: &Error) -> Failure {
    let said = error.said();
    let missing = |message: &str| Failure::new(Exit::Missing, message);
    if matches!(error, Error::Absent { .. }) {
        return missing("docker is not installed")
            .hint("install the Docker engine, or run ./quickstart, which does");
    }
    if said.contains("permission denied") {
        return missing("this user may not talk to the Docker engine")
            .hint("join the group docker (`sudo usermod -aG docker $USER`, then log in again), or use sudo");
    }
    if said.contains("Cannot connect to the Docker daemon") || said.contains("Is the docker daemon running") {
        return missing("the Docker engine does not run")
            .hint("start it (`sudo systemctl start docker`, or ./quickstart, which does)");
    }
    if said.contains("no space left on device") {
        return Failure::of(Exit::PartWay, error)
            .hint("free some space where Docker keeps its data, then run the same command");
    }
    Failure::of(Exit::PartWay, error)
}

/// The engine's version, which shows that it answers.
pub async fn version() -> Result<String, Failure> {
    let output =
        docker(["version", "--format", "{{.Server.Version}}"]).await.map_err(|error| explain(&error))?;
    Ok(output.stdout.trim().to_owned())
}

/// Whether containers get control groups of the old kind, v1.
pub async fn has_old_cgroups() -> Result<bool, Failure> {
    old_cgroups(docker(["info", "--format", "{{.CgroupVersion}}"]).await)
}

fn old_cgroups(told: Result<Output, Error>) -> Result<bool, Failure> {
    match told {
        Ok(output) => Ok(output.stdout.trim() == "1"),
        // Engines before 20.10 do not tell, and know no others.
        Err(error) if error.said().contains("CgroupVersion") => Ok(true),
        Err(error) => Err(explain(&error)),
    }
}

/// The containers of the kind cluster `name`.
pub async fn nodes(name: &str) -> Result<Vec<Container>, Failure> {
    let filter = format!("label=io.x-k8s.kind.cluster={name}");
    let ids = docker(["ps", "-aq", "--no-trunc", "--filter", &filter])
        .await
        .map_err(|error| explain(&error))?
        .stdout;
    let ids: Vec<&str> = ids.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let args = ["container", "inspect"].into_iter().chain(ids);
    let said = docker(args).await.map_err(|error| explain(&error))?.stdout;
    let containers: Vec<RawContainer> = parse(&said)?;
    Ok(containers.into_iter().map(Container::from).collect())
}

/// The network of that name.
pub async fn network(name: &str) -> Result<Option<Network>, Failure> {
    match docker(["network", "inspect", name]).await {
        Ok(Output { stdout, .. }) => {
            let networks: Vec<RawNetwork> = parse(&stdout)?;
            let labels = networks.into_iter().next().and_then(|network| network.labels).unwrap_or_default();
            Ok(Some(Network { platform: labels.get(PLATFORM_LABEL).cloned() }))
        }
        Err(error) if error.said().to_lowercase().contains("no such network") => Ok(None),
        Err(error) if error.said().contains("not found") => Ok(None),
        Err(error) => Err(explain(&error)),
    }
}

/// Makes a network that is marked as `platform`'s.
pub async fn create_network(name: &str, platform: &str) -> Result<(), Failure> {
    let label = format!("{PLATFORM_LABEL}={platform}");
    docker(["network", "create", "--label", &label, name]).await.map(|_| ()).map_err(|error| explain(&error))
}

/// The names of the running containers that a network connects.
pub async fn containers_in(network: &str) -> Result<Vec<String>, Failure> {
    let format = "{{range .Containers}}{{.Name}}\n{{end}}";
    let output =
        docker(["network", "inspect", "--format", format, network]).await.map_err(|error| explain(&error))?;
    let mut names: Vec<String> = output.stdout.split_whitespace().map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// Deletes a network.
pub async fn delete_network(name: &str) -> Result<(), Failure> {
    docker(["network", "rm", name]).await.map(|_| ()).map_err(|error| explain(&error))
}

/// The value of a label of a local image; nothing where there is no such image.
pub async fn image_label(image: &str, label: &str) -> Result<Option<String>, Failure> {
    let format = format!("{{{{index .Config.Labels \"{label}\"}}}}");
    match docker(["image", "inspect", "--format", &format, image]).await {
        Ok(output) => Ok(Some(output.stdout.trim().to_owned())),
        Err(error) if error.said().to_lowercase().contains("no such image") => Ok(None),
        Err(error) => Err(explain(&error)),
    }
}

/// Starts a container that was stopped.
pub async fn start(container: &str) -> Result<(), Failure> {
    docker(["start", container]).await.map(|_| ()).map_err(|error| explain(&error))
}

/// A file of a container, running or not; nothing where it is not there.
pub async fn read_file(container: &str, path: &str) -> Result<Option<String>, Failure> {
    let from = format!("{container}:{path}");
    match docker(["cp", &from, "-"]).await {
        Ok(output) => Ok(text_in_tar(output.stdout.as_bytes())),
        Err(error)
            if error.said().contains("No such") || error.said().contains("Could not find the file") =>
        {
            Ok(None)
        }
        Err(error) => Err(explain(&error)),
    }
}

/// Runs a command in a container.
pub fn exec(container: &str) -> Command {
    Command::new("docker").args(["exec", "-i", container])
}

fn text_in_tar(bytes: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(bytes);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).ok()?;
    Some(text)
}

async fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Output, Error> {
    Command::new("docker").args(args).run().await
}

fn parse<T: for<'de> Deserialize<'de>>(said: &str) -> Result<T, Failure> {
    serde_json::from_str(said).map_err(|error| {
        Failure::of(Exit::Internal, &error).while_doing("cannot understand what docker says")
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNetwork {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawContainer {
    name: String,
    state: RawState,
    #[serde(default)]
    mounts: Vec<RawMount>,
    host_config: RawHostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawState {
    running: bool,
    #[serde(default)]
    started_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawMount {
    destination: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHostConfig {
    #[serde(default)]
    port_bindings: Option<BTreeMap<String, Vec<RawBinding>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawBinding {
    #[serde(default)]
    host_ip: String,
    host_port: String,
}

impl From<RawContainer> for Container {
    fn from(raw: RawContainer) -> Self {
        let RawContainer { name, state, mounts, host_config } = raw;
        let bindings = host_config.port_bindings.unwrap_or_default();
        let mapped: BTreeMap<u16, (String, u16)> = bindings
            .iter()
            .filter_map(|(port, all)| {
                let RawBinding { host_ip, host_port } = all.first()?;
                // Everywhere is also here.
                let address =
                    if matches!(host_ip.as_str(), "" | "0.0.0.0" | "::") { "127.0.0.1" } else { host_ip };
                Some((
                    port.strip_suffix("/tcp")?.parse().ok()?,
                    (address.to_owned(), host_port.parse().ok()?),
                ))
            })
            .collect();
        let api_port = mapped.get(&6443).map(|(_, port)| *port);
        Self {
            name: name.trim_start_matches('/').to_owned(),
            running: state.running,
            started: state.started_at.parse().ok(),
            mounts: mounts.into_iter().map(|mount| mount.destination).collect(),
            api_port,
            mapped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_that_does_not_tell_its_control_groups_has_old_ones() {
        let told = |stdout: &str| Ok(Output { stdout: stdout.to_owned(), stderr: String::new() });
        assert_eq!(old_cgroups(told("2\n")), Ok(false));
        assert_eq!(old_cgroups(told("1\n")), Ok(true));
        let before_20_10 =
            "template: :1:2: executing \"\" at <.CgroupVersion>: can't evaluate field CgroupVersion";
        assert_eq!(old_cgroups(Err(Error::of_a_program_that_said(before_20_10))), Ok(true));
        let stopped = old_cgroups(Err(Error::of_a_program_that_said("Cannot connect to the Docker daemon")));
        assert_eq!(stopped.unwrap_err().exit, Exit::Missing);
    }

    #[test]
    fn docker_absent_stopped_or_forbidden_is_told_apart() {
        let absent = explain(&Error::Absent { program: "docker".to_owned() });
        assert_eq!((absent.message.as_str(), absent.exit.status()), ("docker is not installed", 3));
        let stopped = explain(&Error::of_a_program_that_said(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        ));
        assert_eq!((stopped.message.as_str(), stopped.exit.status()), ("the Docker engine does not run", 3));
        let forbidden = explain(&Error::of_a_program_that_said(
            "Got permission denied while trying to connect to the Docker daemon socket",
        ));
        assert_eq!(
            (forbidden.message.as_str(), forbidden.exit.status()),
            ("this user may not talk to the Docker engine", 3)
        );
        for failure in [absent, stopped, forbidden] {
            assert_eq!(failure.hints.len(), 1);
        }
    }
}
