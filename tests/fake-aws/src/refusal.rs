//! Why a call is not carried out: an error of AWS, or something that the fake does not know.

use std::fmt::Display;

use http::StatusCode;

/// Why a call is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// AWS would answer with this error.
    Aws(AwsError),
    /// The fake does not know whether AWS would accept the call. The test that made it fails.
    Unknown(String),
}

/// An error that AWS answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// The word that programs compare, such as `InvalidVpcID.NotFound`.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// The status of the answer.
    pub status: StatusCode,
}

/// Returns an error with status 400, as most errors of EC2 have it.
pub(crate) fn refused(code: &str, message: impl Display) -> Refusal {
    refused_with(StatusCode::BAD_REQUEST, code, message)
}

pub(crate) fn refused_with(status: StatusCode, code: &str, message: impl Display) -> Refusal {
    Refusal::Aws(AwsError { code: code.to_owned(), message: message.to_string(), status })
}

pub(crate) fn unknown(what: impl Display) -> Refusal {
    Refusal::Unknown(what.to_string())
}

pub(crate) fn missing_parameter(name: &str) -> Refusal {
    refused("MissingParameter", format!("The request must contain the parameter {name}"))
}

pub(crate) fn invalid_value(value: impl Display, parameter: &str, why: &str) -> Refusal {
    refused("InvalidParameterValue", format!("Value ({value}) for parameter {parameter} is invalid. {why}"))
}

pub(crate) fn dependency_violation(message: impl Display) -> Refusal {
    refused("DependencyViolation", message)
}
