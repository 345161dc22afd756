//! A row of `devplat doctor`.

use serde::Serialize;

use crate::failure::Failure;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prerequisite {
    pub(super) name: &'static str,
    /// Whether the profile needs it. Otherwise its absence only costs time or convenience.
    pub(super) needed: bool,
    pub(super) has: Option<String>,
    /// Whether its program is installed, although nothing is known of it.
    #[serde(skip)]
    pub(super) installed: bool,
    pub(super) remedy: Option<String>,
}

/// Returns the row of a search.
pub(super) fn finding(name: &'static str, needed: bool, found: Result<String, Failure>) -> Prerequisite {
    let (has, remedy) = match found {
        Ok(has) => (Some(has), None),
        Err(failure) => {
            let hint = failure.hints.first().map(|hint| format!(": {hint}")).unwrap_or_default();
            (None, Some(format!("{}{hint}", failure.message)))
        }
    };
    Prerequisite { name, needed, has, installed: false, remedy }
}
