//! `devplat up`: the plan, carried out.

use std::{sync::Arc, time::Instant};

use super::{Global, plan, settings, status};
use crate::{
    apply::Apply,
    check,
    failure::Failure,
    plan::estimate,
    resource::Resource,
    ui::{Event, Ui},
    world::World,
};

pub(super) async fn run(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let start = Instant::now();
    let (ingredients, state, decisions) = settings::ingredients(global, ui).await?;
    let _lock = state.lock("up")?;
    let world = Arc::new(World::new(global.name.clone(), state));
    let (wanted, plan) = plan::make(&ingredients, &world).await?;
    let changed = !plan.changes_nothing();
    let (usual, _) = estimate::<Resource>(&plan);
    ui.tell(&Event::Planned { changes: plan.changes().count(), usual_seconds: usual.as_secs_f64() });
    if changed {
        world.state.remember(&decisions)?;
        let checked = check::check(plan, &wanted).await?;
        let again = plan::again(global, "up");
        Apply { resources: wanted, world: Arc::clone(&world), ui: ui.clone(), again }.run(&checked).await?;
    }
    ui.tell(&Event::Ready {
        name: global.name.to_string(),
        next: status::next_line(&world),
        seconds: start.elapsed().as_secs_f64(),
        changed,
    });
    Ok(())
}
