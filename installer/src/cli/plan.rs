//! `devplat plan`: `up` without the apply.

use clap::Args;
use devplat_plan::{Outline, StepId, Sum, estimate};

use super::{
    cluster,
    flags::{Losing, OutputArgs, Platform, TakeOver, UnsetFlag},
};
use crate::{
    check,
    failure::Failure,
    host::Host,
    planning::{self, PlannedRun},
    request::{Asked, Purpose, Request, Run},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  devplat plan --profile k3d
  devplat plan --output json | jq '.steps[] | select(.action != \"keep\")'";

/// Show what `up` would do, and why. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) platform: Platform,
    #[command(flatten)]
    unset: UnsetFlag,
    #[command(flatten)]
    take_over: TakeOver,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) async fn run(args: &PlanArgs, host: &Host) -> Result<(), Failure> {
    let asked = Asked {
        take_over: args.take_over.take_over,
        lose: args.losing.lose.clone(),
        unset: args.unset.unset.clone(),
        ..args.platform.asked()
    };
    let request = Run::begin(&asked, host, Purpose::Plan)?.request().await?;
    let run = planning::outlined(&request.inputs, &request.context, &asked.lose).await?;
    if host.ui.is_json() {
        host.ui.document(&run.outline);
    } else {
        host.ui.say(&show(&run.outline));
        cluster::report(&request, host);
        report_other_runs(&request, host).await;
    }
    planning::unfinished(&request.context).map_err(|failure| refused(failure, &request))?;
    let PlannedRun { wanted, found, plan } = run.whole(&would_end(&request))?;
    let checked = check::check(plan, &wanted, &found, &request.context).await;
    checked.map(drop).map_err(|failure| refused(failure, &request))
}

/// Adds to a need that this machine does not meet that `up` would report it, too.
fn refused(failure: Failure, request: &Request) -> Failure {
    failure.while_doing(would_end(request))
}

fn would_end(request: &Request) -> String {
    format!("`{}` would end before its first step", request.context.command("up"))
}

/// Reports the run that is working on the platform, or else the steps that an earlier run did not finish.
async fn report_other_runs(request: &Request, host: &Host) {
    let context = &request.context;
    // Its steps are unfinished while it is running. The first look finds a run that ends before the second one.
    let before = context.other_run().await;
    // A journal that cannot be read ends the verb after the plan.
    let unfinished = planning::unfinished(context).unwrap_or_default();
    let after = if before.is_some() { before } else { context.other_run().await };
    if let Some(holder) = after {
        cluster::report_run(&holder, host);
        return;
    }
    for entry in unfinished {
        host.ui.remark(&format!("an earlier run did not finish: {} {}", entry.action, entry.step));
    }
}

fn show(outline: &Outline) -> String {
    let (plan, blocked) = (outline.plan(), outline.blocked());
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["STEP", "ACTION", "WHY", "TAKES"]);
    for step in &plan.steps {
        let usual = if step.usual.is_zero() { String::new() } else { ui::estimate(step.usual.as_secs_f64()) };
        table.add_row([step.id.to_string(), step.action.to_string(), step.reason.clone(), usual]);
    }
    for reason in blocked {
        table.add_row([&reason.id().to_string(), "blocked", &reason.to_string(), ""]);
    }
    if !blocked.is_empty() {
        return table.to_string();
    }
    if plan.changes_nothing() {
        return format!("{table}\nnothing to change");
    }
    let Sum { usual, critical } = estimate(plan);
    let chain: Vec<String> = critical.iter().map(link).collect();
    let estimate = ui::estimate(usual.as_secs_f64());
    // A step without a usual duration is in no chain.
    if chain.is_empty() {
        return format!("{table}\n{estimate}");
    }
    format!("{table}\n{estimate}; the longest chain: {}", chain.join(" > "))
}

/// Returns the name of a step in the longest chain. A replaced resource is there twice.
fn link(id: &StepId) -> String {
    if id.deletes.is_some() { format!("delete {id}") } else { id.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_plan::{Allowed, Blocked, Graph, Physical, Sights, outline};

    use super::*;
    use crate::resource::{
        AnyResource,
        tests::{Toy, toy},
    };

    #[test]
    fn deletion_and_creation_of_one_resource_differ_in_the_chain() {
        let id = toy("a", true).id;
        let created = StepId { id, generation: 0, deletes: None };
        let deleted = StepId { deletes: Some(Physical("a".to_owned())), ..created.clone() };
        assert_eq!([deleted, created].map(|id| link(&id)), ["delete toy", "toy"]);
    }

    #[test]
    fn blocked_step_is_shown_with_the_reason() {
        let wanted = Graph::new([AnyResource::new(Toy::default())]).unwrap();
        let mut outline = outline(&wanted, &Sights::new(), &Allowed::Nothing);
        let whole = show(&outline);
        assert!(whole.contains("create") && whole.ends_with("\nunder 1 s"), "{whole}");
        let (what, holder) = ("node port 30022".to_owned(), "Service shop/web".to_owned());
        outline.block([Blocked::Taken { id: toy("a", true).id, what, holder, remedies: Vec::new() }]);
        let shown = show(&outline);
        let row = shown.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(row, "toy blocked toy needs node port 30022, which Service shop/web has");
        assert!(!shown.contains("create") && !shown.contains("nothing to change"), "{shown}");
        assert_eq!(estimate(outline.plan()).usual, Duration::ZERO);
    }
}
