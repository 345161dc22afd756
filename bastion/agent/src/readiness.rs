//! Whether SSH answers.

use tokio::sync::watch;

use crate::log::say;

/// Why SSH does not answer; nothing if it does.
pub(crate) struct Readiness(watch::Sender<Option<String>>);

impl Readiness {
    /// SSH does not answer yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Some("SSH is not up yet".to_owned())))
    }

    /// Why not, if not.
    pub(crate) fn obstacle(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Returns once SSH accepts connections.
    pub(crate) async fn reached(&self) {
        // The sender is ours, so it is there as long as we are.
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }

    /// SSH accepts connections.
    pub(crate) fn ready(&self) {
        self.set(None);
    }

    /// SSH does not; a reason that is new goes to the log.
    pub(crate) fn not_ready(&self, why: String) {
        if self.obstacle().as_ref() != Some(&why) {
            say(&why);
        }
        self.set(Some(why));
    }

    fn set(&self, obstacle: Option<String>) {
        self.0.send_replace(obstacle);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn whoever_asks_before_ssh_is_up_is_told_as_soon_as_it_is() {
        let readiness = Arc::new(Readiness::new());
        let asked = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.reached().await }
        });
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        readiness.ready();
        asked.await.unwrap();
        assert_eq!(readiness.obstacle(), None);
        readiness.not_ready("the dev server is stopping".to_owned());
        assert_eq!(readiness.obstacle().as_deref(), Some("the dev server is stopping"));
    }
}
