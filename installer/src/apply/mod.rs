//! Applies a checked plan: runs the steps concurrently as their needs allow, records each step in the journal before
//! and after, and ends in order when the user asks to stop.

mod clearing;
mod failures;
mod open;
mod running;
mod step;
mod stranded;
mod waits;

use std::sync::{Arc, Mutex};

use devplat_plan::{Action, Step, StepId};

use crate::{
    check::{CheckedPlan, With, Work},
    failure::{Exit, Failure},
    journal::{Journal, Outcome},
    platform_context::PlatformContext,
    resource::{AnyResource, CLUSTER, Cx, with_lost_cluster},
    ui::{Event, Ui},
};
use clearing::{ClearingTime, deleting};
use failures::Failures;
use open::Open;
use running::{EndedStep, RunningSteps};
use step::carry_out;
use stranded::is_stranded;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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
    /// After the first failure no step starts, and running steps are finished, except those whose resource only steps would
    /// use that cannot run any longer: their waits end, and such resources are deleted again. At the first signal, waits end
    /// immediately and calls that must not be interrupted are finished; at the second signal, all steps are abandoned.
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
                            running.stop_those(|work| is_useless(work, &waiting));
                        }
                    }
                }
            }
        }
        let unfinished = [waiting.as_slice(), &stopped_steps].concat();
        done.extend(stopped_steps);
        let time = ClearingTime::start(&self.context.stop, &self.ui, told);
        self.clear_stranded(&done, &unfinished, &journal, time).await;
        let stopped = self.context.stop.asked();
        match failures.cause() {
            Some((_, failure)) if stopped && failure.is_stopped() => Err(self.stopped()),
            Some((step, failure)) => Err(self.explained(failure, &step, checked).await),
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
                self.ui.report(&Event::Stopping { running: running.names(), limit_seconds: None });
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

    /// Returns the context of a step. Each has a stop of its own, because a failure can make a step useless.
    fn cx(&self, step: &Step, journal: &Arc<Mutex<Journal>>) -> Cx {
        let own = self.context.stop.of_step();
        let context = Arc::new(PlatformContext { stop: own, ..(*self.context).clone() });
        Cx::new(context, step.id.clone(), step.action, Arc::clone(journal), self.ui.clone())
    }

    /// Adds to the failure of a step that the cluster below it is gone, if it is: the calls that failed do not show that.
    async fn explained(&self, failure: Failure, step: &StepId, checked: &CheckedPlan) -> Failure {
        let ends_cluster = |work: &Work| {
            work.step.id.id == CLUSTER.single()
                && matches!(work.step.action, Action::Delete | Action::Replace)
        };
        if step.id == CLUSTER.single() || checked.work().iter().any(ends_cluster) {
            return failure;
        }
        with_lost_cluster(failure, &self.context).await
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
    async fn clear_stranded(
        &self,
        begun: &[Work],
        unfinished: &[Work],
        journal: &Arc<Mutex<Journal>>,
        mut time: ClearingTime,
    ) {
        for work in begun {
            let With::Wanted(resource) = &work.with else { continue };
            let unfinished = unfinished.iter().map(|work| &work.step);
            if !resource.traits().temporary || !is_stranded(&work.step, unfinished) {
                continue;
            }
            if let Err(failure) = self.clear(work, resource, journal, &mut time).await {
                let (id, why) = (&work.step.id, failure.one_line());
                let by = format!("`{}` or `{}` deletes it", self.again, self.destroy);
                self.ui.remark(&format!("{id} may be left: {why}; {by}"));
            }
        }
    }

    /// Deletes what is found of one resource.
    async fn clear(
        &self,
        work: &Work,
        resource: &AnyResource,
        journal: &Arc<Mutex<Journal>>,
        time: &mut ClearingTime,
    ) -> Result<(), Failure> {
        // The calls are short and bounded, so a first stop does not interrupt them.
        let context = Arc::new(self.context.unstoppable());
        let deletion = [format!("delete {}", work.step.id)];
        let all = tokio::select! {
            all = resource.find(&context) => all?,
            failure = time.over("the search for it", &deletion) => return Err(failure),
        };
        let mut running = RunningSteps::default();
        for found in all {
            let step = deleting(work, resource, &found);
            let (journal, ui) = (Arc::clone(journal), self.ui.clone());
            let cx = Cx::new(Arc::clone(&context), step.id.clone(), step.action, journal, ui);
            let cx = cx.without_waiting();
            cx.outcome(Outcome::Begun)?;
            self.ui.report(&Event::Begun {
                step: step.id.to_string(),
                action: step.action,
                usual_seconds: step.usual.as_secs_f64(),
            });
            running.start(Work { step, with: With::Found(found) }, cx, carry_out);
        }
        while !running.is_empty() {
            let names = running.names();
            tokio::select! {
                ended = running.next() => drop(self.end(&ended?)?),
                failure = time.over("its deletion", &names) => {
                    self.abandon(&mut running)?;
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Aborts the running steps. The next run recognises half-made resources by their marks and replaces them.
    fn abandon(&self, running: &mut RunningSteps) -> Result<Failure, Failure> {
        let names = running.names().join(", ");
        running.abandon()?;
        Ok(self.stopped().while_doing(format!("abandoned: {names}")))
    }

    fn stopped(&self) -> Failure {
        let failure = Failure::new(Exit::PartWay, "stopped, as asked")
            .hint(format!("`{}` continues from here", self.again));
        if self.again == self.destroy {
            return failure;
        }
        failure.hint(format!("`{}` deletes the created resources", self.destroy))
    }
}

/// Returns whether the resource of a running step is temporary and serves only steps that cannot run after a failure.
fn is_useless(work: &Work, waiting: &[Work]) -> bool {
    let With::Wanted(resource) = &work.with else { return false };
    resource.traits().temporary && is_stranded(&work.step, waiting.iter().map(|work| &work.step))
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
