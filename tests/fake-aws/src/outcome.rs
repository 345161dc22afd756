//! The outcome of a request: an answer in XML, or none.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header};

use crate::{fault::Fault, protocol::xml, refusal::Refusal, service::Service, state::thing::Members};

/// The status of an answer to a call that the fake does not know; AWS has no such status.
const UNKNOWN: u16 = 599;

/// The result of a request for its client.
#[derive(Debug)]
pub enum Outcome {
    /// An answer without delay.
    Answer(Response<Bytes>),
    /// An answer after this time.
    Late(Duration, Response<Bytes>),
    /// None: the client waits until its own deadline.
    NoAnswer,
    /// None: the client dies here.
    Killed,
}

/// The call of an answer, with its number and the date.
pub(crate) struct About<'a> {
    pub(crate) service: Service,
    pub(crate) call: &'a str,
    pub(crate) number: u64,
    pub(crate) date: jiff::Timestamp,
}

impl About<'_> {
    /// Returns the answer to a call that ended like this.
    pub(crate) fn answer(&self, result: &Result<Members, Refusal>) -> Response<Bytes> {
        let Self { service, call, number, date: _ } = self;
        let (model, dialect) = (service.model(), service.dialect());
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        match result {
            Ok(members) => self.response(StatusCode::OK, xml::answer(model, dialect, call, members, &id)),
            Err(Refusal::Aws(error)) => self.response(error.status, xml::error(model, dialect, error, &id)),
            Err(Refusal::Unknown(what)) => {
                let status = StatusCode::from_u16(UNKNOWN).unwrap_or(StatusCode::NOT_IMPLEMENTED);
                self.response(status, format!("the fake does not know: {what}"))
            }
        }
    }

    fn response(&self, status: StatusCode, body: String) -> Response<Bytes> {
        let date = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "text/xml;charset=UTF-8")
            .header(header::DATE, date)
            .body(Bytes::from(body))
            .expect("these headers are valid")
    }
}

impl Outcome {
    /// Returns the outcome of a call whose members were read and that ended with this answer.
    pub(crate) fn of(fault: Option<Fault>, answer: impl FnOnce() -> Response<Bytes>) -> Self {
        match fault {
            Some(Fault::TimedOut | Fault::AnswerLost) => Self::NoAnswer,
            Some(Fault::KilledBefore | Fault::KilledAfter) => Self::Killed,
            Some(Fault::Slow(time)) => Self::Late(time, answer()),
            Some(Fault::Refused | Fault::ServerError | Fault::Throttled | Fault::Expired) | None => {
                Self::Answer(answer())
            }
        }
    }
}
