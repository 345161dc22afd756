//! `devplat plan`: `up`, stopped before anything is done.

use std::{fmt::Write as _, sync::Arc};

use super::{Global, settings};
use crate::{
    apply::{
        journal::{self, Journal},
        journal_failure,
    },
    failure::{Exit, Failure},
    observe::observe,
    plan::{self, Blocked, Graph, Plan, estimate},
    resource::{self, Resource, ResourceId},
    tool::docker,
    ui::Ui,
    world::{Ingredients, Target, World},
};

pub(super) async fn run(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let (ingredients, world, _) = settings::ingredients(global, ui).await?;
    let (_, plan) = make(&ingredients, &world).await?;
    if ui.is_json() {
        ui.document(&plan);
    } else {
        ui.say(&show(&plan));
        for entry in journal::unfinished(&read_journal(&world)?) {
            ui.remark(&format!("an earlier run did not finish: {} {}", entry.action, entry.step));
        }
    }
    Ok(())
}

/// The plan, and what it is about.
pub(super) async fn make(
    ingredients: &Arc<Ingredients>,
    world: &World,
) -> Result<(Graph<Resource>, Plan<ResourceId>), Failure> {
    let wanted = resource::desired(ingredients)?;
    read_journal(world)?;
    if matches!(world.target, Target::Kind) {
        docker::version().await?;
    }
    let inventory = observe(&wanted, world).await?;
    let plan = plan::diff(&wanted, &inventory).map_err(|blocked| refuse(&blocked, world))?;
    Ok((wanted, plan))
}

/// The command line that goes on, as the user typed it.
pub(super) fn again(global: &Global, verb: &str) -> String {
    let mut line = format!("devplat {verb}");
    if let Some(profile) = &global.profile {
        let _ = write!(line, " --profile {profile}");
    }
    if global.name != devplat_profile::PlatformName::default() {
        let _ = write!(line, " --name {}", global.name);
    }
    if let Some(context) = &global.context {
        let _ = write!(line, " --context {context}");
    }
    for set in &global.set {
        let _ = write!(line, " --set '{set}'");
    }
    line
}

fn read_journal(world: &World) -> Result<Vec<journal::Entry>, Failure> {
    Journal::read(&world.state.journal()).map_err(|error| journal_failure(&error))
}

fn refuse(blocked: &[Blocked], world: &World) -> Failure {
    let mut failure = Failure::new(Exit::Usage, "nothing was done");
    let mut foreign = false;
    for one in blocked {
        failure.causes.push(one.to_string());
        foreign |= matches!(one, Blocked::Foreign { .. });
    }
    if foreign {
        failure.hint("give your platform another name with --name, or delete what has its name")
    } else {
        let name = &world.platform;
        failure.hint(format!(
            "`devplat destroy --name {name}`, then `up` again: dev servers and homes in it are lost"
        ))
    }
}

fn show(plan: &Plan<ResourceId>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["STEP", "ACTION", "WHY", "USUALLY"]);
    for step in &plan.steps {
        let usual = if step.usual.is_zero() { String::new() } else { format!("{} s", step.usual.as_secs()) };
        table.add_row([step.id.to_string(), step.action.to_string(), step.reason.clone(), usual]);
    }
    let (usual, chain) = estimate::<Resource>(plan);
    if plan.changes_nothing() {
        return format!("{table}\nnothing to change");
    }
    let chain: Vec<String> = chain.iter().map(ToString::to_string).collect();
    format!("{table}\nusually {} s, by way of: {}", usual.as_secs(), chain.join(" > "))
}
