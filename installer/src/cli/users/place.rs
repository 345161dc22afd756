//! The platform of `devplat users`, and the failure of a call about users.

use std::sync::Arc;

use clap::Args;
use devplat_api::DevUser;
use devplat_kubernetes::{
    CallError, ObjectRef,
    admission::{Operation, name_webhooks},
    call::call_error,
    release::PLATFORM_LABEL,
};
use kube::{Api, Resource, ResourceExt};

use super::super::flags::{ContextFlag, NameFlag, OutputArgs};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::PlatformContext,
    request::{self, Asked, Locked, Purpose, Run},
    resource::reach_cluster,
    state::EngineLock,
};

/// The platform.
#[derive(Debug, Args)]
pub(super) struct PlatformFlags {
    #[command(flatten)]
    pub(super) name: NameFlag,
    #[command(flatten)]
    pub(super) context: ContextFlag,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// A platform whose cluster is running.
pub(super) struct ReachedPlatform {
    pub(super) context: Arc<PlatformContext>,
    pub(super) api: Api<DevUser>,
    /// Held while users are changed, because `up` and `destroy` change the same objects.
    _locks: (Option<Locked>, Option<EngineLock>),
}

impl ReachedPlatform {
    /// Finds the platform, and locks it before a change. Fails before a change of a platform of another account, unless
    /// the user agreed to `take_over` that platform.
    pub(super) async fn find(
        at: &PlatformFlags,
        purpose: Purpose,
        take_over: bool,
        host: &Host,
    ) -> Result<Self, Failure> {
        let PlatformFlags { name, context, output: _ } = at;
        let asked =
            Asked { name: name.get(), context: context.context.clone(), take_over, ..Asked::default() };
        let locked = match purpose {
            Purpose::Change => Some(request::lock(&asked.state(host)?)?),
            Purpose::Plan | Purpose::Look => None,
        };
        let located = Box::pin(Run::begin(&asked, host, purpose)?.locate()).await?;
        reach_cluster(&located.context).await?;
        let api = Api::all(located.context.client().await?);
        Ok(Self { context: located.context, api, _locks: (locked, located.engine_lock) })
    }
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
        Write::Apply => ("apply", &[Operation::Create, Operation::Update][..]),
        Write::Delete => ("delete", &[Operation::Delete][..]),
    };
    let labels = object.meta().labels.clone().unwrap_or_default();
    let object = ObjectRef {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        namespace: object.meta().namespace.clone(),
        name: object.meta().name.clone().unwrap_or_default(),
    };
    let error = call_error(format!("{verb} {object}"), Some(object), error);
    let error = match context.client().await {
        Ok(client) => Box::pin(name_webhooks(&client, error, operations, Some(&labels))).await,
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

/// Fails if the user comes from the profile, because the next `up` would undo a change.
pub(super) fn refuse_profile_user(user: &DevUser, context: &PlatformContext) -> Result<(), Failure> {
    if !user.labels().contains_key(PLATFORM_LABEL) {
        return Ok(());
    }
    let why = format!("user {} comes from the profile", user.name_any());
    let up = context.command("up");
    Err(Failure::new(Exit::Usage, why).hint(format!(
        "change the profile, then run `{up}`; `{up} --set users.{}=null` deletes the user, after it has named dev servers that go with it",
        user.name_any()
    )))
}
