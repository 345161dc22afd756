//! `devplat destroy`: a plan without wanted resources. It reports as destroyed only resources that it found before and
//! no longer finds afterwards.

mod forget;
mod state_files;

use std::sync::Arc;

use clap::Args;
use devplat_kubernetes::release;
use devplat_plan::{Allowed, Foreigner, Id};
use devplat_tool::local::Maker;
use tokio::time::Instant;

use super::{
    confirm::confirm,
    flags::{AnswerFlags, ContextFlag, LayerFlags, NameFlag, OutputArgs, TakeOver},
};
use crate::{
    apply::Apply,
    check,
    failure::{Exit, Failure},
    host::Host,
    journal::{Pending, pending},
    observe::{Survey, observe_to_delete},
    planning,
    platform_context::PlatformContext,
    request::{self, Asked, Located, Looked, Purpose, Run},
    resource,
    state::{Decisions, RememberedDelivery, StateFolder},
    ui::Event,
};
use forget::forget;
use state_files::{known_entries, remark_damage, set_journal_aside, without_state};

const EXAMPLES: &str = "\
Examples:
  devplat destroy
  devplat destroy --name team-a --yes
  devplat destroy --context my-cluster --lose-data     out of a cluster that stays

Deletes the resources that devplat created: its own cluster with every dev server and home in it;
in an existing cluster, the installed objects. Images stay there, in the nodes or the registry, and
homes, except those of dev servers that --lose-data deletes and whose homeRetention is Delete.";

/// Delete the platform; an existing cluster stays, with homes and images.
///
/// Looks for leftovers at the end: exit status 5 if there are any.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Destroy {
    #[command(flatten)]
    pub(super) name: NameFlag,
    #[command(flatten)]
    layers: LayerFlags,
    #[command(flatten)]
    context: ContextFlag,
    /// In an existing cluster: delete users' dev servers and users as well; homes stay, except those whose
    /// homeRetention is Delete
    #[arg(long)]
    lose_data: bool,
    /// Delete nothing, and forget what is remembered: for a cluster or an engine that no longer exists
    #[arg(long, conflicts_with_all = ["lose_data", "profile", "set", "context", "take_over"])]
    forget: bool,
    #[command(flatten)]
    answers: AnswerFlags,
    #[command(flatten)]
    take_over: TakeOver,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) async fn run(destroy: &Destroy, host: &Host) -> Result<(), Failure> {
    let start = Instant::now();
    destroy.layers.refuse_values_alone("destroy")?;
    let asked = Asked {
        name: destroy.name.get(),
        profile: destroy.layers.profile.clone(),
        set: destroy.layers.set.clone(),
        unset: Vec::new(),
        context: destroy.context.context.clone(),
        templates: None,
        yes: destroy.answers.yes,
        take_over: destroy.take_over.take_over,
        lose: Vec::new(),
    };
    let state = asked.state(host)?;
    if destroy.forget {
        return forget(&asked, host).await;
    }
    let unused = state.is_unused();
    let locked = request::lock(&state)?;
    remark_damage(&state, &host.ui)?;
    let looking = async {
        await_killed_calls(&state, host).await?;
        let located = Run::begin_deletion(&asked, host, Purpose::Change)?.locate().await?;
        let survey = observe_to_delete(&located.context).await.whole()?;
        Ok((located, survey))
    };
    let (located, survey) =
        host.or_stopped(Box::pin(looking)).await.map_err(|failure| nothing_deleted(failure, &asked))?;
    let found = survey.ours();
    // Files in the account alone do not show where the platform is.
    let shown = located.decisions.place.is_some() || found.iter().any(resource::shows_platform);
    if destroy.lose_data && located.context.named.is_none() && (located.known || shown) {
        return Err(nothing_to_lose(&asked));
    }
    if found.is_empty() || !shown {
        let outcome = nothing_found(&asked, &located, &survey, unused, host).await;
        drop(locked);
        return outcome;
    }
    let context = Arc::clone(&located.context);
    let names = named(&found);
    let allowed = match (&context.named, destroy.lose_data) {
        (Some(_), false) => Allowed::Nothing,
        // If devplat made the cluster, the confirmation below covers its whole content.
        (Some(_), true) | (None, _) => Allowed::Everything,
    };
    let plan = planning::removal(&survey, &allowed, &context)?;
    if let (Some(named), false) = (&context.named, asked.yes) {
        // Only for the question, which can do without.
        let read = host.or_stopped(async { Ok(context.capabilities(named).await.map(drop)) }).await?;
        tracing::debug!(?read, "capabilities");
    }
    confirm(&question(&names, &context), "nothing was deleted", asked.yes, host)?;
    let nothing_wanted = devplat_plan::Graph::empty();
    let checking = check::check(plan, &nothing_wanted, &survey.found, &context);
    let checked = host.or_stopped(checking).await.map_err(|failure| nothing_deleted(failure, &asked))?;
    set_journal_aside(&state)?;
    let apply = Apply {
        context: Arc::clone(&context),
        ui: host.ui.clone(),
        again: asked.again("destroy"),
        destroy: asked.again("destroy"),
    };
    apply.run(&checked).await.map_err(|failure| without_state(failure, &asked, &context))?;
    let last_look = async { observe_to_delete(&context).await.whole() };
    let left = named(&host.or_stopped(last_look).await?.ours());
    if !left.is_empty() {
        return Err(Failure::new(Exit::Left, format!("still there: {}", left.join(", ")))
            .hint(format!("run `{}` again", asked.again("destroy"))));
    }
    let kept = kept(&context, host).await?;
    // Delete the keys and the identity of the platform last.
    context.state.remove()?;
    drop(locked);
    host.ui.report(&Event::Destroyed {
        name: asked.platform().to_string(),
        deleted: names,
        kept,
        images: context.named.as_ref().map(|_| images_left(located.decisions.delivery.as_ref())),
        seconds: start.elapsed().as_secs_f64(),
    });
    Ok(())
}

