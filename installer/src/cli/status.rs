//! `devplat status`: lists the platform's resources, their readiness, and the next command. The JSON is an interface,
//! described in docs/status.md; its version changes if a field changes its meaning or is removed.

mod next;

use clap::Args;
use devplat_plan::{Foreigner, Id, Owner, Planned, Sight, State};
use devplat_profile::Provider;
use serde::Serialize;

use super::{
    cluster,
    flags::{OutputArgs, Platform},
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    journal::Journal,
    observe::{Survey, observe, observe_to_delete},
    planning,
    platform_context::{CLUSTER, PlatformContext},
    request::{Asked, Located, PROFILE_VARIABLE, Purpose, Request, Run},
    resource::{
        self, AnyResource,
        fitness::{self, Needs},
        next_line,
    },
    ui,
};

/// The version of the JSON.
const VERSION: u32 = 1;

const EXAMPLES: &str = "\
Examples:
  devplat status
  devplat status --output json | jq --exit-status .ready     require a ready platform
  timeout 5m bash -c 'until s=$(devplat status -o json)||exit;jq -e .ready<<<$s;do sleep 5;done'

The last one waits at most 5 minutes for a ready platform, and ends with the exit status of a
`devplat status` that fails.

Exit status: 0 the parts are listed, whether they are ready or not (the field `ready` has the
result); 2 no platform of that name is known or found, or wrong usage; 3 the Docker engine or the
cluster cannot be used; 4 it gave no answer, or the command was stopped.";

/// Show the platform's parts, whether they are ready, and the next command. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) platform: Platform,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: u32,
    name: String,
    profile: String,
    cluster: ClusterStatus,
    context: String,
    ready: bool,
    parts: Vec<PlatformPart>,
    /// The command line that signs in; missing if the profile names no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh: Option<String>,
    /// Another run that is working on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Why `up` would be refused, with the remedies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    /// The next command line.
    next: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterStatus {
    provider: String,
    /// Its name without the prefix of its distribution, such as `a` for `kind-a`; the name of its context if the
    /// distribution is unknown.
    name: String,
    /// The kubeconfig in the state folder; missing if the context is in the user's own kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<String>,
    /// The capabilities of an existing cluster and the enforcement of `NetworkPolicies`, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<ClusterFact>,
    /// Facts that a user may not expect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterFact {
    name: &'static str,
    value: String,
}

