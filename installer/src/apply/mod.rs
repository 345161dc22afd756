//! Applies a checked plan: runs the steps concurrently as their needs allow, records each step in the journal before
//! and after, and ends in order when the user asks to stop.

mod failures;
mod open;
mod running;
mod stranded;
mod waits;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use devplat_plan::{Action, How, Owner, Planned, State, Step, StepId, Verdict};

use crate::{
    check::{CheckedPlan, With, Work},
    failure::{Exit, Failure},
    journal::{Journal, Outcome},
    platform_context::PlatformContext,
    resource::{AnyResource, Cx, Found, kept},
    ui::{Event, Ui},
};
use failures::Failures;
use open::Open;
use running::{EndedStep, RunningSteps};
use stranded::is_stranded;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use waits::{Transition, Waits};

/// The period between two checks of a resource that is being created or deleted.
const PERIOD: Duration = Duration::from_millis(500);
/// How long the deletion of temporary resources may take after the user has asked to stop.
const CLEARING: Duration = Duration::from_secs(5);
/// How long it may take after a failure.
const CLEARING_AFTER_A_FAILURE: Duration = Duration::from_mins(1);

/// The context of an apply.
pub struct Apply {
    /// The context that the steps act on.
    pub context: Arc<PlatformContext>,
    /// The receiver of progress.
    pub ui: Ui,
    /// The command line that continues after a stop.
    pub again: String,
    /// The command line that deletes the platform.
    pub destroy: String,
}

impl Apply {
    /// Runs every step of `checked` that changes a resource.
    ///
    /// After the first failure no step starts, running steps are finished, and resources that only the remaining steps
    /// would use are deleted again. At the first signal, waits end immediately and calls that must not be interrupted
    /// are finished; at the second signal, all steps are abandoned.
    pub async fn run(&self, checked: &CheckedPlan) -> Result<(), Failure> {
        let journal = self.open_journal()?;
        let mut waiting: Vec<Work> = checked.work().to_vec();
        let mut open = Open::of(&waiting);
        let mut done: Vec<Work> = Vec::new();
        let mut stopped_steps: Vec<Work> = Vec::new();
        let mut running = RunningSteps::default();
        let mut failures = Failures::of(checked.work());
        let mut told = false;
        let (usable, mut now_usable) = unbounded_channel();
        loop {
            while failures.is_empty() && !self.context.stop.asked() {
                let Some(index) = waiting.iter().position(|work| open.lets_start(&work.step)) else { break };
                self.begin(waiting.remove(index), &journal, &mut running, &usable)?;
            }
            match self.next(&mut running, &mut now_usable, &mut told).await? {
                Next::Nothing => break,
                Next::Asked => {}
                Next::Usable(id) => open.is_usable(id),
                Next::Ended(ended) => {
                    let id = ended.work.step.id.clone();
                    match self.end(&ended)? {
                        None => {
                            open.has_ended(&id);
                            done.push(ended.work);
                        }
                        Some(failure) => {
                            if failure.is_stopped() {
                                stopped_steps.push(ended.work);
                            }
                            failures.add(&id, failure);
                        }
                    }
                }
            }
        }
        let unfinished = [waiting.as_slice(), &stopped_steps].concat();
        done.extend(stopped_steps);
        self.clear_stranded(&done, &unfinished, &journal).await;
        let stopped = self.context.stop.asked();
        match failures.cause() {
            Some(failure) if stopped && failure.is_stopped() => Err(self.stopped()),
            Some(failure) => Err(failure),
            None if waiting.is_empty() => Ok(()),
            None => Err(self.stopped()),
        }
    }

    fn open_journal(&self) -> Result<Arc<Mutex<Journal>>, Failure> {
        self.context.state.make()?;
        let (journal, _) = Journal::open(&self.context.state.journal())?;
        Ok(Arc::new(Mutex::new(journal)))
    }

    /// Waits for the next event. Fails if the user does not want to wait for running steps.
    async fn next(
        &self,
        running: &mut RunningSteps,
        usable: &mut UnboundedReceiver<StepId>,
        told: &mut bool,
    ) -> Result<Next, Failure> {
        if running.is_empty() {
            return Ok(Next::Nothing);
        }
        let stop = self.context.stop.clone();
        tokio::select! {
            biased;
            ended = running.next() => Ok(Next::Ended(ended?)),
            Some(id) = usable.recv() => Ok(Next::Usable(id)),
            () = stop.until_insisted() => Err(self.abandon(running)?),
            () = stop.until_asked(), if !*told => {
                *told = true;
                self.ui.report(&Event::Stopping { running: running.names() });
                Ok(Next::Asked)
            }
        }
    }

    fn begin(
        &self,
        work: Work,
        journal: &Arc<Mutex<Journal>>,
        running: &mut RunningSteps,
        usable: &UnboundedSender<StepId>,
    ) -> Result<(), Failure> {
        let cx = self.cx(&work.step, journal).reporting(usable.clone());
        cx.outcome(Outcome::Begun)?;
        self.ui.report(&Event::Begun {
            step: work.step.id.to_string(),
            action: work.step.action,
            usual_seconds: work.step.usual.as_secs_f64(),
        });
        running.start(work, cx, carry_out);
        Ok(())
    }

