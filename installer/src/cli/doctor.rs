//! `devplat doctor`: checks whether this machine meets the needs of a profile, with remedies. Changes nothing.

use clap::Args;
use devplat_profile::Cluster;
use devplat_tool::{
    Command,
    docker::Engine,
    local::{self, Maker},
};
use serde::Serialize;

use super::flags::{LayerFlags, OutputArgs};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform::{maker, programs::AllPrograms},
    request::{load_profile, local_engine},
    tools,
};

const EXAMPLES: &str = "\
Examples:
  devplat doctor
  devplat doctor --profile k3d
  devplat doctor --output json";

/// Check this machine for the needs of a profile.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    #[command(flatten)]
    layers: LayerFlags,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Prerequisite {
    name: &'static str,
    /// Whether the profile needs it. Otherwise its absence only costs time or convenience.
    needed: bool,
    has: Option<String>,
    remedy: Option<String>,
}

pub(super) async fn run(doctor: &Doctor, host: &Host) -> Result<(), Failure> {
    doctor.layers.refuse_values_alone("doctor")?;
    let cluster = match &doctor.layers.profile {
        Some(profile) => {
            let asked = crate::request::Asked { set: doctor.layers.set.clone(), ..Default::default() };
            Some(load_profile(profile, &asked, host)?.profile.cluster)
        }
        None => None,
    };
    let findings = findings(cluster.as_ref(), host).await;
    if host.ui.is_json() {
        host.ui.document(&findings);
    } else {
        host.ui.say(&show(&findings));
    }
    let lacking: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.needed && finding.has.is_none())
        .map(|finding| finding.name)
        .collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(Exit::Missing, format!("this machine lacks: {}", lacking.join(", "))))
    }
}

async fn findings(cluster: Option<&Cluster>, host: &Host) -> Vec<Prerequisite> {
    let local = cluster.is_none_or(|cluster| cluster.local().is_some());
    let engine = local_engine(host).await;
    let limits = inotify(engine.as_ref().ok()).await;
    let description = async {
        let engine = engine?;
        let info = engine.info().await?;
        let other = engine.other_host().await?.map(|other| format!("; {other}")).unwrap_or_default();
        Ok::<_, Failure>(format!("{} at {}{other}", info.version, engine.endpoint()))
    };
    let mut versions = Vec::new();
    for maker in Maker::ALL {
        versions.push((maker, maker.version(&host.surroundings).await.map_err(Failure::from)));
    }
    let needed = match cluster {
        Some(cluster) => cluster.local().map(|local| maker(local.provider)),
        None => needed_without_a_profile(&versions),
    };
    let makers =
        versions.into_iter().map(|(maker, version)| finding(maker.name(), needed == Some(maker), version));
    let mut findings = vec![finding("Docker engine", local, description.await)];
    findings.extend(makers);
    findings.extend([
        finding("inotify limits", local, limits),
        finding(
            "devplat's own programs",
            true,
            AllPrograms::find(&host.programs).map(|_| "beside devplat".to_owned()),
        ),
        finding("kubectl", false, first_line("kubectl", &["version", "--client"], host).await),
        finding("mmdebstrap", false, first_line("mmdebstrap", &["--version"], host).await),
    ]);
    findings
}

/// One program that creates clusters is enough: the only installed one, or the first if none is.
fn needed_without_a_profile<T>(versions: &[(Maker, Result<String, T>)]) -> Option<Maker> {
    let installed: Vec<Maker> =
        versions.iter().filter(|(_, version)| version.is_ok()).map(|(maker, _)| *maker).collect();
    match installed.as_slice() {
        [] => versions.first().map(|(maker, _)| *maker),
        [only] => Some(*only),
        [..] => None,
    }
}

/// Checks the limits of inotify for a cluster of one node, as the check before `up` does.
async fn inotify(engine: Option<&Engine>) -> Result<String, Failure> {
    let found = local::inotify::read(engine).await.map_err(|error| {
        Failure::of(Exit::Missing, &error).hint("read /proc/sys/fs/inotify/max_user_instances by hand")
    })?;
    tools::inotify(&found, 1)?;
    Ok(found.to_string())
}

fn finding(name: &'static str, needed: bool, found: Result<String, Failure>) -> Prerequisite {
    match found {
        Ok(has) => Prerequisite { name, needed, has: Some(has), remedy: None },
        Err(failure) => {
            let hint = failure.hints.first().map(|hint| format!(": {hint}")).unwrap_or_default();
            Prerequisite { name, needed, has: None, remedy: Some(format!("{}{hint}", failure.message)) }
        }
    }
}

async fn first_line(program: &str, args: &[&str], host: &Host) -> Result<String, Failure> {
    // Some builds of kubectl ask the current cluster before they print their own version, and cache the answers.
    let command =
        Command::new(program, &host.surroundings).args(args.iter().copied()).env("KUBECONFIG", "/dev/null");
    let output = command.deadline(std::time::Duration::from_secs(10)).run().await.map_err(|error| {
        Failure::of(Exit::Missing, &error).hint(format!("install {program}; ./quickstart does"))
    })?;
    Ok(output.stdout.lines().next().unwrap_or_default().to_owned())
}

fn show(findings: &[Prerequisite]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["", "HAS", "REMEDY"]);
    for Prerequisite { name, needed, has, remedy } in findings {
        let missing = || if *needed { "no".to_owned() } else { "no (not needed)".to_owned() };
        let has = has.clone().unwrap_or_else(missing);
        table.add_row([(*name).to_owned(), has, remedy.clone().unwrap_or_default()]);
    }
    table.to_string()
}