impl ClusterStatus {
    fn of(provider: Provider, needs: &Needs, context: &PlatformContext) -> Self {
        let known = context.known_capabilities();
        let tried = context.known_enforcement();
        let facts = known.map(fitness::facts).into_iter().flatten().chain(fitness::enforcement_fact(tried));
        let remarks = known.map(|known| fitness::remarks(needs, known)).unwrap_or_default();
        let remark = fitness::enforcement_remark(tried).map(str::to_owned);
        let (name, kubeconfig) = match &context.named {
            None => (context.platform.as_str(), Some(context.state.kubeconfig().display().to_string())),
            Some(named) => (named.context.guess.name().unwrap_or(&named.context.name), None),
        };
        Self {
            provider: provider.to_string(),
            name: name.to_owned(),
            kubeconfig,
            facts: facts.map(|(name, value)| ClusterFact { name, value }).collect(),
            remarks: remarks.into_iter().chain(remark).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlatformPart {
    name: String,
    ready: bool,
    reason: String,
}

pub(super) async fn run(args: &StatusArgs, host: &Host) -> Result<(), Failure> {
    let asked = args.platform.asked();
    let (request, before) = Box::pin(resolve(&asked, host)).await?;
    let Request { inputs, context, decisions, .. } = &request;
    let wanted = resource::desired(inputs)?;
    let survey = observe(&wanted, context).await;
    if let Some(failure) = unreachable(&survey) {
        return Err(failure);
    }
    let listed = wanted.iter().filter(|resource| resource.traits().listed);
    let surplus = surplus(&survey, |id| wanted.get(id).is_some());
    let parts: Vec<PlatformPart> = listed.map(|resource| part(resource, &survey)).chain(surplus).collect();
    let ready = parts.iter().all(|part| part.ready);
    let run = context.other_run().await;
    let journal = Journal::read(&context.state.journal()).err();
    // Another run that is working still changes the reasons against a plan.
    let refusal = match &run {
        None => planning::refusal(wanted, survey, context).await?,
        Some(_) => None,
    };
    let mut refused = Vec::new();
    if let Some(refusal) = &refusal {
        let unset = host.surroundings.get(PROFILE_VARIABLE).map(|_| format!("env -u {PROFILE_VARIABLE} "));
        let now = decisions.profile.as_deref().unwrap_or_default();
        refused.extend(next::lines_of(refusal));
        refused.extend(next::other_profile(before.as_deref(), now, &asked, &unset.unwrap_or_default()));
    }
    let situation = next::Situation {
        ready: if ready { Some(next_line(inputs, context).await) } else { None },
        run: run.as_ref(),
        journal: journal.as_ref(),
        refusal: refusal.as_ref(),
    };
    let next = next::next_command(&asked, situation);
    refused.extend(journal.map(next::damaged).unwrap_or_default());
    let provider = inputs.profile.cluster.provider();
    let name_of_context = match &context.named {
        Some(named) => named.context.name.clone(),
        None => format!("{provider}-{}", context.platform),
    };
    let mut of_cluster = ClusterStatus::of(provider, &Needs::of(&inputs.profile), context);
    let closed = resource::closed_to_new_pods(context).await;
    of_cluster.remarks.extend(closed.clone());
    let status = Status {
        version: VERSION,
        name: asked.platform().to_string(),
        profile: decisions.profile.clone().unwrap_or_default(),
        cluster: of_cluster,
        context: name_of_context,
        ready,
        parts,
        ssh: resource::ssh_line(inputs, context),
        run: run.as_ref().map(ToString::to_string),
        refused,
        next,
    };
    if host.ui.is_json() {
        host.ui.document(&status);
    } else {
        if let Some(closed) = closed {
            host.ui.remark(&format!("note: {closed}"));
        }
        // The next line is the last one.
        cluster::report(&request, host);
        cluster::report_enforcement(&request, host);
        host.ui.say(&show(&status));
    }
    Ok(())
}

/// Resolves the request. If neither the command line nor the decisions name a profile or a cluster, the platform must be
/// found by its marks, because there would be nothing but absent parts of a profile that no one chose. Returns the profile of
/// the last `up` as well.
async fn resolve(asked: &Asked, host: &Host) -> Result<(Request, Option<String>), Failure> {
    let run = Run::begin(asked, host, Purpose::Look)?;
    let before = run.decisions.profile.clone();
    if run.is_named() {
        return Ok((run.request().await?, before));
    }
    let located = Box::pin(run.locate()).await?;
    if !located.known {
        Box::pin(must_exist(&located)).await?;
    }
    Ok((located.request().await?, before))
}

/// Fails if no resource of the platform is found in the searched places.
async fn must_exist(located: &Located<'_>) -> Result<(), Failure> {
    let survey = observe_to_delete(&located.context).await.whole()?;
    let of_another_account = || survey.foreigners().iter().any(|who| matches!(who, Foreigner::Account(_)));
    if survey.ours().iter().any(resource::shows_platform) || of_another_account() {
        return Ok(());
    }
    let (failure, elsewhere) = located.not_found("status").await;
    // The platform may be in a place that cannot be asked, and `up` refuses names that are taken.
    if elsewhere || failure.exit != Exit::Usage || !survey.foreigners().is_empty() {
        return Err(failure);
    }
    let creation = located.creation()?;
    Err(failure.hint(format!("`{creation}` creates it")))
}

/// Returns the failure to reach the cluster that the user named, or the engine, without which there is nothing to list.
fn unreachable(survey: &Survey) -> Option<Failure> {
    survey.failures.iter().find(|(kind, _)| *kind == CLUSTER.name()).map(|(_, failure)| failure.clone())
}

/// Returns the platform's resources that the profile does not want. `up` would delete them.
fn surplus(survey: &Survey, is_wanted: impl Fn(&Id) -> bool) -> Vec<PlatformPart> {
    let listed = |id: &Id| resource::KINDS.iter().any(|kind| kind.name == id.kind() && kind.listed);
    let found = survey.sights.iter().filter(|(id, _)| !is_wanted(id) && listed(id));
    let ours = found.filter_map(|(id, all)| {
        let sight = all.iter().find(|sight| sight.owner == Owner::Ours)?;
        let reason = match &sight.state {
            State::Leaving => "is being deleted".to_owned(),
            State::Coming => "is being created".to_owned(),
            State::Ready | State::Degraded(_) | State::Failed(_) => "not wanted by this profile".to_owned(),
        };
        Some(PlatformPart { name: id.to_string(), ready: false, reason })
    });
    ours.collect()
}

fn part(resource: &AnyResource, survey: &Survey) -> PlatformPart {
    let id = resource.id();
    let sights = survey.sights.get(&id).map(Vec::as_slice).unwrap_or_default();
    let failed = survey.failures.iter().find(|(kind, _)| *kind == id.kind());
    let (ready, reason) = match (shown(sights), failed) {
        (None, Some((_, failure))) => (false, failure.one_line()),
        (None, None) => (false, "absent".to_owned()),
        (Some(sight), _) => described(sight),
    };
    PlatformPart { name: id.to_string(), ready, reason }
}

/// Returns the one of several sights that `up` would keep, or else one that is not devplat's.
fn shown(sights: &[Sight]) -> Option<&Sight> {
    devplat_plan::live(sights).map(|index| &sights[index]).or(sights.last())
}

fn described(sight: &Sight) -> (bool, String) {
    let Sight { owner, state, verdict, .. } = sight;
    if let Owner::Foreign(who) = owner {
        return (false, format!("not devplat's: {who}"));
    }
    let verdict = || verdict.as_ref().map_or_else(|| "not compared".to_owned(), ui::verdict);
    match state {
        State::Coming => (false, "is being created".to_owned()),
        State::Leaving => (false, "is being deleted".to_owned()),
        State::Failed(why) => (false, why.clone()),
        State::Ready => (sight.verdict == Some(devplat_plan::Verdict::Same), verdict()),
        State::Degraded(faults) => {
            let differs = matches!(sight.verdict, Some(devplat_plan::Verdict::Differs(_)));
            let differences = if differs { verdict() } else { String::new() };
            // Most differences name the faults as well.
            let others = faults.iter().filter(|fault| !differences.contains(*fault)).cloned();
            let all: Vec<String> = differs.then(|| differences.clone()).into_iter().chain(others).collect();
            (false, all.join("; "))
        }
    }
}

fn show(status: &Status) -> String {
    let Status { version: _, name, profile, cluster, context, ready, parts, ssh: _, run, refused, next } =
        status;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["PART", "READY", "REASON"]);
    for PlatformPart { name, ready, reason } in parts {
        table.add_row([name.as_str(), if *ready { "yes" } else { "no" }, reason]);
    }
    let head = if *ready { "ready" } else { "not ready" };
    let mut lines = String::new();
    if !refused.is_empty() {
        lines = format!("\n\n`devplat up` would end before its first step:\n  {}", refused.join("\n  "));
    }
    let when = run.as_ref().map_or_else(String::new, |run| format!("  wait for {run} to end, then:\n"));
    format!(
        "platform {name} (profile {profile}): {head}\n{} cluster {}, context {context} in {}\n\n{table}{lines}\n\nnext:\n{when}  {next}",
        cluster.provider,
        cluster.name,
        cluster.kubeconfig.as_deref().unwrap_or("your kubeconfig")
    )
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
