//! The context of a step: the world, the journal, progress reports and requests to stop.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use devplat_kubernetes::{NotRecorded, ObjectRef, Pace, Stopped, Waiting};
use devplat_plan::{Action, Physical, StepId};
use futures::future::BoxFuture;

use crate::{
    failure::Failure,
    journal::{self, Entry, Journal, Outcome},
    ui::{Event, Ui},
    world::World,
};

/// The context of one step. Clones belong to the same step.
#[derive(Clone)]
pub struct Cx {
    /// The world that the step acts on.
    pub world: Arc<World>,
    step: StepId,
    action: Action,
    journal: Arc<Mutex<Journal>>,
    ui: Ui,
}

impl Cx {
    /// Returns the context of `action` on `step`.
    pub fn new(
        world: Arc<World>,
        step: StepId,
        action: Action,
        journal: Arc<Mutex<Journal>>,
        ui: Ui,
    ) -> Self {
        Self { world, step, action, journal, ui }
    }

    /// Reports the progress of the step.
    pub fn report(&self, what: impl fmt::Display) {
        self.ui.report(&Event::Waiting { step: self.step.to_string(), what: what.to_string() });
    }

    /// Makes one call that changes a resource. Its intent is on disk before the call, its outcome after it.
    pub async fn call<T, E>(
        &self,
        call: impl Into<String>,
        physical: impl FnOnce(&T) -> Option<Physical>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        let call = call.into();
        self.record(&[(Some(call.clone()), Outcome::Calling, None)], true)?;
        match work.await {
            Ok(value) => {
                self.record(&[(Some(call), Outcome::Made, physical(&value))], false)?;
                Ok(value)
            }
            Err(error) => {
                let failure = Failure::from(error);
                self.record(&[(Some(call), Outcome::Failed(failure.one_line()), None)], false)?;
                Err(failure)
            }
        }
    }

    /// Records the intents of these calls, with one sync for all of them.
    pub fn intend(&self, calls: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        let entries: Vec<_> = calls.into_iter().map(|call| (Some(call), Outcome::Calling, None)).collect();
        Ok(self.record(&entries, true)?)
    }

    /// Records the success of a call whose intent was recorded.
    pub fn made(&self, call: String, physical: Option<Physical>) -> Result<(), Failure> {
        Ok(self.record(&[(Some(call), Outcome::Made, physical)], false)?)
    }

    /// Records the progress of the step itself.
    pub fn outcome(&self, outcome: Outcome) -> Result<(), Failure> {
        let synced = outcome == Outcome::Begun;
        Ok(self.record(&[(None, outcome, None)], synced)?)
    }

    /// Pauses for `period`, or fails immediately if the user asks to stop.
    pub async fn pause(&self, period: Duration) -> Result<(), Failure> {
        Pace::pause(self, period).await.map_err(Failure::from)
    }

    fn record(
        &self,
        what: &[(Option<String>, Outcome, Option<Physical>)],
        synced: bool,
    ) -> Result<(), journal::Error> {
        let at = (self.world.now)();
        let entries: Vec<Entry> = what
            .iter()
            .map(|(call, outcome, physical)| Entry {
                at,
                step: self.step.to_string(),
                action: self.action,
                outcome: outcome.clone(),
                generation: self.step.generation,
                call: call.clone(),
                physical: physical.as_ref().map(|physical| physical.0.clone()),
            })
            .collect();
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if synced { journal.write_synced(&entries) } else { journal.write(&entries) }
    }
}

impl Pace for Cx {
    fn report(&self, waiting: &Waiting) {
        Cx::report(self, waiting);
    }

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        self.world.pause(period)
    }

    /// Not synced: a killed run loses nothing by that, and after a power cut the objects are found by their labels.
    fn calling(&self, call: &str) -> Result<(), NotRecorded> {
        Ok(self.record(&[(Some(call.to_owned()), Outcome::Calling, None)], false)?)
    }

    fn called(&self, call: &str, object: &ObjectRef, failure: Option<&str>) -> Result<(), NotRecorded> {
        let (outcome, physical) = match failure {
            None => (Outcome::Made, Some(Physical(object.to_string()))),
            Some(why) => (Outcome::Failed(why.to_owned()), None),
        };
        Ok(self.record(&[(Some(call.to_owned()), outcome, physical)], false)?)
    }
}
