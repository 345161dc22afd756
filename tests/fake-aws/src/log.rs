//! The calls that a fake has seen.

use serde_json::{Map, Value};

/// The most calls that are kept.
pub(crate) const CALLS_MAX: usize = 100_000;

/// A call that the fake has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedCall {
    /// Its number, from 1 on.
    pub number: u64,
    /// The service, such as `ec2`.
    pub service: &'static str,
    /// The call, such as `CreateVpc`.
    pub call: String,
    /// The account of the access key; empty if the key is not valid.
    pub account: String,
    /// The region; empty if the signature has none.
    pub region: &'static str,
    /// The members, with their names in the API.
    pub members: Map<String, Value>,
    /// Its end.
    pub verdict: Verdict,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// AWS has acted, or answered a question.
    Done,
    /// AWS has refused it with this code.
    Refused(String),
    /// The client got no answer; the flag shows whether AWS has acted.
    Unanswered {
        /// Whether AWS has acted.
        acted: bool,
    },
    /// The fake does not know what AWS would do.
    Unknown(String),
}

impl LoggedCall {
    /// Returns whether the call can change anything.
    pub fn is_write(&self) -> bool {
        is_write(&self.call)
    }
}

/// Returns whether a call of this name can change anything.
pub(crate) fn is_write(call: &str) -> bool {
    !["Describe", "Get", "List"].iter().any(|start| call.starts_with(start))
}
