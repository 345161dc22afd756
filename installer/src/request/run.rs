//! The first part of a resolution, which searches nothing: the arguments and the remembered decisions of one run.

use devplat_tool::docker::Engine;

use super::{Asked, Purpose, sudo};
use crate::{
    failure::Failure,
    host::Host,
    state::{Decisions, StateFolder},
};

/// The arguments, the environment and the remembered decisions of one run. [`Run::locate`] and [`Run::request`] consume
/// it, so that a run resolves once.
pub struct Run<'a> {
    pub(super) asked: &'a Asked,
    pub(super) host: &'a Host,
    pub(super) purpose: Purpose,
    pub(super) state: StateFolder,
    /// The Docker engine of this machine, if a part of this run has tried to connect to it.
    pub(super) engine: Option<Result<Engine, Failure>>,
    /// The remembered decisions.
    pub decisions: Decisions,
}

impl<'a> Run<'a> {
    /// Reads the remembered decisions. A run that changes something has to hold the lock by then.
    pub fn begin(asked: &'a Asked, host: &'a Host, purpose: Purpose) -> Result<Self, Failure> {
        sudo::remark(host);
        Self::of(asked, host, purpose)
    }

    /// Returns a run that deletes. It finds resources by their marks, so it can do without decisions that are damaged.
    pub fn begin_deletion(asked: &'a Asked, host: &'a Host, purpose: Purpose) -> Result<Self, Failure> {
        sudo::remark(host);
        let state = asked.state(host)?;
        match state.damaged_decisions() {
            None => Self::of(asked, host, purpose),
            Some(_) => {
                Ok(Self { asked, host, purpose, state, engine: None, decisions: Decisions::default() })
            }
        }
    }

    /// Reads the remembered decisions without the remark about sudo, for a run without a platform.
    pub(super) fn of(asked: &'a Asked, host: &'a Host, purpose: Purpose) -> Result<Self, Failure> {
        let state = asked.state(host)?;
        let decisions = state.decisions()?;
        Ok(Self { asked, host, purpose, state, engine: None, decisions })
    }

    /// Returns whether the command line or the decisions name a profile or a cluster.
    pub fn is_named(&self) -> bool {
        self.decisions.profile.is_some() || self.asked.profile.is_some() || self.asked.context.is_some()
    }
}
