//! The end of a replica: nobody new, and those who are here may stay until the time that Kubernetes gives is over.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Who is here, and whether to go.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    over: CancellationToken,
    here: TaskTracker,
}

impl Drain {
    /// From now on nobody new.
    pub fn begin(&self) {
        self.begun.cancel();
        self.here.close();
    }

    /// Whether it has begun.
    pub fn is_draining(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Returns once it has begun.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Is cancelled when the time is over: who is still here has to go.
    pub fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Whoever runs in this is here.
    pub fn here(&self) -> &TaskTracker {
        &self.here
    }

    /// Waits at most `grace` for everybody to go, then ends them, and gives them `last` to say so. Returns how many had
    /// to be ended.
    pub async fn wait(&self, grace: Duration, last: Duration) -> usize {
        if tokio::time::timeout(grace, self.here.wait()).await.is_ok() {
            return 0;
        }
        let left = self.here.len();
        self.over.cancel();
        let _ = tokio::time::timeout(last, self.here.wait()).await;
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_goes_in_time_is_not_ended() {
        let drain = Drain::default();
        drain.here().spawn(tokio::time::sleep(Duration::from_secs(5)));
        drain.begin();
        assert_eq!(drain.wait(Duration::from_secs(10), Duration::from_secs(1)).await, 0);
        assert!(!drain.over().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_is_ended_when_the_time_is_over() {
        let drain = Drain::default();
        let over = drain.over().clone();
        drain.here().spawn(async move { over.cancelled().await });
        drain.begin();
        assert_eq!(drain.wait(Duration::from_secs(10), Duration::from_secs(1)).await, 1);
        assert!(drain.here().is_empty());
    }
}