    fn cx(&self, step: &Step, journal: &Arc<Mutex<Journal>>) -> Cx {
        Cx::new(Arc::clone(&self.context), step.id.clone(), step.action, Arc::clone(journal), self.ui.clone())
    }

    /// Records the outcome of a step and reports it; returns its failure, if it failed.
    fn end(&self, ended: &EndedStep) -> Result<Option<Failure>, Failure> {
        let step = &ended.work.step;
        let (name, action) = (step.id.to_string(), step.action);
        match &ended.outcome {
            Ok(()) => {
                ended.cx.outcome(Outcome::Done)?;
                let seconds = ended.since.elapsed().as_secs_f64();
                self.ui.report(&Event::Done { step: name, action, seconds });
                Ok(None)
            }
            Err(failure) if failure.is_stopped() => {
                ended.cx.outcome(Outcome::Abandoned)?;
                Ok(Some(failure.clone()))
            }
            Err(failure) => {
                ended.cx.outcome(Outcome::Failed(failure.one_line()))?;
                self.ui.report(&Event::Failed { step: name.clone(), why: failure.one_line() });
                Ok(Some(failure.clone().while_doing(format!("cannot {action} {name}"))))
            }
        }
    }

    /// Deletes resources that were created only for steps that did not end, without a wait until they are gone. A failed
    /// deletion is only reported, because the reason why the steps did not end is the error of this run; the next run
    /// deletes the resources.
    async fn clear_stranded(&self, begun: &[Work], unfinished: &[Work], journal: &Arc<Mutex<Journal>>) {
        let limit = if self.context.stop.asked() { CLEARING } else { CLEARING_AFTER_A_FAILURE };
        let end = tokio::time::Instant::now() + limit;
        for work in begun {
            let With::Wanted(resource) = &work.with else { continue };
            if !resource.traits().temporary
                || !is_stranded(&work.step, unfinished.iter().map(|work| &work.step))
            {
                continue;
            }
            let step = |found: &Found| Step {
                id: StepId { deletes: Some(found.sight.physical.clone()), ..work.step.id.clone() },
                action: Action::Delete,
                reason: "the steps that need it will not run".to_owned(),
                after: Vec::new(),
                after_usable: Vec::new(),
                usual: resource.facts(Action::Delete).usual,
            };
            let mut running = RunningSteps::default();
            let outcome = async {
                // The calls are short and bounded, so a first stop does not interrupt them.
                let context = Arc::new(self.context.unstoppable());
                let all = tokio::select! {
                    all = resource.find(&context) => all?,
                    failure = self.enough(end) => return Err(failure),
                };
                for found in all {
                    let step = step(&found);
                    let cx = Cx::new(
                        Arc::clone(&context),
                        step.id.clone(),
                        step.action,
                        Arc::clone(journal),
                        self.ui.clone(),
                    )
                    .without_waiting();
                    cx.outcome(Outcome::Begun)?;
                    self.ui.report(&Event::Begun {
                        step: step.id.to_string(),
                        action: step.action,
                        usual_seconds: step.usual.as_secs_f64(),
                    });
                    running.start(Work { step, with: With::Found(found) }, cx, carry_out);
                }
                while !running.is_empty() {
                    tokio::select! {
                        ended = running.next() => drop(self.end(&ended?)?),
                        failure = self.enough(end) => {
                            self.abandon(&mut running)?;
                            return Err(failure);
                        }
                    }
                }
                Ok::<_, Failure>(())
            };
            if let Err(failure) = outcome.await {
                let (id, why) = (&work.step.id, failure.one_line());
                let by = format!("`{}` or `{}` deletes it", self.again, self.destroy);
                self.ui.remark(&format!("{id} is left: {why}; {by}"));
            }
        }
    }

    /// Waits until the user insists on the stop, or until `end`, and returns the reason.
    async fn enough(&self, end: tokio::time::Instant) -> Failure {
        tokio::select! {
            () = self.context.stop.until_insisted() => Failure::stopped(),
            () = tokio::time::sleep_until(end) => Failure::new(Exit::PartWay, "the cluster does not answer"),
        }
    }

    /// Aborts the running steps. The next run recognises half-made resources by their marks and replaces them.
    fn abandon(&self, running: &mut RunningSteps) -> Result<Failure, Failure> {
        let names = running.names().join(", ");
        running.abandon()?;
        Ok(self.stopped().while_doing(format!("abandoned: {names}")))
    }

    fn stopped(&self) -> Failure {
        Failure::new(Exit::PartWay, "stopped, as asked")
            .hint(format!("`{}` continues from here", self.again))
            .hint(format!("`{}` deletes the created resources", self.destroy))
    }
}

