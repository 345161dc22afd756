//! Waits outside of steps, such as for an engine, a registry or a login, that are reported if they take long.

use std::time::Duration;

/// The time after which a wait is reported.
pub const QUIET: Duration = Duration::from_secs(2);
/// The time after which it is reported again.
const AGAIN: Duration = Duration::from_secs(20);

/// Runs `work`. If it takes more than 2 s, reports what is waited for, and again every 20 s.
pub async fn reported<T>(
    what: impl FnOnce() -> String,
    work: impl Future<Output = T>,
    report: impl Fn(&str),
) -> T {
    reported_after(QUIET, AGAIN, what, work, report).await
}

async fn reported_after<T>(
    quiet: Duration,
    again: Duration,
    what: impl FnOnce() -> String,
    work: impl Future<Output = T>,
    report: impl Fn(&str),
) -> T {
    tokio::pin!(work);
    let reporting = async {
        tokio::time::sleep(quiet).await;
        let what = what();
        report(&first(&what));
        let mut waited = quiet;
        loop {
            tokio::time::sleep(again).await;
            waited += again;
            report(&format!("still waiting for {what}, after {} s", waited.as_secs()));
        }
    };
    tokio::select! {
        biased;
        outcome = &mut work => outcome,
        () = reporting => unreachable!("it has no end"),
    }
}

/// Returns the first report of a wait.
pub fn first(what: &str) -> String {
    format!("waiting for {what}")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn only_a_long_wait_is_reported() {
        let reports = RefCell::new(Vec::new());
        let report = |text: &str| reports.borrow_mut().push(text.to_owned());
        assert_eq!(reported(|| unreachable!("it is short"), async { 7 }, report).await, 7);
        let long = tokio::time::sleep(QUIET + Duration::from_millis(10));
        reported(|| "registry r".to_owned(), long, report).await;
        assert_eq!(*reports.borrow(), ["waiting for registry r"]);
    }

    #[tokio::test]
    async fn report_repeats_with_the_time() {
        let reports = RefCell::new(Vec::new());
        let thrice = async {
            while reports.borrow().len() < 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let report = |text: &str| reports.borrow_mut().push(text.to_owned());
        let what = || "a plugin".to_owned();
        reported_after(Duration::ZERO, Duration::from_secs(1), what, thrice, report).await;
        let still = |seconds: u32| format!("still waiting for a plugin, after {seconds} s");
        assert_eq!(*reports.borrow(), ["waiting for a plugin".to_owned(), still(1), still(2)]);
    }
}
