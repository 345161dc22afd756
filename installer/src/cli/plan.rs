//! `devplat plan`: `up` without the apply.

use clap::Args;
use devplat_plan::{Plan, Sum, estimate};

use super::{
    cluster,
    flags::{Losing, Output, Platform, TakeOver},
};
use crate::{
    failure::Failure,
    host::Host,
    planning,
    request::{Asked, Purpose, Request},
    ui::duration,
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
    take_over: TakeOver,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    pub(super) output: Output,
}

pub(super) async fn run(args: &PlanArgs, host: &Host) -> Result<(), Failure> {
    let asked = Asked { take_over: args.take_over.take_over, ..args.platform.asked() };
    let request = Request::make(&asked, host, Purpose::Look).await?;
    let planned = planning::plan(&request.inputs, &request.context, &args.losing.lose).await?;
    if host.ui.is_json() {
        host.ui.document(&planned.plan);
    } else {
        host.ui.say(&show(&planned.plan));
        cluster::report(&request, host);
        for entry in planning::unfinished(&request.context)? {
            host.ui.remark(&format!("an earlier run did not finish: {} {}", entry.action, entry.step));
        }
    }
    Ok(())
}

fn show(plan: &Plan) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["STEP", "ACTION", "WHY", "ABOUT"]);
    for step in &plan.steps {
        let usual = if step.usual.is_zero() { String::new() } else { duration(step.usual.as_secs_f64()) };
        table.add_row([step.id.to_string(), step.action.to_string(), step.reason.clone(), usual]);
    }
    if plan.changes_nothing() {
        return format!("{table}\nnothing to change");
    }
    let Sum { usual, critical } = estimate(plan);
    let chain: Vec<String> = critical.iter().map(ToString::to_string).collect();
    format!("{table}\nabout {}; the longest chain: {}", duration(usual.as_secs_f64()), chain.join(" > "))
}
