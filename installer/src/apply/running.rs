//! The running steps and their outcomes.

use devplat_plan::Step;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    check::Work,
    failure::{Exit, Failure},
    journal::Outcome,
    resource::Cx,
};

#[derive(Default)]
pub(super) struct RunningSteps {
    tasks: JoinSet<(usize, Result<(), Failure>)>,
    steps: Vec<(usize, Work, Cx, Instant)>,
    count: usize,
}

/// A step that has ended.
pub(super) struct EndedStep {
    pub(super) work: Work,
    pub(super) cx: Cx,
    pub(super) since: Instant,
    pub(super) outcome: Result<(), Failure>,
}

impl RunningSteps {
    pub(super) fn start<F>(&mut self, work: Work, cx: Cx, carry_out: impl FnOnce(Work, Cx) -> F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let number = self.count;
        self.count += 1;
        let doing = carry_out(work.clone(), cx.clone());
        self.steps.push((number, work, cx, Instant::now()));
        self.tasks.spawn(async move { (number, doing.await) });
    }

    /// Waits for the next step to end. Call it only while a step is running.
    pub(super) async fn next(&mut self) -> Result<EndedStep, Failure> {
        let broke_off = || Failure::new(Exit::Internal, "a step's task was aborted");
        let ended = self.tasks.join_next().await.ok_or_else(broke_off)?;
        let (number, outcome) = ended.map_err(|error| Failure::of(Exit::Internal, &error))?;
        let index = self.steps.iter().position(|(known, ..)| *known == number).ok_or_else(broke_off)?;
        let (_, work, cx, since) = self.steps.remove(index);
        Ok(EndedStep { work, cx, since, outcome })
    }

    /// Aborts every step and records that.
    pub(super) fn abandon(&mut self) -> Result<(), Failure> {
        self.tasks.abort_all();
        self.steps.drain(..).try_for_each(|(_, _, cx, _)| cx.outcome(Outcome::Abandoned))
    }

    /// Returns the running steps, such as `create cluster`.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |step: &Step| format!("{} {}", step.action, step.id);
        self.steps.iter().map(|(_, work, ..)| name(&work.step)).collect()
    }

    /// Asks the running steps to stop for which `is_useless` is true: their waits end.
    pub(super) fn stop_those(&self, is_useless: impl Fn(&Work) -> bool) {
        let useless = self.steps.iter().filter(|(_, work, ..)| is_useless(work));
        useless
            .filter(|(_, _, cx, _)| !cx.context.stop.asked())
            .for_each(|(_, _, cx, _)| cx.context.stop.end_alone());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
