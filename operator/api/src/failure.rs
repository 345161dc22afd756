//! The exit status of devctl and of a session that the bastion ends itself: one table for both, since a user of plain SSH
//! cannot distinguish them.

/// Kinds of failure, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A bug, or a mistake in the setup of the platform.
    Internal,
    /// The command line is wrong, or the request is not allowed.
    Usage,
    /// The requested object does not exist, or the user may not see it.
    Absent,
    /// The requested object exists and cannot be used yet, or a wait timed out.
    NotReady,
}

impl FailureKind {
    /// Returns the exit status.
    pub const fn status(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Absent => 3,
            Self::NotReady => 4,
        }
    }
}
