//! Waits for a condition with a bound. The error has the state that was last seen.

use std::{fmt::Display, time::Duration};

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// The period between two checks.
const PERIOD: Duration = Duration::from_millis(50);

/// Calls `look` until it succeeds. Its error describes the state that it saw instead.
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
