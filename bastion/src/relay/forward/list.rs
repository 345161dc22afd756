//! The forwards that a client has.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::super::{dial::Agent, wish::Place};

/// Forwards of one client.
#[derive(Default)]
pub(crate) struct Forwards(Mutex<HashMap<Place, Agent>>);

impl fmt::Debug for Forwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

impl Forwards {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Place, Agent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
