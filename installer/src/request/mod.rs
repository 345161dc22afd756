//! A request: the input of a verb, resolved once from arguments, environment, files and remembered decisions. It has three
//! parts, each of which consumes the one before it:
//!
//! 1. [`Run`]: the arguments with the remembered decisions;
//! 2. [`Located`]: the engine or cluster, compared with the remembered one, and its account. Verbs end here that use or
//!    delete a platform without comparing it with a profile;
//! 3. [`Request`]: the inputs of the platform's resources by the profile.
//!
//! A verb begins one run, under the lock if it changes something. No other module reads the decisions, a profile or the
//! user's kubeconfig, or connects to the Docker engine; an architecture test holds that.

mod absent;
mod asked;
mod choice;
mod cluster;
mod delivery;
mod detect;
mod draft;
mod engine;
mod forwarded;
mod identity;
mod inputs;
mod located;
mod looked;
mod minikube;
mod others;
mod platforms;
mod profile;
mod refusal;
mod registry;
mod run;
mod sudo;

pub use asked::{Asked, Purpose};
pub use detect::PROFILE_VARIABLE;
pub use draft::Draft;
pub use engine::local_engine;
pub use located::Located;
pub use looked::Looked;
pub use platforms::{KnownPlatform, KnownPlatforms, Memory, platforms};
pub use profile::{load_of_platform, load_profile};
pub use run::Run;

use std::sync::Arc;

use crate::{
    failure::Failure,
    platform::PlatformInputs,
    platform_context::PlatformContext,
    state::{Decisions, EngineLock, Lock, StateFolder},
};

/// The input of verbs that create or compare.
pub struct Request {
    /// The input of the platform.
    pub inputs: Arc<PlatformInputs>,
    /// The context to act on.
    pub context: Arc<PlatformContext>,
    /// The decisions to remember after the apply.
    pub decisions: Decisions,
    _engine_lock: Option<EngineLock>,
}

/// Locks the platform against other runs of this account. A folder that holds only the lock at the end, because this run or
/// a killed one created it for that, is deleted.
pub fn lock(state: &StateFolder) -> Result<Locked, Failure> {
    let fresh_base = !state.has_base();
    Ok(Locked { _lock: state.lock()?, fresh_base, state: state.clone() })
}

/// A lock, and whether the folder above was created for it.
pub struct Locked {
    _lock: Lock,
    /// Whether the folder above, of all platforms, was created for it.
    fresh_base: bool,
    state: StateFolder,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.state.remove_if_unused();
        if self.fresh_base {
            self.state.remove_empty_base();
        }
    }
}