/// Returns the homes that stay in an existing cluster.
async fn kept(context: &PlatformContext, host: &Host) -> Result<Option<String>, Failure> {
    if context.named.is_none() {
        return Ok(None);
    }
    let read = async {
        let client = context.client().await?;
        Ok(release::homes(&client, context).await?)
    };
    let homes = host.or_stopped(read).await?;
    Ok((!homes.homes.is_empty()).then(|| homes.to_string()))
}

/// Returns the images that stay for an existing cluster: dev servers of others may use them, and no call deletes them from
/// a node or a registry.
fn images_left(delivery: Option<&RememberedDelivery>) -> String {
    match delivery {
        Some(RememberedDelivery::EngineNodes { label }) => {
            // Kubelets of kind delete no images.
            let until = if label.starts_with(Maker::Kind.cluster_label()) { "" } else { ", or when the disk fills" };
            format!("the images that devplat imported into the nodes; they are deleted with the nodes{until}")
        }
        Some(RememberedDelivery::Minikube { .. }) => {
            "the images that devplat imported into the nodes; a kubelet deletes unused images when its disk fills"
                .to_owned()
        }
        Some(RememberedDelivery::Registry { push, .. }) => format!("the images that devplat pushed to {push}"),
        None => "the images that devplat brought to the nodes or the registry".to_owned(),
    }
}

/// Waits if a run may have been killed in a call a moment ago: a look before its end would miss what it creates.
async fn await_killed_calls(state: &StateFolder, host: &Host) -> Result<(), Failure> {
    let (entries, lost) = known_entries(state)?;
    if let Some((left, pending)) = pending(&entries, lost, (host.now)()) {
        let seconds = left.as_millis().div_ceil(1000);
        host.ui.remark(&match pending {
            Pending::Call(call) => {
                format!(
                    "a run was killed during `{call}`; waiting {seconds} s, in case it still has an effect"
                )
            }
            Pending::Unknown => format!(
                "there is no usable journal; waiting {seconds} s, in case a call of a killed run still has an effect"
            ),
        });
        tokio::time::sleep(left).await;
    }
    Ok(())
}

