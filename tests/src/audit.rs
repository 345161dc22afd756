//! What the API server was asked, by whom, and what it answered: its audit log.

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
    /// Who asked.
    pub user: User,
    /// Whose rights they asked with, where not with their own.
    #[serde(default)]
    pub impersonated_user: Option<User>,
    /// For what; nothing where it was no object, such as `/readyz`.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// The answer.
    #[serde(default)]
    pub response_status: ResponseStatus,
    /// What led to the answer.
    #[serde(default)]
    pub annotations: Annotations,
    /// When the request came.
    pub request_received_timestamp: Timestamp,
}

/// Who asked.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The name; empty for somebody who was not let in.
    #[serde(default)]
    pub username: String,
}

/// What was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// API group; empty for the core one.
    pub api_group: String,
    /// Plural of the kind.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// Empty for objects of the whole cluster.
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

/// What led to the answer.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Annotations {
    /// `allow` or `forbid`.
    #[serde(rename = "authorization.k8s.io/decision", default)]
    pub decision: String,
}

impl Audit {
    /// All so far, in the order of their answers.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let text = fs::read_to_string(&self.file).context("cannot read the audit log")?;
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let entry = |line| serde_json::from_str(line).with_context(|| format!("no audit entry: {line}"));
        whole.lines().map(entry).collect()
    }
}

impl Entry {
    /// Whether it changed something, leases aside: those are renewed all the time.
    pub fn is_write(&self) -> bool {
        let changes =
            matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        changes && (200..300).contains(&self.response_status.code) && self.object_ref.resource != "leases"
    }

    /// In a line.
    pub fn line(&self) -> String {
        let Self { verb, user, object_ref: object, response_status, .. } = self;
        let ObjectRef { api_group: _, resource, subresource, namespace, name } = object;
        let resource =
            if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
        format!("{}: {verb} {resource} {namespace}/{name}: {}", user.username, response_status.code)
    }
}
