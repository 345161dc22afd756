//! The reasons why a deletion takes time: the objects and finalizers that hold it, and the program that has to release
//! them. A failed call only leaves reasons out.

use devplat_api::{DevServer, name};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
    core::GroupVersionKind,
};

use super::{
    holder::{Holder, OPERATOR, OperatorState, shortened},
    readiness::{self, Earlier, typed},
};
use crate::{
    Error, ObjectRef, Waiting,
    call::{ApiServer, Call, CallVerb, if_there},
};

/// The number of objects that are read to find those that hold a deletion.
const LOOKED_AT: u32 = 200;
/// The finalizers that only the operator removes.
const OF_THE_OPERATOR: [&str; 3] = [name::SERVER_FINALIZER, name::USER_FINALIZER, name::FLAVOR_FINALIZER];

/// A wait for the end of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) waiting: Waiting,
    /// The cause of the wait, if it is known.
    pub(super) holder: Option<Holder>,
}

impl Held {
    /// Returns the wait as far as the object itself explains it, without a call.
    pub(super) fn by(object: &ObjectRef, finalizers: &[String]) -> Self {
        Self { waiting: Waiting::deletion(object.clone(), finalizers), holder: None }
    }
}

/// Finds out why `object`, which is being deleted and has `finalizers`, still exists.
pub(super) async fn held(
    server: ApiServer<'_>,
    object: &ObjectRef,
    finalizers: &[String],
) -> Result<Held, Error> {
    let explained = match object.kind.as_str() {
        "Namespace" => namespace(server, object).await,
        "CustomResourceDefinition" => definition(server, object, finalizers).await,
        _ => itself(server, object, finalizers).await,
    };
    match explained {
        Err(Error::Call(_)) => Ok(Held::by(object, finalizers)),
        explained => explained,
    }
}

/// A namespace is held by its content, and Kubernetes reports it.
async fn namespace(server: ApiServer<'_>, object: &ObjectRef) -> Result<Held, Error> {
    let live = server.read(object).await?;
    let status = live.as_ref().and_then(typed::<Namespace>).and_then(|namespace| namespace.status);
    let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
    let standing: Vec<_> = conditions.into_iter().filter(|condition| condition.status == "True").collect();
    let unknown = standing.iter().any(|condition| condition.type_ == "NamespaceDeletionDiscoveryFailure");
    let why: Vec<String> = standing.into_iter().filter_map(|condition| condition.message).collect();
    let waiting = Waiting::deletion(object.clone(), &[]);
    let reason = (!why.is_empty()).then(|| why.join("; "));
    Ok(Held { waiting: Waiting { reason, ..waiting }, holder: unknown.then_some(Holder::AggregatedApi) })
}

/// A CRD is held by objects of its kind, whose deletion Kubernetes has requested.
async fn definition(server: ApiServer<'_>, object: &ObjectRef, finalizers: &[String]) -> Result<Held, Error> {
    let holding = instances(server, object).await?;
    if holding.is_empty() {
        return Ok(Held::by(object, finalizers));
    }
    let names: Vec<String> =
        holding.iter().map(|one| format!("{} ({})", one.object, one.finalizers.join(", "))).collect();
    let waiting = Waiting::deletion(object.clone(), &[]);
    with_holder(server, waiting, format!("held by {}", shortened(&names)), &holding).await
}

/// Another object is held by its own finalizers.
async fn itself(server: ApiServer<'_>, object: &ObjectRef, finalizers: &[String]) -> Result<Held, Error> {
    let waiting = Waiting::deletion(object.clone(), finalizers);
    match waiting.reason.clone() {
        None => Ok(Held { waiting, holder: None }),
        Some(reason) => {
            let itself = Holding { object: object.clone(), finalizers: finalizers.to_vec() };
            with_holder(server, waiting, reason, &[itself]).await
        }
    }
}

async fn with_holder(
    server: ApiServer<'_>,
    waiting: Waiting,
    reason: String,
    holding: &[Holding],
) -> Result<Held, Error> {
    let holder = holder(server, holding).await?;
    let reason = match holder.as_ref().and_then(Holder::reason) {
        Some(more) => format!("{reason}; {more}"),
        None => reason,
    };
    Ok(Held { waiting: Waiting { reason: Some(reason), ..waiting }, holder })
}

/// An object with finalizers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holding {
    object: ObjectRef,
    finalizers: Vec<String>,
}

impl Holding {
    fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|own| own == finalizer)
    }

    fn needs_the_operator(&self) -> bool {
        OF_THE_OPERATOR.iter().any(|finalizer| self.has(finalizer))
    }

    /// Returns whether it has a finalizer of a controller that is neither Kubernetes' own nor the operator.
    fn needs_a_controller(&self) -> bool {
        let known =
            |finalizer: &String| is_of_kubernetes(finalizer) || OF_THE_OPERATOR.contains(&finalizer.as_str());
        !self.finalizers.iter().all(known)
    }
}

