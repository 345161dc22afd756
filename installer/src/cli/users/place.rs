//! The platform of `devplat users`, and the failure of a call about users.

use clap::Args;
use devplat_kubernetes::{CallError, ObjectRef, admission::name_webhooks, call::call_error};
use kube::Resource;

use super::super::flags::{Context, Name, Output};
use crate::{
    context::PlatformContext,
    failure::{Exit, Failure},
};

/// The platform.
#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    pub(super) name: Name,
    #[command(flatten)]
    pub(super) context: Context,
    #[command(flatten)]
    pub(super) output: Output,
}

/// A call that changes an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    Apply,
    Delete,
}

/// Converts the error of a read about users.
pub(super) fn call_failure(error: kube::Error, what: &str, asked: &str) -> Failure {
    failure(call_error(what, None, error), asked)
}

/// Converts the error of a write, and names the webhooks that may have failed it.
pub(super) async fn write_failure<K>(
    context: &PlatformContext,
    write: Write,
    object: &K,
    error: kube::Error,
) -> Failure
where
    K: Resource<DynamicType = ()>,
{
    let (verb, operations) = match write {
        Write::Apply => ("apply", &["CREATE", "UPDATE"][..]),
        Write::Delete => ("delete", &["DELETE"][..]),
    };
    let object = ObjectRef {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        namespace: object.meta().namespace.clone(),
        name: object.meta().name.clone().unwrap_or_default(),
    };
    let error = call_error(format!("{verb} {object}"), Some(object), error);
    let error = match context.client().await {
        Ok(client) => Box::pin(name_webhooks(&client, error, operations)).await,
        Err(_) => error,
    };
    failure(error, &context.command("up"))
}

/// Converts the error. If the API server does not serve the kind, there is no platform.
fn failure(error: CallError, asked: &str) -> Failure {
    if error.is_kind_absent() {
        return Failure::new(Exit::Usage, "there is no platform in this cluster")
            .hint(format!("`{asked}` installs one; --context names another cluster"));
    }
    Failure::from(error)
}
