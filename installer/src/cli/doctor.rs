//! `devplat doctor`: checks whether this machine meets the needs of a profile, with remedies. Changes nothing.

use clap::Args;
use devplat_profile::Provider;
use devplat_tool::{
    Command,
    docker::Engine,
    limits,
    local::{k3d, kind},
};
use serde::Serialize;

use super::flags::{Layers, Output};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform::programs::AllPrograms,
    request::load_profile,
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
    layers: Layers,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    name: &'static str,
    /// Whether the profile needs it. Otherwise its absence only costs time or convenience.
    needed: bool,
    has: Option<String>,
    remedy: Option<String>,
}

pub(super) async fn run(doctor: &Doctor, host: &Host) -> Result<(), Failure> {
    doctor.layers.refuse_values_alone("doctor")?;
    let provider = match &doctor.layers.profile {
        Some(profile) => {
            let asked = crate::request::Asked { set: doctor.layers.set.clone(), ..Default::default() };
            Some(load_profile(profile, &asked, host)?.profile.cluster.provider())
        }
        None => None,
    };
    let findings = findings(provider, host).await;
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

/// Without a profile, one of kind and k3d is enough.
async fn findings(provider: Option<Provider>, host: &Host) -> Vec<Finding> {
    let surroundings = &host.surroundings;
    let local = provider != Some(Provider::Existing);
    let engine = async {
        let engine = Engine::connect(surroundings).await?;
        let info = engine.info().await?;
        Ok::<_, Failure>(format!("{} at {}", info.version, engine.endpoint()))
    };
    let kind = kind::version(surroundings).await.map_err(Failure::from);
    let k3d = k3d::version(surroundings).await.map_err(Failure::from);
    let needs_kind = provider == Some(Provider::Kind) || (provider.is_none() && k3d.is_err());
    let needs_k3d = provider == Some(Provider::K3d) || (provider.is_none() && kind.is_err() && k3d.is_ok());
    vec![
        finding("Docker engine", local, engine.await),
        finding("kind", needs_kind, kind),
        finding("k3d", needs_k3d, k3d),
        finding("inotify instances", local, inotify()),
        finding(
            "devplat's own programs",
            true,
            AllPrograms::find(&host.programs).map(|_| "beside devplat".to_owned()),
        ),
        finding("kubectl", false, first_line("kubectl", &["version", "--client"], host).await),
        finding("mmdebstrap", false, first_line("mmdebstrap", &["--version"], host).await),
    ]
}

/// Checks the inotify instances. A node needs some dozens; with fewer, the check before `up` fails as well.
fn inotify() -> Result<String, Failure> {
    const NODE: u64 = 20;
    let found = limits::inotify_of_root().map_err(|error| {
        Failure::of(Exit::Missing, &error).hint("read /proc/sys/fs/inotify/max_user_instances by hand")
    })?;
    let (used, max) = (found.instances, found.max_instances);
    if found.instances_left() < NODE {
        let enough = (max * 2).max(512);
        return Err(Failure::new(Exit::Missing, format!("{used} of {max} are in use"))
            .hint(format!("sudo sysctl fs.inotify.max_user_instances={enough}")));
    }
    // Without root's rights, only the processes of this account can be counted.
    let least = if found.complete { "" } else { "at least " };
    Ok(format!("{least}{used} of {max} in use"))
}

fn finding(name: &'static str, needed: bool, found: Result<String, Failure>) -> Finding {
    match found {
        Ok(has) => Finding { name, needed, has: Some(has), remedy: None },
        Err(failure) => {
            let hint = failure.hints.first().map(|hint| format!(": {hint}")).unwrap_or_default();
            Finding { name, needed, has: None, remedy: Some(format!("{}{hint}", failure.message)) }
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

fn show(findings: &[Finding]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["", "HAS", "REMEDY"]);
    for Finding { name, needed, has, remedy } in findings {
        let missing = || if *needed { "no".to_owned() } else { "no (not needed)".to_owned() };
        let has = has.clone().unwrap_or_else(missing);
        table.add_row([(*name).to_owned(), has, remedy.clone().unwrap_or_default()]);
    }
    table.to_string()
}