fn named(all: &[Id]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Reports that no resource of the platform was found, instead of a success. `unused` is whether a killed run left a state
/// folder without anything in it.
async fn nothing_found(
    asked: &Asked,
    located: &Located<'_>,
    survey: &Survey,
    unused: bool,
    host: &Host,
) -> Result<(), Failure> {
    let Located { context, decisions, known, looked, .. } = located;
    let foreign = survey.foreigners();
    if !foreign.is_empty() {
        let mut failure =
            Failure::new(Exit::Usage, "nothing was deleted: the found resources are not this platform's");
        if foreign.iter().any(|who| matches!(who, Foreigner::Account(_))) {
            failure = failure.hint("add --take-over to delete the platform of the other account");
        }
        failure.causes.extend(foreign.iter().map(ToString::to_string));
        return Err(failure);
    }
    if !known {
        let (failure, elsewhere) = located.not_found("destroy").await;
        if unused && !elsewhere && failure.exit == Exit::Usage {
            let state = &context.state;
            state.remove()?;
            host.ui.remark(&format!(
                "deleted state folder {}, which a run left that did not get to its first step; no resource of platform {} \
                 was found",
                state.path().display(),
                asked.platform()
            ));
            return Ok(());
        }
        // Damaged decisions, or the keys of a lost platform.
        let remembers = !context.state.is_unused();
        return Err(failure.maybe_hint(remembers.then(|| asked.forget_hint())));
    }
    let (name, looked) = (asked.platform(), Looked::searched(looked));
    let remembered = *decisions != Decisions::default();
    if remembered && decisions.place.is_none() {
        // An older devplat did not record the engine or cluster, so keep the keys.
        let why = format!(
            "no resource of platform {name} was found in {looked}, and it is unknown where the platform was created"
        );
        return Err(Failure::new(Exit::Usage, why)
            .hint("name its place: DOCKER_HOST or DOCKER_CONTEXT for another engine, --context for a cluster")
            .hint(asked.forget_hint()));
    }
    context.state.remove()?;
    host.ui.remark(&format!("no resource of platform {name} was found in {looked}"));
    if remembered {
        host.ui.remark("deleted its state folder");
    }
    Ok(())
}

/// Returns the failure for `--lose-data` without an existing cluster, where it would be ignored.
fn nothing_to_lose(asked: &Asked) -> Failure {
    let why =
        "--lose-data cannot be used with a cluster that devplat created: its deletion deletes all data in it";
    Failure::new(Exit::Usage, why)
        .hint(format!("nothing was deleted; `{}` deletes it", asked.again("destroy")))
}

/// Adds to a failure before the first step that nothing was deleted.
fn nothing_deleted(failure: Failure, asked: &Asked) -> Failure {
    if failure.is_stopped() {
        failure.hint(format!("nothing was deleted; `{}` begins again", asked.again("destroy")))
    } else {
        failure
    }
}

fn question(parts: &[String], context: &PlatformContext) -> String {
    match &context.named {
        None => format!(
            "delete {} of platform {}, with every dev server and home in it?",
            parts.join(" and "),
            context.platform
        ),
        Some(named) => format!(
            "delete platform {} from {} (context {})?",
            context.platform,
            context.title_of(named),
            named.context.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_stay_are_named_with_their_place() {
        let label = "io.x-k8s.kind.cluster=a".to_owned();
        let nodes = images_left(Some(&RememberedDelivery::EngineNodes { label }));
        assert!(nodes.ends_with("imported into the nodes; they are deleted with the nodes"), "{nodes}");
        let label = "k3d.cluster=a".to_owned();
        let nodes = images_left(Some(&RememberedDelivery::EngineNodes { label }));
        assert!(nodes.ends_with("deleted with the nodes, or when the disk fills"), "{nodes}");
        let (push, pull) = ("registry.example/team".to_owned(), "registry.example/team".to_owned());
        let pushed = images_left(Some(&RememberedDelivery::Registry { push, pull, plain_http: false }));
        assert_eq!(pushed, "the images that devplat pushed to registry.example/team");
        assert!(images_left(None).contains("nodes or the registry"));
    }
}
