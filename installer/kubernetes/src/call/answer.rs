//! The answer of the API server to a call that failed.

use std::{error::Error as StdError, fmt};

use kube::core::Status;

/// An answer of the API server that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status code.
    pub code: u16,
    /// `Status.reason`, such as `Forbidden`; may be empty.
    pub reason: String,
    /// `Status.message`, the API server's own text.
    pub message: String,
    /// `Status.details.kind`: the resource that the answer is about. Answers of webhooks have none.
    pub resource: Option<String>,
    /// `Status.details.causes[].field`: the fields with a value that the API server rejects, such as
    /// `spec.ports[0].nodePort`.
    pub fields: Box<[String]>,
}

impl StdError for ErrorAnswer {}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason, message, resource: _, fields: _ } = self;
        write!(f, "the API server answered {code}")?;
        if !reason.is_empty() {
            write!(f, " {reason}")?;
        }
        // An answer such as a bare 401 repeats its reason as message.
        if message.is_empty() || message == reason { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl From<Status> for ErrorAnswer {
    fn from(status: Status) -> Self {
        let Status { status: _, code, message, metadata: _, reason, details } = status;
        // The reason that kube sets for an answer that is not a Status; the message then holds the API server's text.
        let reason = if reason == NOT_A_STATUS { String::new() } else { reason };
        let (kind, causes) = details.map(|details| (details.kind, details.causes)).unwrap_or_default();
        let resource = Some(kind).filter(|kind| !kind.is_empty());
        let fields = causes.into_iter().map(|cause| cause.field).filter(|field| !field.is_empty()).collect();
        Self { code, reason, message: message.trim().to_owned(), resource, fields }
    }
}

/// The reason that kube gives to an answer that is not a `Status`.
const NOT_A_STATUS: &str = "Failed to parse error data";
