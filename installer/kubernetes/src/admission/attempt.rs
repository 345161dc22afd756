//! One trial: a create of a pod with `dryRun=All`.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::PostParams};

use super::AdmissionRefusal;
use crate::{
    ObjectRef,
    call::{ApiServer, Call, CallError, CallVerb, Class, Error, ErrorAnswer},
};

/// The name of a pod that is never created.
pub(super) const NAME: &str = "devplat-trial";

/// The API server's answer to a trial.
pub(super) enum TrialAnswer {
    Accepted,
    /// Rejected, with the reason.
    Refused(Box<AdmissionRefusal>),
    Rejected(ErrorAnswer),
}

/// Creates `pod` with `dryRun=All`.
pub(super) async fn attempt(server: ApiServer<'_>, pod: &Pod) -> Result<TrialAnswer, Error> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(server.client.clone(), &namespace);
    let call = Call::new(CallVerb::Try, &pod_reference(&namespace)).with_labels(pod.labels());
    let dry = PostParams { dry_run: true, field_manager: None };
    match server.call(&call, || async { api.create(&dry, pod).await.map(|_| ()) }).await {
        Ok(()) => Ok(TrialAnswer::Accepted),
        Err(Error::Call(CallError { what, object, class })) => match *class {
            Class::Admission(refusal) => Ok(TrialAnswer::Refused(refusal)),
            Class::Forbidden(answer) | Class::Invalid(answer) => Ok(TrialAnswer::Rejected(answer)),
            class => Err(Error::Call(CallError { what, object, class: Box::new(class) })),
        },
        Err(error) => Err(error),
    }
}

/// Returns the reference of the tried pod.
pub(super) fn pod_reference(namespace: &str) -> ObjectRef {
    ObjectRef::new("v1", "Pod", Some(namespace), NAME)
}
