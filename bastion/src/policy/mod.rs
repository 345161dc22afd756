//! What is allowed, decided from facts alone. No clock, no client, no randomness: who asks brings them.

mod penalty;
mod reach;
mod startup;

pub use penalty::{Misdeed, Penalties, Source};
pub use reach::{Destination, Reach, destination, reach, unknown};
pub use startup::{Stage, Standing, Verdict, newcomer};

/// Channels that one connection may have open.
pub const CHANNELS: usize = 64;
/// How long somebody may take to log in.
pub const LOGIN_GRACE: std::time::Duration = std::time::Duration::from_mins(2);
