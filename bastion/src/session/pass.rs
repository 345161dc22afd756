//! What the task of a connection and its handler tell each other: how far it came, that it has to go, what it did wrong.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::Visit;
use crate::{
    auth::Denial,
    login::Login,
    policy::{Misdeed, Stage},
    startups::Startup,
};

/// Of one connection.
#[derive(Debug)]
pub(crate) struct Pass {
    number: u64,
    from: SocketAddr,
    startup: Mutex<Option<Arc<Startup>>>,
    entered: CancellationToken,
    visit: Mutex<Option<Arc<Visit>>>,
    denial: Mutex<Option<Denied>>,
}

/// For what somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    /// Whom they wanted to be, where that is a name at all: some people type their password there.
    pub(crate) user: Option<String>,
    /// Why not.
    pub(crate) why: Denial,
}

impl Pass {
    pub(crate) fn new(number: u64, from: SocketAddr, startup: Startup) -> Self {
        Self {
            number,
            from,
            startup: Mutex::new(Some(Arc::new(startup))),
            entered: CancellationToken::new(),
            visit: Mutex::default(),
            denial: Mutex::default(),
        }
    }

    /// Number of the connection.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where it comes from.
    pub(crate) fn from(&self) -> SocketAddr {
        self.from
    }

    /// It came so far.
    pub(crate) fn reached(&self, stage: Stage) {
        if let Some(startup) = &*lock(&self.startup) {
            startup.reached(stage);
        }
    }

    /// It is logged in.
    pub(crate) fn enter(&self, visit: Arc<Visit>) {
        *lock(&self.visit) = Some(visit);
        lock(&self.startup).take();
        self.entered.cancel();
    }

    /// Returns once it is logged in.
    pub(crate) async fn entered(&self) {
        self.entered.cancelled().await;
    }

    /// Returns when it has to make room; never once it is logged in.
    pub(crate) async fn evicted(&self) {
        let startup = lock(&self.startup).clone();
        match startup {
            Some(startup) => startup.evicted().await,
            None => std::future::pending().await,
        }
    }

    /// Whoever it is, once logged in.
    pub(crate) fn visit(&self) -> Option<Arc<Visit>> {
        lock(&self.visit).clone()
    }

    /// Somebody was not let in.
    pub(crate) fn deny(&self, text: &str, why: Denial) {
        let user = Login::parse(text).ok().map(|login| login.user().to_owned());
        let mut denial = lock(&self.denial);
        // A client that has a certificate offers its key as well: what is wrong with the certificate says more.
        let known = denial.as_ref().is_some_and(|denied| {
            denied.user == user && matches!(denied.why, Denial::Certificate(_)) && why == Denial::WrongKey
        });
        if !known {
            *denial = Some(Denied { user, why });
        }
    }

    /// The reason for which somebody was not let in.
    pub(crate) fn denied(&self) -> Option<Denied> {
        lock(&self.denial).clone()
    }

    /// What a connection did wrong that ended without a login.
    pub(crate) fn misdeed(&self) -> Option<Misdeed> {
        match self.denied().map(|denied| denied.why) {
            None => Some(Misdeed::NoAuthentication),
            Some(Denial::NoSuchUser | Denial::Login(_)) => Some(Misdeed::InvalidUser),
            Some(Denial::WrongKey | Denial::Certificate(_)) => Some(Misdeed::AuthenticationFailed),
            Some(Denial::Crowded) => None,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use devplat_keys::Refusal;

    use super::*;
    use crate::startups::Startups;

    fn pass() -> Pass {
        let startup = Startups::new(Vec::new()).enter(1);
        Pass::new(1, "192.0.2.7:1234".parse().unwrap(), startup)
    }

    #[test]
    fn what_is_wrong_with_a_certificate_outlasts_a_key_that_is_wrong_too() {
        let pass = pass();
        let why = || pass.denied().unwrap().why;
        pass.deny("alice", Denial::WrongKey);
        pass.deny("alice", Denial::Certificate(Refusal::Expired));
        pass.deny("alice+mydev", Denial::WrongKey);
        assert_eq!(why(), Denial::Certificate(Refusal::Expired));
        // Another certificate, or another user, is another matter.
        pass.deny("alice", Denial::Certificate(Refusal::Revoked));
        assert_eq!(why(), Denial::Certificate(Refusal::Revoked));
        pass.deny("bob", Denial::WrongKey);
        assert_eq!(why(), Denial::WrongKey);
    }

    #[test]
    fn whoever_is_one_too_many_of_a_user_did_nothing_wrong() {
        let pass = pass();
        assert_eq!(pass.misdeed(), Some(Misdeed::NoAuthentication));
        pass.deny("alice", Denial::Crowded);
        assert_eq!(pass.misdeed(), None);
    }
}
