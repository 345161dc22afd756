//! The constants of several steps.

use std::time::Duration;

/// The namespace of all dev servers.
pub(super) const NAMESPACE: &str = "default";
/// A limit that no step here ever reached.
pub(super) const LONG: Duration = Duration::from_mins(15);
