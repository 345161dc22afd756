//! The reasons why a release cannot be applied, with the remedies.

use std::time::Duration;

use super::{NodePortError, Obstacle, holder::Holder};
use crate::{
    CallError, CommandLines, Error, ObjectRef, Waiting, admission::AdmissionRefusal, call, pace::Stopped,
};

/// The reason why a release could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Objects of these names exist and are not devplat's.
    #[error("objects of these names are not devplat's: {}", list(.0))]
    Foreign(Vec<ObjectRef>),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An object was not ready, or an old one not gone, in time.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// Admission rejects its pods.
    #[error("no pod of {object} can be created: {message}")]
    Refused {
        /// The Deployment.
        object: ObjectRef,
        /// The API server's message.
        message: String,
        /// The policy that rejects them, if pods could be tried.
        refusal: Option<Box<AdmissionRefusal>>,
    },
    /// A Service does not get its fixed node port.
    #[error(transparent)]
    NodePort(#[from] NodePortError),
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Error> for ReleaseError {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Call(error),
            Error::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

impl ReleaseError {
    /// The remedies.
    pub fn hints(&self, lines: &CommandLines) -> Vec<String> {
        match self {
            Self::Foreign(_) => {
                vec!["rename or delete these objects, or use another cluster".to_owned()]
            }
            Self::Call(error) => call::hints(error, Some(lines)),
            Self::Refused { refusal: Some(refusal), .. } => refusal.hints(Some(lines)),
            Self::NotReady(error) => error.hints(lines),
            // The caller knows whether another port can be chosen.
            Self::NodePort(_) | Self::Refused { .. } | Self::Stopped(_) => Vec::new(),
        }
    }
}

fn list(objects: &[ObjectRef]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// An object that was not ready, or not gone, in time.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {} s {waiting}", .after.as_secs())]
pub struct NotReady {
    /// The time that the wait took.
    pub after: Duration,
    /// The object, and the last reason.
    pub waiting: Waiting,
    /// The cause of the wait for the end of a deletion, if it is known.
    pub holder: Option<Box<Holder>>,
    /// The taints of nodes, if no node takes the pods.
    pub obstacles: Vec<Obstacle>,
}

impl NotReady {
    /// The remedies.
    pub fn hints(&self, lines: &CommandLines) -> Vec<String> {
        let Self { after: _, waiting: _, holder, obstacles } = self;
        let holder = holder.as_deref().map(|holder| holder.hints(lines)).unwrap_or_default();
        holder.into_iter().chain(obstacles.iter().filter_map(|obstacle| obstacle.hint(lines))).collect()
    }
}
