//! `devplat destroy`: the plan that wants nothing. It ends with a look at what is left.

use std::{sync::Arc, time::Instant};

use clap::Args;
use devplat_kubernetes::release::DataLoss;

use super::{Global, settings};
use crate::{
    apply::Apply,
    check,
    failure::{Exit, Failure},
    plan::removal,
    resource::{self, Resource},
    tool::docker,
    ui::{Answer, Event, Ui},
    world::{Target, World},
};

/// What may go along.
#[derive(Debug, Args)]
pub(super) struct Destroy {
    /// In a cluster that stays: delete users' dev servers and users as well; homes stay
    #[arg(long)]
    lose_data: bool,
}

pub(super) async fn run(global: &Global, destroy: &Destroy, ui: &Ui) -> Result<(), Failure> {
    let start = Instant::now();
    let world = settings::standing(global)?;
    if matches!(world.target, Target::Kind) {
        docker::version().await?;
    }
    let lock = world.state.lock()?;
    let world = Arc::new(world);
    let data = || if destroy.lose_data { DataLoss::Allowed } else { DataLoss::Refused };
    let found = resource::found(&world, data()).await?;
    let removal = removal(&found);
    if !removal.changes_nothing() {
        confirm(global, &world, &found, ui)?;
        let checked = check::check(removal, &found).await?;
        let again = world.command("destroy");
        Apply { resources: found, world: Arc::clone(&world), ui: ui.clone(), again }.run(&checked).await?;
    }
    let left: Vec<String> = resource::found(&world, data()).await?.iter().map(name).collect();
    if !left.is_empty() {
        return Err(Failure::new(Exit::Left, format!("still there: {}", left.join(", ")))
            .hint(format!("run `{}` again", world.command("destroy"))));
    }
    world.state.remove()?;
    drop(lock);
    ui.tell(&Event::Destroyed { name: global.name.to_string(), seconds: start.elapsed().as_secs_f64() });
    Ok(())
}

fn confirm(
    global: &Global,
    world: &World,
    found: &crate::plan::Graph<Resource>,
    ui: &Ui,
) -> Result<(), Failure> {
    if global.yes {
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(name).collect();
    let question = match &world.target {
        Target::Kind => {
            format!(
                "delete {} of platform {}, with every dev server and home in it?",
                names.join(" and "),
                global.name
            )
        }
        Target::Existing { context, .. } => {
            format!("delete platform {} from {} (context {})?", global.name, context.provider, context.name)
        }
    };
    match ui.confirm(&question) {
        Answer::Yes => Ok(()),
        Answer::No => Err(Failure::new(Exit::Usage, "nothing was deleted")),
        Answer::NobodyThere => {
            Err(Failure::new(Exit::Usage, "nothing was deleted: nobody is here to confirm it")
                .hint("--yes confirms it"))
        }
    }
}

fn name(resource: &Resource) -> String {
    crate::plan::Planned::id(resource).to_string()
}
