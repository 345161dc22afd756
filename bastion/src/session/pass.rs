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

/// The last thing for which somebody was not let in.
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
        *lock(&self.denial) = Some(Denied { user, why });
    }

    /// The last reason for which somebody was not let in.
    pub(crate) fn denied(&self) -> Option<Denied> {
        lock(&self.denial).clone()
    }

    /// What a connection did that ended without a login.
    pub(crate) fn misdeed(&self) -> Misdeed {
        match self.denied() {
            None => Misdeed::NoAuthentication,
            Some(Denied { why: Denial::NoSuchUser | Denial::Login(_), .. }) => Misdeed::InvalidUser,
            Some(Denied { why: Denial::WrongKey | Denial::Certificate(_), .. }) => {
                Misdeed::AuthenticationFailed
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
