//! Carries a checked plan out: steps at once where nothing between them says otherwise, each written to the
//! journal before and after, and an orderly end when the user asks for one.

mod interrupt;
pub mod journal;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    check::CheckedPlan,
    failure::{Exit, Failure},
    plan::{Action, Graph, Planned, Step},
    resource::{Progress, Resource, ResourceId},
    ui::{Event, Ui},
    world::World,
};
use interrupt::Interrupts;
use journal::{Entry, Journal, Outcome};

/// What there is to carry a plan out with.
pub struct Apply {
    /// What the steps are about.
    pub resources: Graph<Resource>,
    /// What they act on.
    pub world: Arc<World>,
    /// Where they are told.
    pub ui: Ui,
    /// The line with which the user goes on after a stop.
    pub again: String,
}

impl Apply {
    /// Does every step of `checked` that does something.
    ///
    /// After the first failure nothing new is begun; what runs is finished, and what is there only for steps that will
    /// not come is taken away again.
    pub async fn run(&self, checked: &CheckedPlan) -> Result<(), Failure> {
        let mut journal = open_journal(&self.world)?;
        let mut waiting: Vec<Step<ResourceId>> = checked.plan().changes().cloned().collect();
        let mut open: BTreeSet<ResourceId> = waiting.iter().map(|step| step.id).collect();
        let mut running = Running::default();
        let mut interrupts = Interrupts::listen()?;
        let mut failure: Option<Failure> = None;
        loop {
            while failure.is_none() && !interrupts.asked() {
                let Some(index) =
                    waiting.iter().position(|step| step.after.iter().all(|id| !open.contains(id)))
                else {
                    break;
                };
                self.begin(&waiting.remove(index), &mut journal, &mut running)?;
            }
            match self.next(&mut running, &mut interrupts, &mut journal).await? {
                Next::Nothing => break,
                Next::Asked => {}
                Next::Done(id) => drop(open.remove(&id)),
                Next::Failed(found) => failure = failure.or(Some(found)),
            }
        }
        let done = checked.plan().changes().map(|step| step.id).filter(|id| !open.contains(id));
        for step in self.stranded(done, &waiting) {
            self.begin(&step, &mut journal, &mut running)?;
        }
        let insisted = loop {
            match self.next(&mut running, &mut interrupts, &mut journal).await {
                Ok(Next::Nothing) => break None,
                // What fails here is told, and left to the next run: why the rest is not done counts more.
                Ok(Next::Asked | Next::Done(_) | Next::Failed(_)) => {}
                Err(stopped) => break Some(stopped),
            }
        };
        match failure.or(insisted) {
            Some(failure) => Err(failure),
            None if waiting.is_empty() => Ok(()),
            None => Err(self.stopped()),
        }
    }

    /// Waits for what comes first. Fails where the user will not wait for what still runs.
    async fn next(
        &self,
        running: &mut Running,
        interrupts: &mut Interrupts,
        journal: &mut Journal,
    ) -> Result<Next, Failure> {
        if running.is_empty() {
            return Ok(Next::Nothing);
        }
        tokio::select! {
            Some(ended) = running.tasks.join_next() => {
                let (step, outcome) = running.take(ended)?;
                Ok(match self.end(&step, outcome, journal)? {
                    None => Next::Done(step.id),
                    Some(failure) => Next::Failed(failure),
                })
            }
            () = interrupts.next() => {
                if interrupts.insisted() {
                    return Err(self.abandon(std::mem::take(running), journal)?);
                }
                self.ui.tell(&Event::Stopping { running: running.names() });
                Ok(Next::Asked)
            }
        }
    }

    /// Steps that take away what was made for none but steps that still wait.
    fn stranded(
        &self,
        done: impl Iterator<Item = ResourceId>,
        waiting: &[Step<ResourceId>],
    ) -> Vec<Step<ResourceId>> {
        let in_passing =
            |id: &ResourceId| self.resources.get(*id).is_some_and(Resource::is_there_only_in_passing);
        let awaited = |id: &ResourceId| waiting.iter().any(|step| step.after.contains(id));
        done.filter(|id| in_passing(id) && awaited(id))
            .map(|id| Step {
                id,
                action: Action::Delete,
                reason: "what needs it will not be done now".to_owned(),
                after: Vec::new(),
                usual: self.resources.get(id).map_or(Duration::ZERO, Planned::usual_duration),
            })
            .collect()
    }

