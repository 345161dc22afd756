//! What is allowed, decided from facts alone. No clock, no client, no randomness: who asks brings them.

mod penalty;
mod reach;
mod startup;

pub use penalty::{Misdeed, Penalties, Source};
pub use reach::{Destination, Reach, destination, reach, unknown};
pub use startup::{Stage, Standing, Verdict, newcomer};

/// Shells, commands and subsystems that one connection may have open.
pub const SESSIONS: usize = 64;
/// Other channels that one connection may have open: a browser behind `ssh -D` has hundreds.
pub const FORWARDS: usize = 1024;
/// How long somebody may take to log in.
pub const LOGIN_GRACE: std::time::Duration = std::time::Duration::from_mins(2);
