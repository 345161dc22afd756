//! Makes a plan from a request: the wanted resources, the found ones, and the steps in between. All verbs that plan use
//! this module.

mod refused;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use devplat_plan::{Action, Allowed, Blocked, Graph, Id, Outline, Plan, Planned, Sights, diff, outline};
use futures::future::join_all;

use crate::{
    check::check,
    command_line::quoted,
    failure::{Exit, Failure},
    journal::{self, Journal},
    observe::{Survey, observe},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    resource::{self, AnyResource, Found},
};
use refused::{keeping, refuse, refuse_removal};

/// The message of a refused plan in a verb that would carry it out.
const NOTHING_DONE: &str = "nothing was done";

/// A plan with its input.
pub struct PlannedRun {
    /// The wanted resources.
    pub wanted: Graph<AnyResource>,
    /// The found resources.
    pub found: BTreeMap<Id, Vec<Found>>,
    /// The steps.
    pub plan: Plan,
}

/// The steps that nothing stands against, with the reasons against the others, and their input.
pub struct OutlinedRun {
    wanted: Graph<AnyResource>,
    found: BTreeMap<Id, Vec<Found>>,
    sights: Sights,
    /// The steps and the reasons.
    pub outline: Outline,
}

impl OutlinedRun {
    /// Returns the plan. Fails with `message` and every reason against it.
    pub fn whole(self, message: &str) -> Result<PlannedRun, Failure> {
        let Self { wanted, found, sights, outline } = self;
        let plan = outline.whole().map_err(|blocked| refuse(message, &blocked, &sights))?;
        Ok(PlannedRun { wanted, found, plan })
    }
}

/// Plans the steps from the found resources to the wanted ones. The data of the resources with the ids `lose` may be
/// lost. Fails if something stands against them.
pub async fn plan(
    inputs: &Arc<PlatformInputs>,
    context: &PlatformContext,
    lose: &[String],
) -> Result<PlannedRun, Failure> {
    // A step could not be recorded.
    unfinished(context)?;
    outlined(inputs, context, lose).await?.whole(NOTHING_DONE)
}

/// Plans as [`plan`] does, and returns the reasons against the plan with the other steps.
pub async fn outlined(
    inputs: &Arc<PlatformInputs>,
    context: &PlatformContext,
    lose: &[String],
) -> Result<OutlinedRun, Failure> {
    let unnamed = |text: &str| unnamed(text, context);
    let lose = lose
        .iter()
        .map(|text| named(text).ok_or_else(|| unnamed(text)))
        .collect::<Result<BTreeSet<Id>, Failure>>()?;
    let wanted = resource::desired(inputs)?;
    let survey = observe(&wanted, context).await.whole()?;
    let Survey { sights, .. } = &survey;
    if let Some(id) = lose.iter().find(|id| wanted.get(id).is_none() && !sights.contains_key(id)) {
        return Err(unnamed(&id.to_string()));
    }
    of_survey(wanted, survey, &Allowed::Of(lose), context).await
}

async fn of_survey(
    wanted: Graph<AnyResource>,
    survey: Survey,
    allowed: &Allowed,
    context: &PlatformContext,
) -> Result<OutlinedRun, Failure> {
    let Survey { found, sights, failures: _ } = survey;
    let wanted = resource::in_order(wanted, &found)?;
    let mut outline = outline(&wanted, &sights, allowed);
    let obstacles = obstacles(outline.plan(), &wanted, context).await?;
    outline.block(obstacles);
    Ok(OutlinedRun { wanted, found, sights, outline })
}

