//! `devplat up`: makes a plan and applies it.

use clap::Args;
use devplat_plan::estimate;
use tokio::time::Instant;

use super::{
    cluster,
    confirm::confirm,
    flags::{AnswerFlags, Losing, OutputArgs, Platform, TakeOver, UnsetFlag},
};
use crate::{
    apply::Apply,
    check,
    failure::Failure,
    host::Host,
    planning,
    request::{self, Asked, Purpose, Request, Run},
    resource::next_line,
    state::Decisions,
    ui::Event,
};

const EXAMPLES: &str = "\
Examples:
  devplat up --profile k3d
  devplat up --profile kind --set operator.replicas=2
  devplat up --unset operator.replicas            forget that value
  devplat up --profile existing --context my-cluster --set images.registry=registry.example/team
  devplat up --profile ./platform.yaml --yes

Without --profile, `up` uses the profile of the last `up` of this platform. If there was none, it
uses existing with --context, that of the platform's cluster if it finds one on this machine, and
else kind; it refuses if a context of your kubeconfig has the marks of the platform. Later runs
remember the values of --set; `devplat profiles show --name NAME` lists them, and --unset forgets
one.";

/// Create the platform, or update it to match the profile.
///
/// After an interruption, run the same command to continue. Resources that are as wanted are not changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Up {
    #[command(flatten)]
    pub(super) platform: Platform,
    #[command(flatten)]
    unset: UnsetFlag,
    #[command(flatten)]
    answers: AnswerFlags,
    #[command(flatten)]
    take_over: TakeOver,
    #[command(flatten)]
    losing: Losing,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) async fn run(up: &Up, host: &Host) -> Result<(), Failure> {
    let start = Instant::now();
    let asked = Asked {
        yes: up.answers.yes,
        take_over: up.take_over.take_over,
        lose: up.losing.lose.clone(),
        unset: up.unset.unset.clone(),
        ..up.platform.asked()
    };
    let _locked = request::lock(&asked.state(host)?)?;
    let prepared = async {
        let request = Run::begin(&asked, host, Purpose::Change)?.request().await?;
        let made = planning::plan(&request.inputs, &request.context, &asked.lose).await?;
        Ok((request, made))
    };
    let (request, made) =
        host.or_stopped(Box::pin(prepared)).await.map_err(|failure| nothing_done(failure, &asked))?;
    let Request { inputs, context, decisions, .. } = &request;
    // The finders have met the accounts whose platform is taken over.
    let decisions = &Decisions { taken_over: context.taken_over.texts(), ..decisions.clone() };
    let changed = !made.plan.changes_nothing();
    host.ui.report(&Event::Planned {
        changes: made.plan.changes().count(),
        usual_seconds: estimate(&made.plan).usual.as_secs_f64(),
    });
    if changed {
        cluster::report(&request, host);
        // Before the question: the answer would be of no use on a machine that lacks something.
        let checking = check::check(made.plan, &made.wanted, &made.found, context);
        let checked = host.or_stopped(checking).await.map_err(|failure| nothing_done(failure, &asked))?;
        if let Some(named) = &context.named {
            let (title, context) = (context.title_of(named), &named.context.name);
            let question = format!("install platform {} into {title} (context {context})?", asked.platform());
            confirm(&question, "nothing was done", asked.yes, host)?;
        }
        context.state.remember(decisions)?;
        let continued = continued(&asked, decisions);
        let apply = Apply {
            context: std::sync::Arc::clone(context),
            ui: host.ui.clone(),
            again: continued.again("up"),
            destroy: continued.again("destroy"),
        };
        apply.run(&checked).await?;
    } else {
        context.state.remember(decisions)?;
    }
    cluster::report_enforcement(&request, host);
    host.ui.report(&Event::Ready {
        name: asked.platform().to_string(),
        next: next_line(inputs, context).await,
        seconds: start.elapsed().as_secs_f64(),
        changed,
    });
    Ok(())
}

/// Adds to a failure before the first step that nothing was done.
fn nothing_done(failure: Failure, asked: &Asked) -> Failure {
    if failure.is_stopped() {
        failure.hint(format!("nothing was done; `{}` begins again", asked.again("up")))
    } else {
        failure
    }
}

/// Returns the arguments that continue a run with these remembered decisions: a pipe cannot be read again, and its
/// profile is remembered with the values of `--set`, and without those of `--unset`.
fn continued(asked: &Asked, decisions: &Decisions) -> Asked {
    match decisions.profile_folder {
        Some(_) => Asked { profile: None, set: Vec::new(), unset: Vec::new(), ..asked.clone() },
        None => asked.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_with_a_profile_from_a_pipe_is_continued_without_it() {
        let set = vec!["operator.replicas=1".to_owned()];
        let asked = Asked { profile: Some("./p.yaml".to_owned()), set, ..Asked::default() };
        let again = |folder: Option<&str>| {
            let decisions = Decisions { profile_folder: folder.map(Into::into), ..Decisions::default() };
            continued(&asked, &decisions).again("up")
        };
        assert_eq!(again(None), "devplat up --profile ./p.yaml --set 'operator.replicas=1'");
        assert_eq!(again(Some("/work")), "devplat up");
    }
}