    fn begin(
        &self,
        step: &Step<ResourceId>,
        journal: &mut Journal,
        running: &mut Running,
    ) -> Result<(), Failure> {
        record(journal, step, Outcome::Begun)?;
        self.ui.tell(&Event::Begun {
            step: step.id.to_string(),
            action: step.action,
            usual_seconds: step.usual.as_secs_f64(),
        });
        let resource = self.resources.get(step.id).cloned().ok_or_else(|| {
            Failure::new(Exit::Internal, format!("the plan names {}, which nothing describes", step.id))
        })?;
        let progress = Progress::new(self.ui.clone(), step.id);
        let (world, action) = (Arc::clone(&self.world), step.action);
        running.start(step, async move {
            match action {
                Action::Create => resource.create(&world, &progress).await,
                Action::Update => resource.update(&world, &progress).await,
                Action::Replace => {
                    resource.delete(&world, &progress).await?;
                    resource.create(&world, &progress).await
                }
                Action::Delete => resource.delete(&world, &progress).await,
                Action::Keep => Ok(()),
            }
        });
        Ok(())
    }

    fn end(
        &self,
        step: &Ended,
        outcome: Result<(), Failure>,
        journal: &mut Journal,
    ) -> Result<Option<Failure>, Failure> {
        let name = step.id.to_string();
        match outcome {
            Ok(()) => {
                record_as(journal, &name, step.action, Outcome::Done)?;
                let seconds = step.since.elapsed().as_secs_f64();
                self.ui.tell(&Event::Done { step: name, action: step.action, seconds });
                Ok(None)
            }
            Err(failure) => {
                record_as(journal, &name, step.action, Outcome::Failed(failure.one_line()))?;
                self.ui.tell(&Event::Failed { step: name.clone(), why: failure.one_line() });
                Ok(Some(failure.while_doing(format!("cannot {} {name}", step.action))))
            }
        }
    }

    /// Ends what runs where it stands; what is half-made is told by its marks and made anew.
    fn abandon(&self, mut running: Running, journal: &mut Journal) -> Result<Failure, Failure> {
        running.tasks.abort_all();
        for step in &running.steps {
            record_as(journal, &step.id.to_string(), step.action, Outcome::Abandoned)?;
        }
        let names = running.names().join(", ");
        Ok(self.stopped().while_doing(format!("abandoned: {names}")))
    }

    fn stopped(&self) -> Failure {
        Failure::new(Exit::PartWay, "stopped, as asked")
            .hint(format!("`{}` goes on from here", self.again))
            .hint(format!("`{}` takes away what was made", self.world.command("destroy")))
    }
}

/// What came while steps ran.
enum Next {
    /// None runs.
    Nothing,
    /// The user wants it to end.
    Asked,
    /// A step is over.
    Done(ResourceId),
    /// A step failed.
    Failed(Failure),
}

#[derive(Default)]
struct Running {
    tasks: JoinSet<(ResourceId, Result<(), Failure>)>,
    steps: Vec<Ended>,
}

/// A step that runs or has just ended.
#[derive(Debug, Clone)]
struct Ended {
    id: ResourceId,
    action: Action,
    since: Instant,
}

impl Running {
    fn start(
        &mut self,
        step: &Step<ResourceId>,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let id = step.id;
        self.steps.push(Ended { id, action: step.action, since: Instant::now() });
        self.tasks.spawn(async move { (id, work.await) });
    }

    fn take(
        &mut self,
        ended: Result<(ResourceId, Result<(), Failure>), tokio::task::JoinError>,
    ) -> Result<(Ended, Result<(), Failure>), Failure> {
        let (id, outcome) =
            ended.map_err(|error| Failure::of(Exit::Internal, &error).while_doing("a step broke off"))?;
        let index = self.steps.iter().position(|step| step.id == id);
        let step = index.map(|index| self.steps.remove(index));
        step.map(|step| (step, outcome))
            .ok_or_else(|| Failure::new(Exit::Internal, format!("{id} ended without having begun")))
    }

    fn names(&self) -> Vec<String> {
        self.steps.iter().map(|step| format!("{} {}", step.action, step.id)).collect()
    }

    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

fn record(journal: &mut Journal, step: &Step<ResourceId>, outcome: Outcome) -> Result<(), Failure> {
    record_as(journal, &step.id.to_string(), step.action, outcome)
}

fn record_as(journal: &mut Journal, step: &str, action: Action, outcome: Outcome) -> Result<(), Failure> {
    let entry = Entry { at: jiff::Timestamp::now(), step: step.to_owned(), action, outcome };
    journal.write(&entry).map_err(|error| journal_failure(&error))
}

fn open_journal(world: &World) -> Result<Journal, Failure> {
    world.state.make()?;
    Journal::open(&world.state.journal()).map(|(journal, _)| journal).map_err(|error| journal_failure(&error))
}

/// A journal's failure as its user sees it.
pub fn journal_failure(error: &journal::Error) -> Failure {
    match error {
        journal::Error::Newer { .. } => Failure::of(Exit::Usage, error)
            .hint("use the newer devplat; or delete the journal: what was made is found without it"),
        journal::Error::Damaged { path, .. } => Failure::of(Exit::Usage, error)
            .hint(format!("delete {}: what was made is found without it", path.display())),
        journal::Error::Io { .. } => Failure::of(Exit::Missing, error)
            .hint("make the folder writable, or name another in DEVPLAT_STATE_DIR"),
    }
}