/// Returns the reasons against the steps that their kinds know only from a look. A failed look is a remark, because the step
/// itself meets the obstacle. Fails only if the user asked to stop.
async fn obstacles(
    plan: &Plan,
    wanted: &Graph<AnyResource>,
    context: &PlatformContext,
) -> Result<Vec<Blocked>, Failure> {
    let steps = plan.changes().filter(|step| step.action != Action::Delete);
    let steps = steps.filter_map(|step| Some((step, wanted.get(&step.id.id)?)));
    let looks = steps
        .map(|(step, resource)| async move { (resource.id(), resource.obstacle(step, plan, context).await) });
    let mut obstacles = Vec::new();
    for (id, outcome) in join_all(looks).await {
        match outcome {
            Ok(obstacle) => obstacles.extend(obstacle),
            Err(failure) if failure.is_stopped() => return Err(failure),
            Err(failure) => (context.remark)(&format!(
                "note: it is unknown whether something stands against {id}: {}",
                failure.one_line()
            )),
        }
    }
    Ok(obstacles)
}

/// Plans the deletion of all resources of the platform.
pub fn removal(survey: &Survey, allowed: &Allowed, context: &PlatformContext) -> Result<Plan, Failure> {
    diff(&Graph::<AnyResource>::empty(), &survey.sights, allowed)
        .map_err(|blocked| refuse_removal(&blocked, context))
}

/// Reads the unfinished steps of an earlier run. Fails if the journal cannot be read.
pub fn unfinished(context: &PlatformContext) -> Result<Vec<journal::JournalEntry>, Failure> {
    let entries = Journal::read(&context.state.journal())?;
    Ok(journal::unfinished(&entries).into_iter().cloned().collect())
}

/// Returns the command line that deletes a journal that cannot be used; `None` if its deletion does not help.
pub fn deletion_of(unusable: &journal::Error) -> Option<String> {
    match unusable {
        journal::Error::Damaged { path, .. } | journal::Error::Newer { path, .. } => {
            Some(format!("rm {}", quoted(&path.display().to_string())))
        }
        journal::Error::Io { .. } | journal::Error::Gone { .. } => None,
    }
}

/// Returns the id that reads `text`; `None` if no kind has such a name.
fn named(text: &str) -> Option<Id> {
    let mut kinds = resource::KINDS.iter();
    kinds.find_map(|kind| kind.name.parse(text))
}

fn unnamed(text: &str, context: &PlatformContext) -> Failure {
    Failure::new(Exit::Usage, format!("--lose: no resource is named {text:?}"))
        // A plan that repeats the wrong name fails for the same reason.
        .hint(format!(
            "`{}` prints the names of the resources",
            context.command_line.without_losses().of("plan")
        ))
}

/// The failure with which `up` would end before its first step.
pub struct Refusal {
    pub failure: Failure,
    /// The reasons against its plan; none if it would not get that far, or if this machine lacks something.
    pub blocked: Vec<Blocked>,
    /// The values, as `--set` takes them, with which the plan loses nothing.
    pub keeping: Vec<String>,
}