/// Returns whether a controller of Kubernetes sets the finalizer. Only some of them have a domain.
fn is_of_kubernetes(finalizer: &str) -> bool {
    let Some((domain, _)) = finalizer.split_once('/') else { return true };
    let below =
        |own: &str| domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    below("kubernetes.io") || below("k8s.io")
}

async fn holder(server: ApiServer<'_>, holding: &[Holding]) -> Result<Option<Holder>, Error> {
    let Some(first) = holding.iter().find(|one| one.needs_the_operator()) else {
        let foreign = holding.iter().find(|one| one.needs_a_controller());
        return Ok(foreign.map(|one| Holder::Controller(one.object.clone())));
    };
    let state = operator(server).await?;
    if state == OperatorState::Running
        && holding.iter().any(|one| one.has(name::FLAVOR_FINALIZER))
        && let Some(used) = used(server, holding).await?
    {
        return Ok(Some(used));
    }
    Ok(Some(Holder::Operator { object: first.object.clone(), state }))
}

/// Returns the first flavor that dev servers have that are not being deleted themselves.
async fn used(server: ApiServer<'_>, holding: &[Holding]) -> Result<Option<Holder>, Error> {
    let api: Api<DevServer> = Api::all(server.client.clone());
    let any = ObjectRef::all("apps.devservers.io/v1", "DevServer", None);
    let some = ListParams::default().limit(LOOKED_AT);
    let list =
        server.call(&Call::new(CallVerb::List, &any), || async { if_there(api.list(&some).await) }).await?;
    let staying: Vec<DevServer> = list
        .into_iter()
        .flatten()
        .filter(|dev_server| dev_server.metadata.deletion_timestamp.is_none())
        .collect();
    Ok(holding.iter().filter(|one| one.has(name::FLAVOR_FINALIZER)).find_map(|one| {
        let users = staying.iter().filter(|dev_server| flavor(dev_server) == Some(&one.object.name));
        let servers: Vec<ObjectRef> = users
            .map(|dev_server| ObjectRef {
                namespace: dev_server.namespace(),
                name: dev_server.name_any(),
                ..any.clone()
            })
            .collect();
        (!servers.is_empty()).then(|| Holder::DevServers { flavor: one.object.clone(), servers })
    }))
}

/// Returns the flavor of a dev server: the requested one or, without a request, the one that the operator chose.
fn flavor(dev_server: &DevServer) -> Option<&String> {
    let chosen = dev_server.status.as_ref().and_then(|status| status.flavor.as_ref());
    dev_server.spec.flavor.as_ref().or(chosen)
}

async fn operator(server: ApiServer<'_>) -> Result<OperatorState, Error> {
    let reference = ObjectRef::new("apps/v1", "Deployment", Some(name::OPERATOR_NAMESPACE), OPERATOR);
    let Some(live) = server.read(&reference).await? else { return Ok(OperatorState::Absent) };
    let leaving = live.metadata.deletion_timestamp.is_some();
    let available = live.data["status"]["availableReplicas"].as_i64().unwrap_or_default();
    if available > 0 && !leaving {
        return Ok(OperatorState::Running);
    }
    let unready = readiness::of(server, &reference, &live, &mut Earlier::default()).await?;
    let waiting = unready.map_or_else(
        || Waiting { object: reference, progress: "no replica is available".to_owned(), reason: None },
        |unready| unready.waiting,
    );
    Ok(OperatorState::NotReady(waiting))
}

/// Finds the objects of a CRD's kind that have finalizers.
async fn instances(server: ApiServer<'_>, crd: &ObjectRef) -> Result<Vec<Holding>, Error> {
    let live = server.read(crd).await?;
    let Some(spec) = live.as_ref().and_then(typed::<CustomResourceDefinition>).map(|crd| crd.spec) else {
        return Ok(Vec::new());
    };
    let Some(version) = spec.versions.iter().find(|version| version.served) else { return Ok(Vec::new()) };
    let kind = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &spec.names.plural);
    let any = ObjectRef::all(&resource.api_version, &resource.kind, None);
    let api: Api<DynamicObject> = Api::all_with(server.client.clone(), &resource);
    let some = ListParams::default().limit(LOOKED_AT);
    let call = Call::new(CallVerb::List, &any);
    let list = server.call(&call, || async { if_there(api.list_metadata(&some).await) }).await?;
    let held = list.into_iter().flatten().filter(|live| !live.finalizers().is_empty());
    Ok(held
        .map(|live| Holding {
            object: ObjectRef { namespace: live.namespace(), name: live.name_any(), ..any.clone() },
            finalizers: live.finalizers().to_vec(),
        })
        .collect())
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
