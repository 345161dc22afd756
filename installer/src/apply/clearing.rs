//! The limited time in which a run that does not go on deletes the resources that only its remaining steps would use.

use std::time::Duration;

use devplat_plan::{Action, Planned, Step, StepId};
use tokio::time::{Instant, sleep_until};

use crate::{
    check::Work,
    failure::{Exit, Failure},
    platform_context::Stop,
    resource::{AnyResource, Found},
    ui::{Event, Ui},
};

/// How long the deletion of temporary resources may take after the user has asked to stop.
const AFTER_A_STOP: Duration = Duration::from_secs(5);
/// How long it may take after a failure.
const AFTER_A_FAILURE: Duration = Duration::from_mins(1);

/// The time for the deletion of temporary resources. The first request to stop shortens it, the second one ends it.
pub(super) struct ClearingTime {
    stop: Stop,
    ui: Ui,
    began: Instant,
    end: Instant,
    /// Whether a request to stop was reported.
    told: bool,
}

impl ClearingTime {
    /// Starts the time. `told` is whether a request to stop was reported before.
    pub(super) fn start(stop: &Stop, ui: &Ui, told: bool) -> Self {
        let began = Instant::now();
        let limit = if stop.asked() { AFTER_A_STOP } else { AFTER_A_FAILURE };
        Self { stop: stop.clone(), ui: ui.clone(), began, end: began + limit, told }
    }

    /// Waits until the time is over, and returns the reason: `doing` did not end in it. The first request to stop is
    /// reported, once, with the names of the `running` steps.
    pub(super) async fn over(&mut self, doing: &str, running: &[String]) -> Failure {
        loop {
            tokio::select! {
                biased;
                () = self.stop.until_insisted() => return Failure::stopped(),
                () = self.stop.until_asked(), if !self.told => self.shorten(running),
                () = sleep_until(self.end) => {
                    let seconds = self.end.duration_since(self.began).as_secs();
                    return Failure::new(Exit::PartWay, format!("{doing} did not end within {seconds} s"));
                }
            }
        }
    }

    fn shorten(&mut self, running: &[String]) {
        self.told = true;
        self.end = self.end.min(Instant::now() + AFTER_A_STOP);
        let limit_seconds = Some(AFTER_A_STOP.as_secs_f64());
        self.ui.report(&Event::Stopping { running: running.to_vec(), limit_seconds });
    }
}

/// Returns the step that deletes a found resource of `work`.
pub(super) fn deleting(work: &Work, resource: &AnyResource, found: &Found) -> Step {
    Step {
        id: StepId { deletes: Some(found.sight.physical.clone()), ..work.step.id.clone() },
        action: Action::Delete,
        reason: "the steps that need it will not run".to_owned(),
        after: Vec::new(),
        after_usable: Vec::new(),
        usual: resource.facts(Action::Delete).usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clearing {
        stop: Stop,
        ui: Ui,
        time: ClearingTime,
    }

    /// Starts the time after `asked` requests to stop.
    fn clearing(asked: u32, told: bool) -> Clearing {
        let (stop, ui) = (Stop::default(), Ui::recording());
        (0..asked).for_each(|_| stop.ask());
        let time = ClearingTime::start(&stop, &ui, told);
        Clearing { stop, ui, time }
    }

    impl Clearing {
        /// Returns why the time is over, if it is over now.
        async fn over(&mut self) -> Option<String> {
            let running = ["delete server".to_owned()];
            let over = self.time.over("its deletion", &running);
            tokio::time::timeout(Duration::from_millis(5), over).await.ok().map(|failure| failure.message)
        }

        /// Returns the whole time.
        fn limit(&self) -> Duration {
            self.time.end - self.time.began
        }

        fn events(&self) -> Vec<Event> {
            self.ui.transcript().events
        }
    }

    fn stopping() -> Event {
        Event::Stopping { running: vec!["delete server".to_owned()], limit_seconds: Some(5.0) }
    }

    #[tokio::test]
    async fn signal_after_a_failure_shortens_the_deletion() {
        let mut clearing = clearing(0, false);
        assert_eq!((clearing.over().await, clearing.limit()), (None, AFTER_A_FAILURE));
        clearing.stop.ask();
        assert_eq!(clearing.over().await, None);
        assert_eq!((clearing.limit().as_secs(), clearing.events()), (5, vec![stopping()]));
        clearing.stop.ask();
        assert_eq!(clearing.over().await, Some(Failure::stopped().message));
        assert_eq!(clearing.events(), [stopping()]);
    }

    #[tokio::test]
    async fn signal_never_lengthens_the_deletion() {
        let mut clearing = clearing(0, false);
        clearing.time.end = clearing.time.began + Duration::from_secs(2);
        clearing.stop.ask();
        assert_eq!((clearing.over().await, clearing.limit().as_secs()), (None, 2));
    }

    #[tokio::test]
    async fn earlier_signal_is_reported_only_if_it_was_not() {
        for (told, events) in [(true, Vec::new()), (false, vec![stopping()])] {
            let mut clearing = clearing(1, told);
            assert_eq!((clearing.over().await, clearing.limit().as_secs()), (None, 5));
            assert_eq!(clearing.events(), events);
        }
    }

    #[tokio::test]
    async fn end_of_the_time_is_the_known_reason() {
        let mut clearing = clearing(0, false);
        clearing.time.began -= AFTER_A_FAILURE;
        clearing.time.end = clearing.time.began + AFTER_A_FAILURE;
        let why = "its deletion did not end within 60 s";
        assert_eq!(clearing.over().await.as_deref(), Some(why));
    }
}
