//! `devplat status`: what is there, what is ready, and what to type next. The JSON is an interface, described in
//! docs/status.md; its version is raised when a field changes its meaning or goes.

use devplat_profile::Exposure;
use serde::Serialize;

use super::{Global, settings};
use crate::{
    failure::Failure,
    observe::observe,
    plan::{Planned, Verdict},
    resource::{self, ResourceId},
    tool::docker,
    ui::Ui,
    world::{Ingredients, Target, World},
};

/// The version of the JSON.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: u32,
    name: String,
    profile: String,
    cluster: ClusterStatus,
    context: String,
    ready: bool,
    parts: Vec<Part>,
    /// The line that signs in; missing while the profile names no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh: Option<String>,
    /// The line to type next.
    next: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterStatus {
    provider: &'static str,
    /// As its maker calls it; its context where nobody knows who made it.
    name: String,
    /// The kubeconfig that devplat keeps; the user's own where missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<String>,
}

impl ClusterStatus {
    fn of(world: &World) -> Self {
        match &world.target {
            Target::Kind => Self {
                provider: "kind",
                name: world.platform.to_string(),
                kubeconfig: Some(world.state.kubeconfig().display().to_string()),
            },
            Target::Existing { context, .. } => {
                let name = context.provider.name().unwrap_or(&context.name).to_owned();
                Self { provider: "existing", name, kubeconfig: None }
            }
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    name: String,
    ready: bool,
    reason: String,
}

pub(super) async fn run(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let global = settings::recalled(global)?;
    let (ingredients, world, decisions) = settings::ingredients(&global, ui).await?;
    if matches!(world.target, Target::Kind) {
        docker::version().await?;
    }
    let wanted = resource::desired(&ingredients)?;
    let inventory = observe(&wanted, &world).await?;
    let parts: Vec<Part> = wanted
        .iter()
        .filter(|resource| !matches!(resource.id(), ResourceId::Build(_) | ResourceId::Trial))
        .map(|resource| {
            let (ready, reason) = describe(inventory.get(&resource.id()).unwrap_or(&Verdict::Absent));
            Part { name: resource.id().to_string(), ready, reason }
        })
        .collect();
    let ready = parts.iter().all(|part| part.ready);
    let next = if ready { next_line(&ingredients, &world) } else { super::plan::again(&global, "up") };
    let status = Status {
        version: VERSION,
        name: global.name.to_string(),
        profile: decisions.profile.unwrap_or_default(),
        cluster: ClusterStatus::of(&world),
        context: world.context(),
        ready,
        parts,
        ssh: resource::ssh_line(&ingredients, &world),
        next,
    };
    if ui.is_json() {
        ui.document(&status);
    } else {
        ui.say(&show(&status));
    }
    Ok(())
}

/// The line to type next: signs in, or says how somebody comes to be let in.
pub(super) fn next_line(ingredients: &Ingredients, world: &World) -> String {
    let Some(ssh) = resource::ssh_line(ingredients, world) else {
        return format!("{} YOURNAME --key ~/.ssh/id_ed25519.pub", world.command("users add"));
    };
    match ingredients.profile.bastion.exposure {
        Exposure::PortForward => format!("{} -- {ssh}", world.command("port-forward")),
        Exposure::NodePort(_) | Exposure::LoadBalancer => ssh,
    }
}

fn describe(verdict: &Verdict) -> (bool, String) {
    match verdict {
        Verdict::Same => (true, "as wanted".to_owned()),
        Verdict::Absent => (false, "absent".to_owned()),
        Verdict::Differs(changes) | Verdict::Outgrown(changes) => (false, changes.join("; ")),
        Verdict::Broken(why) => (false, why.clone()),
        Verdict::Foreign(who) => (false, format!("not devplat's: {who}")),
    }
}

fn show(status: &Status) -> String {
    let Status { version: _, name, profile, cluster, context, ready, parts, ssh: _, next } = status;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["PART", "READY", "REASON"]);
    for Part { name, ready, reason } in parts {
        table.add_row([name.as_str(), if *ready { "yes" } else { "no" }, reason]);
    }
    let head = if *ready { "ready" } else { "not ready" };
    format!(
        "platform {name} (profile {profile}): {head}\n{} cluster {}, context {context} in {}\n\n{table}\n\nnext:\n  {next}",
        cluster.provider,
        cluster.name,
        cluster.kubeconfig.as_deref().unwrap_or("your kubeconfig")
    )
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
