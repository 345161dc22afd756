//! The limit of concurrent requests to an API server. Over HTTP/1, each of them needs a connection of its own, with its own
//! TLS handshake.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The number of requests that wait for an answer concurrently. Chosen, not measured.
const AT_ONCE: usize = 8;
/// How long a request waits for others to be answered. After that, they wait for something slow, such as a webhook, and
/// one more connection costs less.
const PATIENCE: Duration = Duration::from_secs(1);

/// The requests that have no answer yet.
pub(super) struct InFlight(Semaphore);

impl Default for InFlight {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl InFlight {
    /// Waits until a request may be sent. The caller holds the permit until the answer begins; `None` if the other
    /// requests are slow, so that this one is sent without a permit.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(PATIENCE, self.0.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn eight_requests_are_in_flight_and_the_others_follow() {
        let (in_flight, present, most) = (InFlight::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let request = || async {
            let _permit = in_flight.permit().await;
            most.fetch_max(present.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            present.fetch_sub(1, Ordering::Relaxed);
        };
        join_all((0..20).map(|_| request())).await;
        assert_eq!(most.into_inner(), AT_ONCE);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_requests_delay_another_one_by_a_second() {
        let in_flight = InFlight::default();
        let begun = Instant::now();
        let mut slow = Vec::new();
        for _ in 0..AT_ONCE {
            slow.push(in_flight.permit().await.unwrap());
        }
        assert!(in_flight.permit().await.is_none());
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
        slow.pop();
        assert!(in_flight.permit().await.is_some());
    }
}
