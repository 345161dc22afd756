//! Waiting for something to become so, with a bound, and with the last thing seen in the message when it does not.

use std::{fmt::Display, time::Duration};

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(50);

/// Looks until `look` finds what it looks for. Until then it says what it sees instead.
pub async fn until<T, S: Display>(
    what: impl Display,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(seen) if begun.elapsed() > bound => {
                bail!("gave up after {} s waiting for {what}; last seen: {seen}", bound.as_secs())
            }
            Err(_) => sleep(PERIOD).await,
        }
    }
}