/// Returns the failure with which `up` would end before its first step. Fails if the user asks to stop.
pub async fn refusal(
    wanted: Graph<AnyResource>,
    survey: Survey,
    context: &PlatformContext,
) -> Result<Option<Refusal>, Failure> {
    let for_no_plan = |failure| {
        if Failure::is_stopped(&failure) {
            Err(failure)
        } else {
            Ok(Some(Refusal { failure, blocked: Vec::new(), keeping: Vec::new() }))
        }
    };
    // A resource may exist although its kind could not be searched, so there is no plan.
    let survey = match survey.whole() {
        Ok(survey) => survey,
        Err(failure) => return for_no_plan(failure),
    };
    let run = of_survey(wanted, survey, &Allowed::Nothing, context).await?;
    let blocked = run.outline.blocked().to_vec();
    let keeping = keeping(&blocked, &run.sights);
    match run.whole(NOTHING_DONE) {
        Err(failure) => Ok(Some(Refusal { failure, blocked, keeping })),
        Ok(PlannedRun { wanted, found, plan }) => match check(plan, &wanted, &found, context).await {
            Ok(_) => Ok(None),
            Err(failure) => for_no_plan(failure),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Mutex};

    use devplat_plan::Owner;

    use super::*;
    use crate::{
        platform_context::testing,
        resource::tests::{Toy, toy},
    };

    fn of_toy(toy: Toy) -> Graph<AnyResource> {
        Graph::new([AnyResource::new(toy)]).unwrap()
    }

    fn taken() -> Blocked {
        let id = AnyResource::new(Toy::default()).id();
        Blocked::Taken { id, what: "x".to_owned(), holder: "y".to_owned(), remedies: vec!["z".to_owned()] }
    }

    async fn refused(wanted: Graph<AnyResource>, survey: Survey) -> Option<Refusal> {
        refusal(wanted, survey, &testing::context(Path::new("/nowhere"))).await.unwrap()
    }

    #[tokio::test]
    async fn obstacle_of_any_kind_blocks_its_step() {
        let wanted = || of_toy(Toy { obstacle: Some(Ok(taken())), ..Toy::default() });
        let refusal = refused(wanted(), Survey::default()).await.unwrap();
        assert_eq!((refusal.blocked, refusal.failure.exit), (vec![taken()], Exit::Usage));
        // The other steps are still shown.
        let context = testing::context(Path::new("/nowhere"));
        let run = of_survey(wanted(), Survey::default(), &Allowed::Nothing, &context).await.unwrap();
        assert_eq!(run.outline.plan().steps, []);
        assert_eq!(run.whole("x").err().unwrap().hints, ["z"]);
    }

    #[tokio::test]
    async fn resource_without_a_change_is_not_asked_for_obstacles() {
        let wanted = of_toy(Toy { obstacle: Some(Ok(taken())), ..Toy::default() });
        let mut found = toy("a", true);
        found.sight.verdict = Some(wanted.iter().next().unwrap().compare(&found));
        let id = found.id.clone();
        let survey = Survey {
            sights: [(id.clone(), vec![found.sight.clone()])].into(),
            found: [(id, vec![found])].into(),
            ..Survey::default()
        };
        assert!(refused(wanted, survey).await.is_none());
    }

    #[tokio::test]
    async fn failed_look_for_obstacles_is_a_remark_and_a_stop_ends() {
        let with = |failure| of_toy(Toy { obstacle: Some(Err(failure)), ..Toy::default() });
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut context = testing::context(Path::new("/nowhere"));
        context.remark = Arc::new({
            let said = Arc::clone(&said);
            move |text| said.lock().unwrap().push(text.to_owned())
        });
        let forbidden = with(Failure::new(Exit::PartWay, "cannot list Services"));
        assert!(refusal(forbidden, Survey::default(), &context).await.unwrap().is_none());
        let told = "note: it is unknown whether something stands against toy: cannot list Services";
        assert_eq!(*said.lock().unwrap(), [told]);
        let stopped = refusal(with(Failure::stopped()), Survey::default(), &context).await.err().unwrap();
        assert!(stopped.is_stopped());
    }

    #[tokio::test]
    async fn lack_of_this_machine_and_a_failed_search_refuse_as_well() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = vec![listener.local_addr().unwrap()];
        let lacks = refused(of_toy(Toy { ports, ..Toy::default() }), Survey::default()).await.unwrap();
        assert_eq!((lacks.failure.exit, lacks.blocked), (Exit::Missing, vec![]));
        let failure = Failure::new(Exit::PartWay, "the registry does not answer");
        let failures = vec![(resource::CLUSTER.name(), failure.clone())];
        let unseen = refused(of_toy(Toy::default()), Survey { failures, ..Survey::default() }).await.unwrap();
        assert_eq!(unseen.failure, failure);
        // Nothing is planned for what may exist.
        let mut theirs = toy("a", true);
        theirs.sight.owner = Owner::stranger("of team-b");
        let sights = [(theirs.id.clone(), vec![theirs.sight])].into();
        let foreign = refused(of_toy(Toy::default()), Survey { sights, ..Survey::default() }).await.unwrap();
        assert_eq!(foreign.blocked.len(), 1);
    }
}
