//! The reasons to deny a login.

use crate::login::InvalidLogin;

/// Why somebody isn't let in. It goes into the log and into penalties; whoever asked only hears no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No login at all.
    #[error(transparent)]
    Login(#[from] InvalidLogin),
    /// Nobody of that name.
    #[error("there is no such user")]
    NoSuchUser,
    /// Not one of the user's keys.
    #[error("not a key of the user")]
    WrongKey,
    /// The certificate does not do.
    #[error(transparent)]
    Certificate(devplat_keys::Refusal),
    /// It was proved who it is, and no more of that user fit in.
    #[error("the user has too many connections open")]
    Crowded,
}
