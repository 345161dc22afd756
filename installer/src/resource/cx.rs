//! The context of a step: the platform's context, the journal, progress reports and requests to stop.

use std::{
    error::Error,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use devplat_kubernetes::{NotRecorded, ObjectRef, Pace, Stopped, Waiting};
use devplat_plan::{Action, Id, Physical, StepId};
use futures::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    failure::{Failure, one_line},
    journal::{self, Journal, JournalEntry, Outcome},
    platform_context::{KindWith, PlatformContext},
    ui::{Event, Ui},
};

/// The context of one step. Clones belong to the same step.
#[derive(Clone)]
pub struct Cx {
    /// The context that the step acts on.
    pub context: Arc<PlatformContext>,
    step: StepId,
    action: Action,
    journal: Arc<Mutex<Journal>>,
    ui: Ui,
    waits: bool,
    /// The last reported progress.
    reported: Arc<Mutex<String>>,
    /// Reports to the apply that the resource is usable although the step goes on.
    usable: Option<UnboundedSender<StepId>>,
}

impl Cx {
    /// Returns the context of `action` on `step`.
    pub fn new(
        context: Arc<PlatformContext>,
        step: StepId,
        action: Action,
        journal: Arc<Mutex<Journal>>,
        ui: Ui,
    ) -> Self {
        Self { context, step, action, journal, ui, waits: true, reported: Arc::default(), usable: None }
    }

    /// Returns the same step, which ends after its calls even if the deleted resource is not gone yet.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self { waits: false, ..self }
    }

    /// Returns the same step, which reports to `usable` when steps that only need its resource usable can start.
    #[must_use]
    pub fn reporting(self, usable: UnboundedSender<StepId>) -> Self {
        Self { usable: Some(usable), ..self }
    }

    /// Stores the output of the resource, which is of this kind, before the step ends, and lets the steps start that only
    /// need it usable.
    pub fn is_usable<T: Send + 'static>(&self, kind: KindWith<T>, output: T) {
        self.context.outputs.put(kind, &self.step.id, output);
        if let Some(usable) = &self.usable {
            // The receiver is gone only after the apply has ended.
            let _ = usable.send(self.step.clone());
        }
    }

    /// Returns whether a deletion waits until the resource is gone.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Begins a step outside of a plan, with its own journal.
    pub fn alone(context: Arc<PlatformContext>, id: Id, action: Action, ui: Ui) -> Result<Self, Failure> {
        context.state.make()?;
        let (journal, _) = Journal::open(&context.state.journal())?;
        let step = StepId { id, generation: 0, deletes: None };
        let cx = Self::new(context, step, action, Arc::new(Mutex::new(journal)), ui);
        cx.outcome(Outcome::Begun)?;
        Ok(cx)
    }

    /// Records the end of the step, and returns its outcome.
    pub fn ended<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.outcome(match &outcome {
            Ok(_) => Outcome::Done,
            Err(failure) if failure.is_stopped() => Outcome::Abandoned,
            Err(failure) => Outcome::Failed(failure.one_line()),
        })?;
        outcome
    }

    /// Returns the generation of the resource that the step creates, changes or deletes.
    pub fn generation(&self) -> u32 {
        self.step.generation
    }

    /// Reports the progress of the step, if it has changed: a loop may report in each round.
    pub fn report(&self, what: impl fmt::Display) {
        self.progress(what.to_string(), false);
    }

    /// Reports a detail of the work, such as a line of k3d's. In a pipe it is printed only with `-v`.
    pub fn detail(&self, what: impl fmt::Display) {
        self.progress(what.to_string(), true);
    }

    fn progress(&self, what: String, detail: bool) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if *reported != what {
            reported.clone_from(&what);
            self.ui.report(&Event::Waiting { step: self.step.to_string(), what, detail });
        }
    }

    /// Reports something about the step that stays to be read, unlike its progress.
    pub fn remark(&self, what: &str) {
        self.ui.remark(&format!("{}: {what}", self.step));
    }

    /// Makes one call that changes a resource, and records its intent before it and its outcome after it.
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
        self.intend(&call)?;
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

    /// Makes the call for a caller that needs its error. The outer failure is that of the journal.
    pub async fn attempt<T, E>(
        &self,
        call: impl Into<String>,
        physical: impl FnOnce(&T) -> Option<Physical>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Failure>
    where
        E: Error + 'static,
    {
        let call = call.into();
        self.intend(&call)?;
        let outcome = work.await;
        let (is, physical) = match &outcome {
            Ok(value) => (Outcome::Made, physical(value)),
            Err(error) => (Outcome::Failed(one_line(error)), None),
        };
        self.record(&[(Some(call), is, physical)], false)?;
        Ok(outcome)
    }

    /// Writes a file of the state folder, as one call.
    pub async fn write_file(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let file = Physical(path.display().to_string());
        let work = async { self.context.state.write(path, text) };
        self.call(format!("write {file}"), |()| Some(file), work).await
    }

    /// Deletes a file of the state folder, as one call.
    pub async fn delete_file(&self, path: &Path) -> Result<(), Failure> {
        let file = Physical(path.display().to_string());
        let work = async { self.context.state.delete(path) };
        self.call(format!("delete {file}"), |()| Some(file), work).await
    }

    /// Records the progress of the step itself. Not synced; a later intent that is synced puts this entry on disk as
    /// well.
    pub fn outcome(&self, outcome: Outcome) -> Result<(), Failure> {
        Ok(self.record(&[(None, outcome, None)], false)?)
    }

    /// Pauses for `period`, or fails immediately if the user asks to stop.
    pub async fn pause(&self, period: Duration) -> Result<(), Failure> {
        Pace::pause(self, period).await.map_err(Failure::from)
    }

    /// Records the intent of a call.
    fn intend(&self, call: &str) -> Result<(), journal::Error> {
        self.record(&[(Some(call.to_owned()), Outcome::Calling, None)], intents_are_synced(self.action))
    }

    fn record(
        &self,
        what: &[(Option<String>, Outcome, Option<Physical>)],
        synced: bool,
    ) -> Result<(), journal::Error> {
        let at = (self.context.now)();
        let deleted = self.step.deletes.as_ref();
        let entries: Vec<JournalEntry> = what
            .iter()
            .map(|(call, outcome, physical)| JournalEntry {
                at,
                step: self.step.to_string(),
                action: self.action,
                outcome: outcome.clone(),
                generation: self.step.generation,
                call: call.clone(),
                physical: physical.as_ref().or(deleted).map(|physical| physical.0.clone()),
            })
            .collect();
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if synced { journal.write_synced(&entries) } else { journal.write(&entries) }
    }
}

