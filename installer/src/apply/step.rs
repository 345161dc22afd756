//! One step of a plan: makes the change and waits until the resource is ready.

use std::time::Duration;

use devplat_plan::{Action, How, Owner, State, Step, Verdict};

use super::waits::{Transition, Waits};
use crate::{
    check::{With, Work},
    failure::{Exit, Failure},
    resource::{AnyResource, Cx, Found, kept},
    ui,
};

/// The period between two checks of a resource that is being created or deleted.
const PERIOD: Duration = Duration::from_millis(500);

/// Runs one step to its end: makes the change, then waits until the resource is ready. A stop drops the wait, and also
/// the change if the kind allows that.
pub(super) async fn carry_out(work: Work, cx: Cx) -> Result<(), Failure> {
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
        return Err(changed(step, &ui::verdict(&verdict)));
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
        verdict @ Verdict::Differs(_) => format!("{physical}: {}", ui::verdict(&verdict)),
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
