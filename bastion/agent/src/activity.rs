//! What goes on in a dev server, in numbers: the operator asks for them to find out which servers are idle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use serde::Serialize;

/// Counts that sessions keep.
pub(crate) struct Activity {
    sessions: AtomicUsize,
    connections: AtomicUsize,
    bytes: AtomicU64,
    begin: Instant,
    /// Milliseconds after `begin`, plus one; 0 while there was nothing.
    last: AtomicU64,
}

/// What `/activity` says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Session channels open now.
    pub(crate) sessions: usize,
    /// Connections that are logged in now.
    pub(crate) connections: usize,
    /// Bytes in channels since the agent started, both directions.
    pub(crate) channel_bytes: u64,
    /// Seconds since a channel moved a byte, opened or closed; none if there was no channel yet.
    pub(crate) last_channel_activity: Option<f64>,
    /// CPU seconds of all processes but the agent, also of those that have ended.
    pub(crate) process_cpu_seconds: f64,
}

/// Something that is counted as long as it exists.
pub(crate) struct Counted {
    activity: Arc<Activity>,
    what: fn(&Activity) -> &AtomicUsize,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            sessions: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            begin: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Activity {
    /// Counts a session until the result is dropped.
    pub(crate) fn session(self: &Arc<Self>) -> Counted {
        self.count(|activity| &activity.sessions)
    }

    /// Counts a connection until the result is dropped.
    pub(crate) fn connection(self: &Arc<Self>) -> Counted {
        self.count(|activity| &activity.connections)
    }

    /// Connections now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// `count` bytes went through a channel.
    pub(crate) fn moved(&self, count: usize) {
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.touch();
    }

    /// All numbers, now.
    pub(crate) fn report(&self) -> Report {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1);
        let now = self.milliseconds();
        Report {
            sessions: self.sessions.load(Ordering::Relaxed),
            connections: self.connections(),
            channel_bytes: self.bytes.load(Ordering::Relaxed),
            last_channel_activity: last.map(|last| seconds(now.saturating_sub(last), 1000)),
            process_cpu_seconds: seconds(ticks(), rustix::param::clock_ticks_per_second()),
        }
    }

    fn count(self: &Arc<Self>, what: fn(&Self) -> &AtomicUsize) -> Counted {
        what(self).fetch_add(1, Ordering::Relaxed);
        self.touch();
        Counted { activity: self.clone(), what }
    }

    fn touch(&self) {
        self.last.store(self.milliseconds() + 1, Ordering::Relaxed);
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.activity).fetch_sub(1, Ordering::Relaxed);
        self.activity.touch();
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people and rules, exact to a millisecond for ages"
)]
fn seconds(count: u64, per_second: u64) -> f64 {
    count as f64 / per_second.max(1) as f64
}

/// CPU time of all processes but this one, and of those whose end somebody took: it never falls as processes end.
fn ticks() -> u64 {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)))
        .filter_map(|(pid, stat)| {
            let [user, system, ended_user, ended_system] = times(&stat)?;
            let ended = ended_user + ended_system;
            Some(if pid == own { ended } else { user + system + ended })
        })
        .sum()
}

/// `utime`, `stime`, `cutime`, `cstime`. The name before them may hold anything.
fn times(stat: &str) -> Option<[u64; 4]> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "42 (a) R 1 (b)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        assert_eq!(times(stat), Some([11, 12, 13, 14]));
        assert_eq!(times("nonsense"), None);
    }

    #[test]
    fn what_is_counted_is_counted_until_it_goes() {
        let activity = Arc::new(Activity::default());
        assert_eq!(activity.report().last_channel_activity, None);
        let (one, two) = (activity.session(), activity.session());
        activity.moved(10);
        let report = activity.report();
        assert_eq!((report.sessions, report.connections, report.channel_bytes), (2, 0, 10));
        drop((one, two));
        assert_eq!(activity.report().sessions, 0);
        assert!(activity.report().last_channel_activity.is_some());
    }
}
