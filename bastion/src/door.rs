//! What all connections share. It holds the parts together and does nothing by itself.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    audit::Audit, auth::Authorities, devctl::Devctl, directory::Directory, drain::Drain, metrics::Metrics,
    relay::Dialer, startups::Startups,
};

/// Everything behind the door.
#[derive(Debug)]
pub struct Door {
    /// Who there is.
    pub directory: Arc<Directory>,
    /// Who may certify users.
    pub authorities: Arc<Authorities>,
    /// What happened.
    pub audit: Audit,
    /// How much.
    pub metrics: Metrics,
    /// Whether this replica is about to end.
    pub drain: Drain,
    /// The way to dev servers.
    pub dialer: Dialer,
    /// devctl, where there is a runner.
    pub devctl: Option<Devctl>,
    /// Who has not logged in yet, and who has to wait.
    pub startups: Startups,
    /// How long somebody may take to log in.
    pub login_grace: Duration,
    /// Connections of each user.
    pub guests: Guests,
    /// Numbers of connections.
    pub numbers: Numbers,
}

/// Numbers connections, so that lines of a log can be put together.
#[derive(Debug, Default)]
pub struct Numbers(AtomicU64);

impl Numbers {
    /// One that no other connection of this replica has.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Connections of each user, up to a number.
#[derive(Debug, Clone)]
pub struct Guests {
    most: usize,
    here: Arc<Mutex<HashMap<String, usize>>>,
}

/// One connection of a user, while it is there.
#[derive(Debug)]
pub struct Guest {
    user: String,
    here: Arc<Mutex<HashMap<String, usize>>>,
}

impl Guests {
    /// Of each user at most `most`.
    pub fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    /// One more of `user`; `None` where that is one too many.
    pub fn enter(&self, user: &str) -> Option<Guest> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(user.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Guest { user: user.to_owned(), here: self.here.clone() })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = here.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.user);
            }
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_gets_no_more_than_the_limit_and_again_what_was_given_back() {
        let guests = Guests::new(2);
        let (one, two) = (guests.enter("alice"), guests.enter("alice"));
        assert!(one.is_some() && two.is_some() && guests.enter("alice").is_none());
        assert!(guests.enter("bob").is_some());
        drop(one);
        assert!(guests.enter("alice").is_some());
        drop(two);
        assert!(guests.here.lock().unwrap().is_empty());
    }
}
