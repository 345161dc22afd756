//! `devplat destroy`: the plan that wants nothing. It ends with a look at what is left.

use std::{sync::Arc, time::Instant};

use super::{Global, plan};
use crate::{
    apply::Apply,
    check,
    failure::{Exit, Failure},
    plan::removal,
    resource::{self, Resource},
    state::StateFolder,
    tool::docker,
    ui::{Answer, Event, Ui},
    world::World,
};

pub(super) async fn run(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let start = Instant::now();
    let state = StateFolder::of(&global.name)?;
    docker::version().await?;
    let lock = state.lock("destroy")?;
    let world = Arc::new(World::new(global.name.clone(), state));
    let found = resource::found(&world).await?;
    let removal = removal(&found);
    if !removal.changes_nothing() {
        confirm(global, &found, ui)?;
        let checked = check::check(removal, &found).await?;
        let again = plan::again(global, "destroy");
        Apply { resources: found, world: Arc::clone(&world), ui: ui.clone(), again }.run(&checked).await?;
    }
    let left: Vec<String> = resource::found(&world).await?.iter().map(name).collect();
    if !left.is_empty() {
        return Err(Failure::new(Exit::Left, format!("still there: {}", left.join(", ")))
            .hint("run `devplat destroy` again"));
    }
    world.state.remove()?;
    drop(lock);
    ui.tell(&Event::Destroyed { name: global.name.to_string(), seconds: start.elapsed().as_secs_f64() });
    Ok(())
}

fn confirm(global: &Global, found: &crate::plan::Graph<Resource>, ui: &Ui) -> Result<(), Failure> {
    if global.yes {
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(name).collect();
    let question = format!(
        "delete {} of platform {}, with every dev server and home in it?",
        names.join(" and "),
        global.name
    );
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
