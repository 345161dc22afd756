//! `devplat up`: the plan, carried out.

use std::{sync::Arc, time::Instant};

use super::{Global, plan, settings, status};
use crate::{
    apply::Apply,
    check,
    failure::{Exit, Failure},
    plan::estimate,
    resource::Resource,
    ui::{Answer, Event, Ui},
    world::{Target, World},
};

pub(super) async fn run(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let start = Instant::now();
    let (ingredients, world, decisions) = settings::ingredients(global, ui).await?;
    let _lock = world.state.lock()?;
    let world = Arc::new(world);
    let (wanted, plan) = plan::make(&ingredients, &world).await?;
    let changed = !plan.changes_nothing();
    let (usual, _) = estimate::<Resource>(&plan);
    ui.tell(&Event::Planned { changes: plan.changes().count(), usual_seconds: usual.as_secs_f64() });
    if changed {
        confirm(global, &world, ui)?;
        let checked = check::check(plan, &wanted).await?;
        world.state.remember(&decisions)?;
        let again = plan::again(global, "up");
        Apply { resources: wanted, world: Arc::clone(&world), ui: ui.clone(), again }.run(&checked).await?;
    }
    ui.tell(&Event::Ready {
        name: global.name.to_string(),
        next: status::next_line(&ingredients, &world),
        seconds: start.elapsed().as_secs_f64(),
        changed,
    });
    Ok(())
}

/// A cluster that somebody else made is only written to after a word from its user.
fn confirm(global: &Global, world: &World, ui: &Ui) -> Result<(), Failure> {
    let Target::Existing { context, .. } = &world.target else { return Ok(()) };
    if global.yes {
        return Ok(());
    }
    let what =
        format!("install platform {} into {} (context {})", world.platform, context.provider, context.name);
    match ui.confirm(&format!("{what}?")) {
        Answer::Yes => Ok(()),
        Answer::No => Err(Failure::new(Exit::Usage, "nothing was done")),
        Answer::NobodyThere => {
            Err(Failure::new(Exit::Usage, "nothing was done: nobody is here to confirm it")
                .hint(format!("--yes confirms it: {what}")))
        }
    }
}
