//! The user's requests to stop: Ctrl-C, SIGTERM, SIGHUP. After the first, waits end, calls that must not be interrupted
//! are finished, and no step starts. After the second, all steps are abandoned.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of requests to stop. Clones share the count.
#[derive(Debug, Clone)]
pub struct Stop {
    count: Arc<watch::Sender<u32>>,
    /// The stop of the run, if this one is that of a single step.
    of_run: Option<Arc<watch::Sender<u32>>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)), of_run: None }
    }
}

impl Stop {
    /// Returns a stop for one step: it is asked with this one, and can end alone.
    #[must_use]
    pub fn of_step(&self) -> Self {
        let of_run = self.of_run.as_ref().unwrap_or(&self.count);
        Self { of_run: Some(Arc::clone(of_run)), ..Self::default() }
    }

    /// Counts one more request: from a signal, or from a test.
    pub fn ask(&self) {
        self.of_run.as_ref().unwrap_or(&self.count).send_modify(|count| *count += 1);
    }

    /// Counts one more request for this stop alone: a failure of the run has made its step useless.
    pub fn end_alone(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Returns whether the user has asked to stop.
    pub fn asked(&self) -> bool {
        self.has(1)
    }

    /// Returns whether the user has asked twice.
    pub fn insisted(&self) -> bool {
        self.has(2)
    }

    /// Waits until the user has asked to stop.
    pub async fn until_asked(&self) {
        self.until(1).await;
    }

    /// Waits until the user has asked twice.
    pub async fn until_insisted(&self) {
        self.until(2).await;
    }

    fn has(&self, count: u32) -> bool {
        let has = |counted: &watch::Sender<u32>| *counted.borrow() >= count;
        has(&self.count) || self.of_run.as_ref().is_some_and(|run| has(run))
    }

    async fn until(&self, count: u32) {
        match &self.of_run {
            None => reached(&self.count, count).await,
            Some(run) => {
                tokio::select! { () = reached(&self.count, count) => {}, () = reached(run, count) => {} }
            }
        }
    }
}

/// Waits until a count is reached. Its sender is part of a [`Stop`], so the channel is open.
async fn reached(counted: &watch::Sender<u32>, count: u32) {
    let _ = counted.subscribe().wait_for(|asked| *asked >= count).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn step_stops_with_its_run_and_alone() {
        let run = Stop::default();
        let (alone, other) = (run.of_step(), run.of_step());
        alone.end_alone();
        alone.until_asked().await;
        assert!(alone.asked() && !run.asked() && !other.asked());
        // The user asks the run, wherever that is noticed.
        other.ask();
        assert!(run.asked() && !alone.insisted());
        other.until_asked().await;
        assert!(other.asked() && !other.insisted() && !alone.insisted());
        run.ask();
        alone.until_insisted().await;
    }

    #[tokio::test]
    async fn first_request_ends_waits_and_second_insists() {
        let stop = Stop::default();
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.until_asked().await }
        });
        assert!(!stop.asked());
        stop.ask();
        waiting.await.unwrap();
        assert!(stop.asked() && !stop.insisted());
        stop.ask();
        stop.until_insisted().await;
    }
}
