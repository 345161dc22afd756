//! The namespace in which a pod is tried, and the user's rights there.

use devplat_api::name::POD_SECURITY_LABEL;
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::Namespace,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};

use super::PodTrial;
use crate::{
    ObjectRef,
    call::{ApiServer, Call, CallError, CallVerb, Class, Error},
};

/// The namespace that a pod is tried in.
pub(super) struct Ground {
    pub(super) namespace: String,
    /// Whether its level of Pod Security is the one that the pod will have.
    pub(super) same_security: bool,
    /// Whether its quotas and ranges are those that will apply to the pod.
    pub(super) own: bool,
}

/// Returns the namespace of `trial`, or one with the same policies if it does not exist; `None` if there is no such
/// namespace.
pub(super) async fn ground(server: ApiServer<'_>, trial: &PodTrial) -> Result<Option<Ground>, Error> {
    let wanted = trial.namespace_labels.get(POD_SECURITY_LABEL);
    let live = server.metadata(&ObjectRef::namespace(&trial.namespace)).await?;
    if let Some(live) = live.filter(|live| live.metadata.deletion_timestamp.is_none()) {
        // The release sets the namespace's label, so compare with that one, not with the present one.
        let same_security = wanted.is_none_or(|level| live.labels().get(POD_SECURITY_LABEL) == Some(level));
        return Ok(Some(Ground { namespace: trial.namespace.clone(), same_security, own: true }));
    }
    let namespaces: Api<Namespace> = Api::all(server.client.clone());
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Namespace", None));
    let every = ListParams::default();
    let namespaces = match server.call(&call, || namespaces.list_metadata(&every)).await {
        Ok(namespaces) => namespaces.items,
        Err(Error::Call(CallError { class, .. })) if matches!(*class, Class::Forbidden(_)) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // Kubernetes' own namespaces are often exempt from policies.
    let alike = namespaces.iter().filter(|one| {
        let name = one.name_any();
        one.metadata.deletion_timestamp.is_none()
            && !name.starts_with("kube-")
            && one.labels().get(POD_SECURITY_LABEL) == wanted
    });
    let mut alike: Vec<String> = alike.map(ResourceExt::name_any).collect();
    alike.sort_by_key(|name| name != "default");
    let namespace = alike.into_iter().next();
    Ok(namespace.map(|namespace| Ground { namespace, same_security: true, own: false }))
}

/// Returns whether a rejection in `namespace` is about the pod: the user may create pods there, and the namespace, which
/// may be new, already has the ServiceAccount of its pods.
pub(super) async fn can_judge(server: ApiServer<'_>, namespace: &str) -> Result<bool, Error> {
    let account = ObjectRef::new("v1", "ServiceAccount", Some(namespace), "default");
    match server.metadata(&account).await {
        Ok(None) => return Ok(false),
        Ok(Some(_)) => {}
        Err(Error::Call(CallError { class, .. })) if matches!(*class, Class::Forbidden(_)) => {}
        Err(error) => return Err(error),
    }
    may_create_pods(server, namespace).await
}

async fn may_create_pods(server: ApiServer<'_>, namespace: &str) -> Result<bool, Error> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some("create".to_owned()),
                resource: Some("pods".to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(server.client.clone());
    let kind = ObjectRef::all("authorization.k8s.io/v1", "SelfSubjectAccessReview", None);
    let answer = server
        .call(&Call::new(CallVerb::Review, &kind), || async {
            api.create(&PostParams::default(), &review).await
        })
        .await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
