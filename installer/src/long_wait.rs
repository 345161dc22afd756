//! Waits outside of steps, such as for an engine, a registry or a login, that are reported if they take long.

use std::time::Duration;

/// The time after which a wait is reported.
const QUIET: Duration = Duration::from_secs(2);

/// Runs `work`. If it takes more than 2 s, reports what is waited for.
pub async fn reported<T>(
    what: impl FnOnce() -> String,
    work: impl Future<Output = T>,
    report: impl FnOnce(&str),
) -> T {
    tokio::pin!(work);
    tokio::select! {
        biased;
        outcome = &mut work => outcome,
        () = tokio::time::sleep(QUIET) => {
            report(&format!("waiting for {}", what()));
            work.await
        }
    }
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
}
