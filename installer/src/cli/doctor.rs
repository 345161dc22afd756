//! `devplat doctor`: checks whether this machine, and for profile eks the AWS account, meets the needs of a profile, with
//! remedies. Changes nothing.

mod aws;
mod prerequisite;

use clap::Args;
use devplat_profile::Cluster;
use devplat_tool::{
    Command,
    docker::Engine,
    local::{self, Maker},
};

use self::prerequisite::{Prerequisite, finding};
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
  devplat doctor --profile eks --set cluster.eks.region=eu-central-1
  devplat doctor --output json";

/// Check this machine, or the AWS account, for the needs of a profile.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    #[command(flatten)]
    layers: LayerFlags,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) async fn run(doctor: &Doctor, host: &Host) -> Result<(), Failure> {
    doctor.layers.refuse_values_alone("doctor")?;
    let profile = doctor.layers.profile.as_deref();
    let cluster = match profile {
        Some(profile) => {
            let asked = crate::request::Asked { set: doctor.layers.set.clone(), ..Default::default() };
            Some(load_profile(profile, &asked, host)?.profile.cluster)
        }
        None => None,
    };
    let mut findings = Box::pin(findings(cluster.as_ref(), host)).await;
    if let Some(Cluster::Eks(eks)) = &cluster {
        findings.extend(aws::findings(eks, host).await?);
    }
    if profile.is_some() {
        findings.retain(|finding| finding.needed);
    }
    let lacking = lacking(&findings);
    if host.ui.is_json() {
        host.ui.document(&findings);
    } else {
        host.ui.say(&show(&findings));
        if lacking.is_empty() {
            host.ui.say(&verdict(profile, cluster.as_ref()));
        }
    }
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(Exit::Missing, format!("this machine lacks: {}", lacking.join(", "))))
    }
}

fn lacking(findings: &[Prerequisite]) -> Vec<&'static str> {
    findings.iter().filter(|one| one.needed && one.has.is_none()).map(|one| one.name).collect()
}

fn verdict(profile: Option<&str>, cluster: Option<&Cluster>) -> String {
    match (profile, cluster) {
        (Some(_), Some(Cluster::Eks(_))) => {
            "AWS accepts these credentials; this devplat does not create clusters in AWS yet".to_owned()
        }
        (Some(profile), Some(Cluster::Kind(_) | Cluster::K3d(_) | Cluster::Existing(_)) | None) => {
            format!("this machine can run profile {profile}")
        }
        (None, _) => "this machine has all that a platform needs".to_owned(),
    }
}

/// Looks for everything at the same time, because a silent engine or program must not delay the others.
async fn findings(cluster: Option<&Cluster>, host: &Host) -> Vec<Prerequisite> {
    let local = cluster.is_none_or(|cluster| cluster.local().is_some());
    let of_engine = async {
        let engine = local_engine(host).await;
        let limits = inotify(engine.as_ref().ok()).await;
        (description(engine).await, limits)
    };
    let versions = Maker::ALL
        .map(|maker| async move { (maker, maker.version(&host.surroundings).await.map_err(Failure::from)) });
    let ((description, limits), versions, kubectl, mmdebstrap) = tokio::join!(
        of_engine,
        futures::future::join_all(versions),
        first_line("kubectl", &["version", "--client"], host),
        first_line("mmdebstrap", &["--version"], host),
    );
    let needed = match cluster {
        Some(cluster) => cluster.local().map(|local| maker(local.provider)),
        None => needed_without_a_profile(&versions),
    };
    let makers = versions
        .into_iter()
        .map(|(maker, version)| program(maker.name(), needed == Some(maker), version, host));
    let mut findings = vec![finding("Docker engine", local, description)];
    findings.extend(makers);
    findings.extend([
        finding("inotify limits", local, limits),
        finding(
            "devplat's own programs",
            true,
            AllPrograms::find(&host.programs).map(|_| "beside devplat".to_owned()),
        ),
        program("kubectl", false, kubectl, host),
        program("mmdebstrap", false, mmdebstrap, host),
    ]);
    findings
}

async fn description(engine: Result<Engine, Failure>) -> Result<String, Failure> {
    let engine = engine?;
    let info = engine.info().await?;
    let other = engine.other_host().await?.map(|other| format!("; {other}")).unwrap_or_default();
    Ok(format!("{} at {}{other}", info.version, engine.endpoint()))
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

fn program(name: &'static str, needed: bool, version: Result<String, Failure>, host: &Host) -> Prerequisite {
    let installed = host.surroundings.program(name).is_some();
    Prerequisite { installed, ..finding(name, needed, version) }
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
    let remedies = findings.iter().any(|finding| finding.remedy.is_some());
    let columns = if remedies { 3 } else { 2 };
    table.load_style(comfy_table::presets::NOTHING).set_header(["", "HAS", "REMEDY"].iter().take(columns));
    for Prerequisite { name, needed, has, installed, remedy } in findings {
        let found = if *installed { "installed, but without a usable version" } else { "no" };
        let missing = || if *needed { found.to_owned() } else { format!("{found} (not needed)") };
        let row =
            [(*name).to_owned(), has.clone().unwrap_or_else(missing), remedy.clone().unwrap_or_default()];
        table.add_row(row.iter().take(columns));
    }
    // A row is padded to the width of its table.
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, needed: bool, has: Option<&str>) -> Prerequisite {
        let found = has.map(str::to_owned).ok_or_else(|| Failure::new(Exit::Missing, "x").hint("y"));
        finding(name, needed, found)
    }

    #[test]
    fn remedies_are_a_column_only_if_there_is_one() {
        let shown = show(&[of("k3d", true, Some("v5"))]);
        assert!(!shown.contains("REMEDY") && shown.contains("v5"), "{shown}");
        let shown = show(&[of("k3d", true, Some("v5")), of("kubectl", false, None)]);
        assert!(shown.contains("REMEDY") && shown.contains("no (not needed)"), "{shown}");
    }

    #[test]
    fn installed_program_without_a_version_is_not_called_absent() {
        let mut silent = of("k3d", true, None);
        assert_eq!(lacking(std::slice::from_ref(&silent)), ["k3d"]);
        silent.installed = true;
        let shown = show(&[silent]);
        assert!(shown.contains("installed, but without a usable version"), "{shown}");
    }
}
