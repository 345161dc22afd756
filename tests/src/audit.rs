//! The audit log of an API server: its requests, their users and the answers.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// The audit log of one API server.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) file: PathBuf,
}

/// One stage of one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `ResponseStarted` of a watch, else `ResponseComplete`.
    pub stage: String,
    /// `get`, `patch`, …
    pub verb: String,
    /// The user of the request.
    pub user: User,
    /// The impersonated user, if any.
    #[serde(default)]
    pub impersonated_user: Option<User>,
    /// The object of the request; empty for other paths, such as `/readyz`.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// The answer.
    #[serde(default)]
    pub response_status: ResponseStatus,
    /// The annotations of the entry.
    #[serde(default)]
    pub annotations: Annotations,
    /// The time of the request.
    pub request_received_timestamp: Timestamp,
}

/// The user of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The name; empty if the authentication failed.
    #[serde(default)]
    pub username: String,
}

/// The object of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// The API group; empty for the core group.
    pub api_group: String,
    /// Plural of the kind.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
}

/// The answer.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ResponseStatus {
    /// HTTP status.
    #[serde(default)]
    pub code: u16,
}

/// The annotations of an entry.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Annotations {
    /// `allow` or `forbid`.
    #[serde(rename = "authorization.k8s.io/decision", default)]
    pub decision: String,
}

impl Audit {
    /// Returns all entries so far, in the order of their answers.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let text = fs::read_to_string(&self.file).context("cannot read the audit log")?;
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let entry = |line| serde_json::from_str(line).with_context(|| format!("not an audit entry: {line}"));
        whole.lines().map(entry).collect()
    }
}

impl Entry {
    /// Returns whether the request was a write. Leases do not count, because they are renewed all the time.
    pub fn is_write(&self) -> bool {
        let changes =
            matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        changes && (200..300).contains(&self.response_status.code) && self.object_ref.resource != "leases"
    }

    /// Returns the entry on one line.
    pub fn line(&self) -> String {
        let Self { verb, user, object_ref: object, response_status, .. } = self;
        let ObjectRef { api_group: _, resource, subresource, namespace, name } = object;
        let resource =
            if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
        format!("{}: {verb} {resource} {namespace}/{name}: {}", user.username, response_status.code)
    }
}
