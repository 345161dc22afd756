//! The clock, which the caller passes in, so that a test can move it.

use std::{sync::Arc, time::SystemTime};

use k8s_openapi::jiff::Timestamp;

/// Returns the present time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Returns the present time in the form of Kubernetes.
pub(crate) fn now(clock: &Clock) -> Timestamp {
    // Only a time after the year 9999 has no timestamp.
    Timestamp::try_from(clock()).unwrap_or(Timestamp::MAX)
}
