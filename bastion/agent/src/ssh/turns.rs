//! The turns of connections that are not logged in: few log in at a time, the others wait.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Clients that log in at the same time, at most.
pub(super) const STRANGERS: usize = 64;
/// Connections that are not logged in, at most, including those that wait for their turn. A client of the bastion may
/// open many channels at once, each with a connection of its own; a dev server whose processors are busy falls behind
/// them.
pub(super) const NOT_LOGGED_IN: usize = 512;
/// How long a connection waits for its turn: less than the bastion waits for an answer, so that the bastion sees a closed
/// connection instead of a silent one.
const PATIENCE: Duration = Duration::from_secs(20);

/// All places and turns of a server.
pub(super) struct Turns {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A place among the connections that are not logged in.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// A turn to log in. It ends when this is dropped.
pub(super) struct Turn {
    _place: Place,
    _turn: OwnedSemaphorePermit,
}

impl Turns {
    /// Returns places and turns, all of them free.
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(NOT_LOGGED_IN)), turns: Arc::new(Semaphore::new(STRANGERS)) }
    }

    /// Takes a place. Returns `None` if all are taken.
    pub(super) fn enter(&self) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { _place: place, turns: self.turns.clone() })
    }
}

impl Place {
    /// Waits for a turn, in the order of arrival. Returns `None` if that takes longer than 20 s.
    pub(super) async fn turn(self) -> Option<Turn> {
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _place: self, _turn: turn })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    async fn all_turns(turns: &Turns) -> Vec<Turn> {
        let mut taken = Vec::new();
        for _ in 0..STRANGERS {
            taken.push(turns.enter().expect("there is a place").turn().await.expect("there is a turn"));
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn connection_without_a_turn_gives_up_its_place_after_20_s() {
        let turns = Turns::new();
        let _taken = all_turns(&turns).await;
        let begun = Instant::now();
        assert!(turns.enter().expect("there is a place").turn().await.is_none());
        assert_eq!(begun.elapsed(), Duration::from_secs(20));
        assert_eq!(turns.places.available_permits(), NOT_LOGGED_IN - STRANGERS);
    }

    #[tokio::test(start_paused = true)]
    async fn connection_gets_the_turn_of_one_that_logs_in() {
        let turns = Turns::new();
        let mut taken = all_turns(&turns).await;
        let next = tokio::spawn(turns.enter().expect("there is a place").turn());
        sleep(Duration::from_secs(19)).await;
        assert!(!next.is_finished());
        taken.pop();
        assert!(next.await.expect("it does not panic").is_some());
    }

    #[tokio::test]
    async fn connection_beyond_the_last_place_is_rejected() {
        let turns = Turns::new();
        let taken: Vec<Place> = std::iter::from_fn(|| turns.enter()).collect();
        assert_eq!(taken.len(), NOT_LOGGED_IN);
        drop(taken);
        assert!(turns.enter().is_some());
    }
}
