//! How long ago something was, as people say it.

use k8s_openapi::jiff::Timestamp;

/// From `since` to `now`, with the precision that anybody needs.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    if seconds < 2 * MINUTE {
        format!("{seconds}s")
    } else if minutes < 10 && seconds % MINUTE > 0 {
        format!("{minutes}m{}s", seconds % MINUTE)
    } else if hours < 3 {
        format!("{minutes}m")
    } else if hours < 8 && minutes % 60 > 0 {
        format!("{hours}h{}m", minutes % 60)
    } else if days < 2 {
        format!("{hours}h")
    } else {
        format!("{days}d")
    }
}

/// The same where the time may not be known.
pub(super) fn since(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(|| "-".to_owned(), |since| age(since, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_the_precision_that_anybody_needs() {
        let since = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (187, "3m7s"),
            (3600, "60m"),
            (3 * 3600 + 300, "3h5m"),
            (30 * 3600, "30h"),
            (50 * 3600, "2d"),
        ] {
            let now = Timestamp::from_second(1_000_000 + seconds).unwrap();
            assert_eq!(age(since, now), text, "{seconds}");
        }
    }
}
