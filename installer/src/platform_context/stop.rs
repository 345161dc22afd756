//! The user's requests to stop: Ctrl-C, SIGTERM, SIGHUP. After the first, waits end, calls that must not be interrupted
//! are finished, and no step starts. After the second, all steps are abandoned.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of requests to stop. Clones share the count.
#[derive(Debug, Clone)]
pub struct Stop {
    count: Arc<watch::Sender<u32>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)) }
    }
}

impl Stop {
    /// Counts one more request: from a signal, or from a test.
    pub fn ask(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Returns whether the user has asked to stop.
    pub fn asked(&self) -> bool {
        *self.count.borrow() > 0
    }

    /// Returns whether the user has asked twice.
    pub fn insisted(&self) -> bool {
        *self.count.borrow() > 1
    }

    /// Waits until the user has asked to stop.
    pub async fn until_asked(&self) {
        self.until(1).await;
    }

    /// Waits until the user has asked twice.
    pub async fn until_insisted(&self) {
        self.until(2).await;
    }

    async fn until(&self, count: u32) {
        // The sender is part of `self`, so the channel is open.
        let _ = self.count.subscribe().wait_for(|asked| *asked >= count).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
