//! Waits that the user can stop, and that report the object they wait for.

use std::{error::Error as StdError, pin::pin, task::Poll, time::Duration};

use futures::future::{BoxFuture, Either, select};

use crate::{ObjectRef, Waiting};

/// How long a call with a temporary failure is retried by default.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any wait here.
const FOREVER: Duration = Duration::from_hours(24);
/// How long a call in flight may still take after a stop. Most calls end within milliseconds, and the result of a
/// finished write need not be looked up by the next run.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// The user asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// The reason why a call was not recorded.
pub type NotRecorded = Box<dyn StdError + Send + Sync>;

/// The caller's control over waits: every loop and every retry pauses through it. Calls that change objects are recorded
/// through it as well.
pub trait Pace: Send + Sync {
    /// Receives the object that is waited for, each time it or its progress changes.
    fn report(&self, waiting: &Waiting);

    /// Returns after `period`, or with an error as soon as the user asks to stop. After a stop, every pause returns the
    /// error immediately.
    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>>;

    /// How long a call with a temporary failure, such as a refused connection, is retried.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Records a call, such as `apply Deployment a/b`, before it is made. On an error, it is not made.
    fn calling(&self, _call: &str) -> Result<(), NotRecorded> {
        Ok(())
    }

    /// Records the outcome of a call on `object`: its failure, or none. A stopped call has no outcome, because it may
    /// still have an effect.
    fn called(&self, _call: &str, _object: &ObjectRef, _failure: Option<&str>) -> Result<(), NotRecorded> {
        Ok(())
    }
}

/// A pace without reports that never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steady;

impl Pace for Steady {
    fn report(&self, _: &Waiting) {}

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            tokio::time::sleep(period).await;
            Ok(())
        })
    }
}

/// Runs `work` unless the user has asked to stop. A later stop ends it within 0.2 s.
pub async fn stoppable<T>(pace: &dyn Pace, work: impl Future<Output = T>) -> Result<T, Stopped> {
    let mut stop = pace.pause(FOREVER);
    // Check before the work starts, or a loop of quick calls would go on after a stop.
    if let Poll::Ready(Err(stopped)) = futures::poll!(&mut stop) {
        return Err(stopped);
    }
    match select(pin!(work), stop).await {
        Either::Left((value, _)) => Ok(value),
        Either::Right((Ok(()), work)) => Ok(work.await),
        Either::Right((Err(stopped), work)) => {
            tokio::time::timeout(LAST_MOMENT, work).await.map_err(|_| stopped)
        }
    }
}

/// Reports the object that is waited for, once per change.
pub(crate) struct Reporter<'a> {
    pace: &'a dyn Pace,
    last: Option<Waiting>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(pace: &'a dyn Pace) -> Self {
        Self { pace, last: None }
    }

    pub(crate) fn report(&mut self, waiting: Waiting) {
        if self.last.as_ref() != Some(&waiting) {
            self.pace.report(&waiting);
            self.last = Some(waiting);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    use tokio::{sync::watch, time::Instant};

    use super::*;

    /// A pace that keeps the reports and can be stopped.
    pub(crate) struct Stoppable {
        stopped: watch::Sender<bool>,
        pub(crate) reported: Mutex<Vec<String>>,
        /// The recorded calls and outcomes.
        pub(crate) recorded: Mutex<Vec<String>>,
        /// Whether no further call can be recorded.
        pub(crate) full: AtomicBool,
    }

    impl Stoppable {
        pub(crate) fn new() -> Self {
            Self {
                stopped: watch::Sender::new(false),
                reported: Mutex::default(),
                recorded: Mutex::default(),
                full: AtomicBool::default(),
            }
        }

        pub(crate) fn stop(&self) {
            self.stopped.send_replace(true);
        }
    }

    impl Pace for Stoppable {
        fn report(&self, waiting: &Waiting) {
            self.reported.lock().unwrap().push(waiting.to_string());
        }

        fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
            let mut stopped = self.stopped.subscribe();
            Box::pin(async move {
                match tokio::time::timeout(period, stopped.wait_for(|stopped| *stopped)).await {
                    Ok(_) => Err(Stopped),
                    Err(_) => Ok(()),
                }
            })
        }

        fn calling(&self, call: &str) -> Result<(), NotRecorded> {
            if self.full.load(Ordering::Relaxed) {
                return Err("no space left".into());
            }
            self.recorded.lock().unwrap().push(call.to_owned());
            Ok(())
        }

        fn called(&self, call: &str, object: &ObjectRef, failure: Option<&str>) -> Result<(), NotRecorded> {
            let outcome = failure.map_or_else(|| format!("made {object}"), |why| format!("failed: {why}"));
            self.recorded.lock().unwrap().push(format!("{call}: {outcome}"));
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stop_ends_work_that_never_ends() {
        let pace = Stoppable::new();
        let start = Instant::now();
        let (outcome, ()) =
            tokio::join!(stoppable(&pace, std::future::pending::<()>()), async { pace.stop() });
        assert_eq!(outcome, Err(Stopped));
        assert!(start.elapsed() <= Duration::from_millis(300), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn work_does_not_start_after_a_stop() {
        let pace = Stoppable::new();
        pace.stop();
        let mut started = false;
        assert_eq!(stoppable(&pace, async { started = true }).await, Err(Stopped));
        assert!(!started);
    }

    #[tokio::test]
    async fn answer_in_flight_is_accepted_after_a_stop() {
        let pace = Stoppable::new();
        let work = async {
            pace.stop();
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(stoppable(&pace, work).await, Ok(7));
    }
}
