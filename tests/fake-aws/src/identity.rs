//! The caller: the access key and the scope in the signature of a request. The signature itself is not computed
//! again, because the SDK computes it and no code of devplat does.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};

use crate::{
    refusal::{Refusal, refused_with, unknown},
    service::{Sent, Service},
    state::place::Place,
};

/// How far the date of a signature may be from the clock: Signature Version 4, "Elements of a request".
const SKEW: Duration = Duration::from_mins(5);

/// An access key of a user or a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id, such as `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    /// The account that it belongs to.
    pub account: String,
    /// The ARN of its user or role.
    pub arn: String,
    /// The session token that has to come with it; none for a key of a user.
    pub session_token: Option<String>,
    /// When it expires, since the fake was made; never if missing.
    pub expires: Option<Duration>,
}

/// The contents of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) key: String,
    pub(crate) region: &'static Place,
    pub(crate) token: Option<String>,
    /// The date of the request, if it has the form of one.
    pub(crate) date: jiff::Timestamp,
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the value of `NAME=` in an `Authorization` header.
fn part<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = authorization.split([',', ' ']).map(str::trim);
    parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// Reads the signature of a request. A malformed one is unknown: the SDK never sends one.
pub(crate) fn read(request: &Request<Bytes>, sent: &Sent) -> Result<Signed, Refusal> {
    let headers = request.headers();
    let Some(authorization) = header(headers, "authorization") else {
        let message = "Request is missing Authentication Token";
        return Err(refused_with(StatusCode::FORBIDDEN, "MissingAuthenticationToken", message));
    };
    let wrong = |what: &str| unknown(format!("a signature with {what}"));
    if !authorization.starts_with("AWS4-HMAC-SHA256 ") {
        return Err(wrong("another algorithm than AWS4-HMAC-SHA256"));
    }
    let credential = part(authorization, "Credential").ok_or_else(|| wrong("no credential"))?;
    let [key, day, region, service, end] = credential.split('/').collect::<Vec<_>>()[..] else {
        return Err(wrong("a credential that has not five parts"));
    };
    let region = Place::named(region).ok_or_else(|| wrong("a region that the fake does not know"))?;
    if service != sent.service.name() || end != "aws4_request" {
        return Err(wrong("the scope of another service"));
    }
    let signature = part(authorization, "Signature").unwrap_or_default();
    if signature.len() != 64 || !signature.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(wrong("other than 64 hexadecimal digits"));
    }
    let signed = part(authorization, "SignedHeaders").unwrap_or_default();
    for name in ["host", "x-amz-date"] {
        if !signed.split(';').any(|one| one == name) {
            return Err(wrong(&format!("header {name} left out")));
        }
    }
    host_matches(request, sent.service, region)?;
    let text = header(headers, "x-amz-date").unwrap_or_default();
    let date = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", text).and_then(|date| date.to_datetime());
    let date = date.and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date));
    let date = date.map_err(|_| wrong("a header x-amz-date that is not a date"))?;
    if !text.starts_with(day) {
        return Err(wrong("a day that is not the one of its date"));
    }
    let token = header(headers, "x-amz-security-token").map(str::to_owned);
    Ok(Signed { key: key.to_owned(), region, token, date })
}

/// Fails if a request goes to a host of AWS's, and to that of another service or region than its signature is for.
fn host_matches(request: &Request<Bytes>, service: Service, region: &Place) -> Result<(), Refusal> {
    let host = request.uri().host().or_else(|| header(request.headers(), "host")).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let expected = format!("{}.{}.{}", service.name(), region.name, region.partition.domain());
    if host.contains("amazonaws.com") && host != expected {
        return Err(unknown(format!("host {host} with a signature for {expected}")));
    }
    Ok(())
}

/// Returns the key that signed a request, if it is one of `keys` and valid now.
pub(crate) fn caller<'a>(
    signed: &Signed,
    service: Service,
    keys: &'a [AccessKey],
    now: Duration,
) -> Result<&'a AccessKey, Refusal> {
    let key = keys.iter().find(|key| key.id == signed.key);
    let key = key.ok_or_else(|| not_valid(service))?;
    if key.session_token != signed.token {
        return Err(not_valid(service));
    }
    if key.expires.is_some_and(|expires| now >= expires) {
        return Err(expired(service));
    }
    Ok(key)
}

/// Returns the error for a key that AWS does not know, which is also the one for a region that is not switched on.
pub(crate) fn not_valid(service: Service) -> Refusal {
    match service {
        Service::Ec2 => {
            let message = "AWS was not able to validate the provided access credentials";
            refused_with(StatusCode::UNAUTHORIZED, "AuthFailure", message)
        }
        Service::Sts => {
            let message = "The security token included in the request is invalid.";
            refused_with(StatusCode::FORBIDDEN, "InvalidClientTokenId", message)
        }
    }
}

/// Returns the error for credentials that have expired.
pub(crate) fn expired(service: Service) -> Refusal {
    match service {
        Service::Ec2 => refused_with(StatusCode::BAD_REQUEST, "RequestExpired", "Request has expired."),
        Service::Sts => {
            let message = "The security token included in the request is expired";
            refused_with(StatusCode::FORBIDDEN, "ExpiredToken", message)
        }
    }
}

/// Fails if the date of a request is too far from the clock of the fake.
pub(crate) fn check_date(signed: &Signed, service: Service, now: jiff::Timestamp) -> Result<(), Refusal> {
    let apart = signed.date.duration_since(now).unsigned_abs();
    if apart <= SKEW {
        return Ok(());
    }
    match service {
        Service::Ec2 => Err(refused_with(StatusCode::BAD_REQUEST, "RequestExpired", "Request has expired.")),
        Service::Sts => {
            let message = format!(
                "Signature not yet current or expired: {} is {} s from {now}",
                signed.date,
                apart.as_secs()
            );
            Err(refused_with(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message))
        }
    }
}