/// An event while steps are running.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Next {
    /// No step is running.
    Nothing,
    /// The user asked to stop.
    Asked,
    /// The resource of a running step is usable.
    Usable(StepId),
    /// A step has ended.
    Ended(EndedStep),
}

/// Runs one step to its end: makes the change, then waits until the resource is ready. A stop drops the wait, and also
/// the change if the kind allows that.
async fn carry_out(work: Work, cx: Cx) -> Result<(), Failure> {
    let stop = cx.context.stop.clone();
    match work.with {
        With::Found(found) => match found.delete(&cx) {
            Some(deletion) => deletion.await,
            None => Err(unplanned(&work.step)),
        },
        With::Wanted(resource) => {
            let making = make(&resource, &work.step, &cx);
            if resource.traits().interruptible {
                tokio::select! { made = making => made?, () = stop.until_asked() => return Err(Failure::stopped()) };
            } else {
                making.await?;
            }
            tokio::select! {
                biased;
                settled = resource.settle(&cx) => settled,
                () = stop.until_asked() => {
                    cx.report("created; not waiting until it is ready");
                    Err(Failure::stopped())
                }
            }
        }
    }
}

async fn make(resource: &AnyResource, step: &Step, cx: &Cx) -> Result<(), Failure> {
    let acting = match step.action {
        Action::Create => resource.create(cx),
        Action::Update => resource.update(cx),
        Action::Check => return look_and_do(resource, step, cx).await,
        Action::Keep | Action::Delete | Action::Replace => None,
    };
    acting.ok_or_else(|| unplanned(step))?.await.map(drop)
}

/// Compares a resource that could not be compared while planning, as soon as its creation or deletion has ended, and
/// creates or updates it if needed.
async fn look_and_do(resource: &AnyResource, step: &Step, cx: &Cx) -> Result<(), Failure> {
    let mut waits = Waits::default();
    loop {
        let found = resource.find(&cx.context).await?;
        // If none is the platform's, the name is taken.
        let Some(live) = kept(&found, Some(resource)).or(found.last()) else {
            return resource.create(cx).ok_or_else(|| cannot(step, Action::Create))?.await.map(drop);
        };
        if let Owner::Foreign(_) = live.sight.owner {
            return Err(changed(step, &format!("{} now belongs to another owner", live.sight.physical)));
        }
        let transition = match &live.sight.state {
            State::Coming => Transition::Creation,
            State::Leaving => Transition::Deletion,
            State::Failed(why) => return Err(changed(step, why)),
            State::Ready | State::Degraded(_) => return bring_up_to_date(resource, live, step, cx).await,
        };
        if waits.exceed(transition, tokio::time::Instant::now()) {
            let (waiting, seconds) = (awaited(resource, live), transition.patience().as_secs());
            let why = format!("{} was not {} within {seconds} s: {waiting}", step.id, transition.done());
            return Err(Failure::new(Exit::PartWay, why).hint("run the same command again: it continues"));
        }
        cx.report(format!("waiting for {}", awaited(resource, live)));
        cx.pause(PERIOD).await?;
    }
}

/// Updates a found resource in place, if it is not as wanted.
async fn bring_up_to_date(resource: &AnyResource, live: &Found, step: &Step, cx: &Cx) -> Result<(), Failure> {
    live.store_output(&cx.context);
    let verdict = resource.compare(live);
    let in_place = match &verdict {
        Verdict::Same => return Ok(()),
        // The calls themselves show whether it can be changed, and a failure has their reason and remedy.
        Verdict::Unknown(_) => true,
        Verdict::Differs(changes) => changes.iter().all(|change| change.how == How::InPlace),
        Verdict::Unfit(_) => false,
    };
    if !in_place {
        return Err(changed(step, &crate::ui::verdict(&verdict)));
    }
    resource.update(cx).ok_or_else(|| cannot(step, Action::Update))?.await.map(drop)
}

/// Returns the failure for an action that the plan could not know, so that it could not block it. A new plan will.
fn cannot(step: &Step, action: Action) -> Failure {
    changed(step, &format!("it must be {action}d"))
}

/// Returns the name of a resource that is being created or deleted, with the known reason of the wait.
fn awaited(resource: &AnyResource, found: &Found) -> String {
    let physical = &found.sight.physical;
    match resource.compare(found) {
        verdict @ Verdict::Differs(_) => format!("{physical}: {}", crate::ui::verdict(&verdict)),
        Verdict::Same | Verdict::Unfit(_) | Verdict::Unknown(_) => physical.to_string(),
    }
}

/// Returns the failure for a change that needs a new plan.
fn changed(step: &Step, why: &str) -> Failure {
    Failure::new(Exit::PartWay, format!("{} has changed since the plan was made: {why}", step.id))
        .hint("run the same command again: it makes a new plan")
}

fn unplanned(step: &Step) -> Failure {
    Failure::new(Exit::Internal, format!("kind cannot {} {}", step.action, step.id))
}
