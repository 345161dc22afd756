//! Fixed node ports that the API server does not give to a Service: another Service has the port, Kubernetes has leaked
//! it, or it is outside the cluster's range. The answer names only the field, so the Services and a dry run decide.

use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams},
};
use tokio::time::Instant;

use super::inventory;
use crate::{
    CallError, Error, ObjectRef, Pace, Waiting,
    call::{ApiServer, Call, CallVerb, Class, ErrorAnswer, New},
    pace::Reporter,
};

/// How long a leaked port is waited for. Kubernetes' repair controller runs every 3 min and frees a port in the third
/// round that finds no Service with it: within 9 min.
const LEAK_PATIENCE: Duration = Duration::from_mins(12);
/// The period between two attempts. Only the write shows that the port is free: a dry run reads the memory of one API
/// server, which may be outdated.
const PERIOD: Duration = Duration::from_secs(15);
/// The number of Services in one answer.
const PAGE: u32 = 500;

/// The reason why a Service does not get its fixed node port.
#[derive(Debug, thiserror::Error)]
pub enum NodePortError {
    /// Another Service has it.
    #[error("{service} cannot have node port {port}, because {holder} has it")]
    Held {
        service: ObjectRef,
        port: u16,
        /// The Service that has it.
        holder: ObjectRef,
    },
    /// No Service has it, and Kubernetes does not free it.
    #[error(
        "{service} cannot have node port {port}: no Service has it, and Kubernetes has not freed it within {} min",
        .after.as_secs() / 60
    )]
    Leaked {
        service: ObjectRef,
        port: u16,
        /// The time that the wait took.
        after: Duration,
    },
    /// No Service has it, and a dry run accepts it.
    #[error(
        "{service} cannot have node port {port}, which is probably outside the cluster's range of node ports"
    )]
    OutsideRange {
        service: ObjectRef,
        port: u16,
        /// The API server's answer.
        #[source]
        answer: ErrorAnswer,
    },
}

/// Returns the node port of `object` that the API server rejects with this error.
pub(super) fn rejected(object: &DynamicObject, error: &CallError) -> Option<u16> {
    let Class::Invalid(answer) = error.class.as_ref() else { return None };
    if object.types.as_ref().is_none_or(|types| types.kind != "Service") {
        return None;
    }
    let ports = object.data["spec"]["ports"].as_array()?;
    ports.iter().enumerate().find_map(|(index, port)| {
        let field = format!("spec.ports[{index}].nodePort");
        let port = u16::try_from(port["nodePort"].as_u64()?).ok()?;
        answer.fields.contains(&field).then_some(port)
    })
}

/// Applies an object, once.
pub(super) async fn send(server: ApiServer<'_>, object: &DynamicObject) -> Result<(), Error> {
    let reference = ObjectRef::of(object);
    let api = reference.api(server.client);
    let attempt = || async {
        api.patch(&reference.name, &inventory::apply_params(), &Patch::Apply(object)).await.map(|_| ())
    };
    let call = Call::new(CallVerb::Apply, &reference).with_labels(object.labels());
    server.call_new(New::Kind, &call, attempt).await
}

/// Applies a Service whose node port was rejected with `error`, as soon as Kubernetes has freed the port, if it is leaked.
pub(super) async fn obtain(
    server: ApiServer<'_>,
    object: &DynamicObject,
    port: u16,
    mut error: CallError,
) -> Result<Result<(), NodePortError>, Error> {
    let service = ObjectRef::of(object);
    let start = Instant::now();
    let mut reporter = Reporter::new(server.pace);
    let mut is_leaked = false;
    loop {
        match holder(server, &service, port).await {
            Ok(None) => {}
            Ok(Some(holder)) => return Ok(Err(NodePortError::Held { service, port, holder })),
            // Without the Services, only the answer is known.
            Err(Error::Call(_)) => return Err(error.into()),
            Err(stopped) => return Err(stopped),
        }
        let in_range = is_leaked
            || match accepts_dry_run(server, object, port).await {
                Ok(accepts) => !accepts,
                // Such as from a webhook that denies dry runs. The first answer is the real one.
                Err(Error::Call(_)) => return Err(error.into()),
                Err(stopped) => return Err(stopped),
            };
        if in_range {
            is_leaked = true;
            let after = start.elapsed();
            if after >= LEAK_PATIENCE {
                return Ok(Err(NodePortError::Leaked { service, port, after }));
            }
            reporter.report(leaked(&service, port));
            server.pace.pause(PERIOD).await?;
        }
        error = match send(server, object).await {
            Ok(()) => return Ok(Ok(())),
            Err(Error::Call(error)) if rejected(object, &error) == Some(port) => error,
            Err(error) => return Err(error),
        };
        if !in_range && let Class::Invalid(answer) = *error.class {
            return Ok(Err(NodePortError::OutsideRange { service, port, answer }));
        }
    }
}

fn leaked(service: &ObjectRef, port: u16) -> Waiting {
    Waiting {
        object: service.clone(),
        progress: format!("node port {port} is reserved although no Service has it"),
        reason: Some(
            "Kubernetes leaks a port when a write to its store fails, for example on a full disk, and frees it \
             within 9 min; trying again every 15 s"
                .to_owned(),
        ),
    }
}

/// Returns whether a dry run accepts the object. A dry run rejects a port that is reserved, but not one outside the range.
async fn accepts_dry_run(server: ApiServer<'_>, object: &DynamicObject, port: u16) -> Result<bool, Error> {
    let reference = ObjectRef::of(object);
    let api = reference.api(server.client);
    let dry = PatchParams { dry_run: true, ..inventory::apply_params() };
    let call = Call::new(CallVerb::Compare, &reference).with_labels(object.labels());
    let attempt = || async { api.patch(&reference.name, &dry, &Patch::Apply(object)).await.map(drop) };
    match server.call(&call, attempt).await {
        Ok(()) => Ok(true),
        Err(Error::Call(error)) if rejected(object, &error) == Some(port) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns another Service than `service` that has this node port, or is to be checked for health there.
pub async fn node_port_holder(
    client: &Client,
    service: &ObjectRef,
    port: u16,
    pace: &dyn Pace,
) -> Result<Option<ObjectRef>, Error> {
    holder(ApiServer { client, pace }, service, port).await
}

async fn holder(server: ApiServer<'_>, service: &ObjectRef, port: u16) -> Result<Option<ObjectRef>, Error> {
    let any = ObjectRef::all("v1", "Service", None);
    let api: Api<Service> = Api::all(server.client.clone());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let call = Call::new(CallVerb::List, &any);
        let list = server.call(&call, || async { api.list(&page).await }).await?;
        let others = list.items.iter().filter(|one| has(one, port)).map(|one| ObjectRef {
            namespace: one.namespace(),
            name: one.name_any(),
            ..any.clone()
        });
        if let Some(holder) = others.into_iter().find(|other| other != service) {
            return Ok(Some(holder));
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(None),
        }
    }
}

/// Returns whether a Service has this node port. Two Services cannot have the same port, not even for different
/// protocols.
fn has(service: &Service, port: u16) -> bool {
    let Some(spec) = &service.spec else { return false };
    let ports = spec.ports.iter().flatten().filter_map(|port| port.node_port);
    ports.chain(spec.health_check_node_port).any(|taken| taken == i32::from(port))
}

#[cfg(test)]
#[path = "node_port_tests.rs"]
mod tests;