/// Returns whether the intents of an action's calls are on disk before the calls. Those of a deletion need not be:
/// after a power cut, the remaining resources are found by their marks. A sync can wait until the file system has
/// deleted the files of a node's volume.
fn intents_are_synced(action: Action) -> bool {
    match action {
        Action::Create | Action::Update | Action::Check | Action::Replace | Action::Keep => true,
        Action::Delete => false,
    }
}

impl Pace for Cx {
    fn report(&self, waiting: &Waiting) {
        Cx::report(self, waiting);
    }

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        self.context.pause(period)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        platform_context::testing,
        resource::{CLUSTER, tests::step_alone},
    };

    #[test]
    fn intents_are_synced_except_those_of_deletions() {
        for action in [Action::Create, Action::Update, Action::Check, Action::Replace, Action::Keep] {
            assert!(intents_are_synced(action), "{action}");
        }
        assert!(!intents_are_synced(Action::Delete));
    }

    #[test]
    fn progress_is_reported_once_per_change() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(testing::context(folder.path()));
        let cx = step_alone(&context, CLUSTER.single(), Action::Create);
        let cx = Cx { ui: Ui::recording(), ..cx };
        for what in ["a", "a", "b", "b", "a"] {
            // Clones belong to the same step.
            cx.clone().report(what);
        }
        let events = cx.ui.transcript().events;
        let said = events.iter().map(|event| match event {
            Event::Waiting { what, .. } => what.as_str(),
            event => panic!("{event:?}"),
        });
        assert_eq!(said.collect::<Vec<_>>(), ["a", "b", "a"]);
    }

    #[tokio::test]
    async fn deletion_is_recorded_before_its_call() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(testing::context(folder.path()));
        let file = context.state.journal();
        let cx = step_alone(&context, CLUSTER.single(), Action::Delete);
        let recorded = || {
            let entries = Journal::read(&file).unwrap().into_iter();
            entries.map(|entry| (entry.call, entry.outcome)).collect::<Vec<_>>()
        };
        let calling = [(None, Outcome::Begun), (Some("delete a".to_owned()), Outcome::Calling)];
        let work = async {
            assert_eq!(recorded(), calling);
            Ok::<_, Failure>(())
        };
        cx.call("delete a", |()| None, work).await.unwrap();
        assert_eq!(recorded().last(), Some(&(Some("delete a".to_owned()), Outcome::Made)));
    }
}
