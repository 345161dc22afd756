//! Tries pods with `dryRun=All`, in their namespace or in one with the same policies.

use std::collections::BTreeMap;

use futures::future::join_all;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
        core::v1::{
            Capabilities, Container, LimitRange, Namespace, Pod, PodSecurityContext, PodSpec, ResourceQuota,
            ResourceRequirements, SeccompProfile, SecurityContext,
        },
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams, ObjectMeta, PostParams},
};

use super::{AdmissionRefusal, RefusalKind, limits};
use crate::{
    ObjectRef,
    call::{Answer, ApiServer, Call, CallError, Class, Error, Verb},
    pace::Pace,
};

/// The label by which a namespace chooses its level of Pod Security.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// The name of a pod that is never created.
const NAME: &str = "devplat-trial";

/// A pod that the cluster must accept.
#[derive(Debug, Clone)]
pub struct PodTrial {
    /// Its namespace, which may not exist yet.
    pub namespace: String,
    /// The labels that the namespace will have.
    pub namespace_labels: BTreeMap<String, String>,
    /// The pod.
    pub pod: Pod,
}

impl PodTrial {
    /// The pod of a Deployment; `None` for objects of other kinds.
    pub fn of(deployment: &DynamicObject, namespace_labels: BTreeMap<String, String>) -> Option<Self> {
        if deployment.types.as_ref().is_none_or(|types| types.kind != "Deployment") {
            return None;
        }
        let namespace = deployment.namespace()?;
        let typed: Deployment = serde_json::from_value(serde_json::to_value(deployment).ok()?).ok()?;
        let template = typed.spec?.template;
        let pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
        Some(Self { namespace, namespace_labels, pod })
    }

    /// Returns a pod like that of a dev server with `image`, whose flavor has `resources`. It equals the operator's pod
    /// in all fields that policies and limits read.
    pub fn dev_server(
        namespace: &str,
        namespace_labels: BTreeMap<String, String>,
        resources: ResourceRequirements,
        image: &str,
        agent_image: &str,
    ) -> Self {
        let amounts = |amounts: &[(&str, &str)]| {
            let amount = |(name, amount): &(&str, &str)| ((*name).to_owned(), Quantity((*amount).to_owned()));
            Some(amounts.iter().map(amount).collect())
        };
        let agent = ResourceRequirements {
            requests: amounts(&[("cpu", "10m"), ("memory", "16Mi")]),
            limits: amounts(&[("cpu", "500m"), ("memory", "64Mi")]),
            ..ResourceRequirements::default()
        };
        let container = |name: &str, image: &str, resources| Container {
            name: name.to_owned(),
            image: Some(image.to_owned()),
            resources: Some(resources),
            ..Container::default()
        };
        let spec = PodSpec {
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                fs_group: Some(1000),
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                ..PodSecurityContext::default()
            }),
            init_containers: Some(vec![container("install-agent", agent_image, agent)]),
            containers: vec![container("devserver", image, resources)],
            ..PodSpec::default()
        };
        let labels = [(devplat_api::name::APP_LABEL, devplat_api::name::APP)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let metadata = ObjectMeta { labels: Some(labels), ..ObjectMeta::default() };
        let pod = Pod { metadata, spec: Some(spec), status: None };
        Self { namespace: namespace.to_owned(), namespace_labels, pod }
    }
}

/// Tries all `trials` concurrently by dry run, and returns the rejections.
///
/// A pod whose namespace does not exist is tried in one that has the same level of Pod Security and no limits. Without
/// such a namespace, or if the user may not create pods, the pod is not tried.
pub async fn try_pods(
    client: &Client,
    trials: &[PodTrial],
    pace: &dyn Pace,
) -> Result<Vec<AdmissionRefusal>, Error> {
    let server = ApiServer { client, pace };
    let outcomes = join_all(trials.iter().map(|trial| try_pod(server, trial))).await;
    let refusals: Result<Vec<Option<AdmissionRefusal>>, Error> = outcomes.into_iter().collect();
    Ok(refusals?.into_iter().flatten().collect())
}

/// The namespace that a pod is tried in.
struct Ground {
    namespace: String,
    /// Whether its level of Pod Security is the one that the pod will have.
    same_security: bool,
    /// Whether its quotas and ranges are those that will apply to the pod.
    own: bool,
}

async fn try_pod(server: ApiServer<'_>, trial: &PodTrial) -> Result<Option<AdmissionRefusal>, Error> {
    let Some(ground) = ground(server, trial).await? else { return Ok(None) };
    let Ground { namespace, same_security, own } = ground;
    let pod = prepared(&trial.pod, &namespace);
    let mut refusal = match attempt(server, &pod).await? {
        Outcome::Accepted => return Ok(None),
        Outcome::Refused(refusal) => *refusal,
        Outcome::Rejected(answer) => {
            if answer.code == 403 && !can_judge(server, &namespace).await? {
                return Ok(None);
            }
            let kind = explain(server, &pod, &answer).await?;
            AdmissionRefusal { object: pod_reference(&namespace), kind, answer }
        }
    };
    let counts = match &refusal.kind {
        RefusalKind::PodSecurity => same_security,
        RefusalKind::ResourceQuota { .. } | RefusalKind::LimitRange { .. } => own,
        RefusalKind::Webhook(_)
        | RefusalKind::SuspectWebhooks(_)
        | RefusalKind::WebhookDenied
        | RefusalKind::Other => true,
    };
    refusal.object.namespace = Some(trial.namespace.clone());
    Ok(counts.then_some(refusal))
}

async fn ground(server: ApiServer<'_>, trial: &PodTrial) -> Result<Option<Ground>, Error> {
    let wanted = trial.namespace_labels.get(ENFORCE);
    let live = server.metadata(&ObjectRef::namespace(&trial.namespace)).await?;
    if let Some(live) = live.filter(|live| live.metadata.deletion_timestamp.is_none()) {
        // The release sets the namespace's label, so compare with that one, not with the present one.
        let same_security = wanted.is_none_or(|level| live.labels().get(ENFORCE) == Some(level));
        return Ok(Some(Ground { namespace: trial.namespace.clone(), same_security, own: true }));
    }
    let namespaces: Api<Namespace> = Api::all(server.client.clone());
    let call = Call::new(Verb::List, &ObjectRef::all("v1", "Namespace", None));
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
            && one.labels().get(ENFORCE) == wanted
    });
    let mut alike: Vec<String> = alike.map(ResourceExt::name_any).collect();
    alike.sort_by_key(|name| name != "default");
    let namespace = alike.into_iter().next();
    Ok(namespace.map(|namespace| Ground { namespace, same_security: true, own: false }))
}

/// Returns the pod without its ServiceAccount, which may not exist yet.
fn prepared(pod: &Pod, namespace: &str) -> Pod {
    let mut pod = pod.clone();
    pod.metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: pod.metadata.labels,
        annotations: pod.metadata.annotations,
        ..ObjectMeta::default()
    };
    if let Some(spec) = &mut pod.spec {
        spec.service_account_name = None;
        spec.service_account = None;
        spec.automount_service_account_token = Some(false);
    }
    pod
}

fn pod_reference(namespace: &str) -> ObjectRef {
    ObjectRef::new("v1", "Pod", Some(namespace), NAME)
}

enum Outcome {
    Accepted,
    /// Rejected, with the reason.
    Refused(Box<AdmissionRefusal>),
    /// Rejected.
    Rejected(Answer),
}

async fn attempt(server: ApiServer<'_>, pod: &Pod) -> Result<Outcome, Error> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(server.client.clone(), &namespace);
    let call = Call::new(Verb::Try, &pod_reference(&namespace));
    let dry = PostParams { dry_run: true, field_manager: None };
    match server.call(&call, || async { api.create(&dry, pod).await.map(|_| ()) }).await {
        Ok(()) => Ok(Outcome::Accepted),
        Err(Error::Call(CallError { what, object, class })) => match *class {
            Class::Admission(refusal) => Ok(Outcome::Refused(refusal)),
            Class::Forbidden(answer) | Class::Invalid(answer) => Ok(Outcome::Rejected(answer)),
            class => Err(Error::Call(CallError { what, object, class: Box::new(class) })),
        },
        Err(error) => Err(error),
    }
}

/// Returns the policy that rejected `pod` with `answer`, by facts of its namespace.
async fn explain(server: ApiServer<'_>, pod: &Pod, answer: &Answer) -> Result<RefusalKind, Error> {
    // Only admission plugins of the API server set `Status.details.kind`; webhooks and policies do not.
    if answer.resource.is_none() {
        return Ok(RefusalKind::WebhookDenied);
    }
    if answer.code == 403 {
        // If a hardened pod gets another answer, the first answer was about the security context.
        let secure = attempt(server, &hardened(pod)).await?;
        let same = matches!(&secure, Outcome::Rejected(other) if other == answer);
        if !same {
            return Ok(RefusalKind::PodSecurity);
        }
    }
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let quotas: Api<ResourceQuota> = Api::namespaced(server.client.clone(), &namespace);
    let ranges: Api<LimitRange> = Api::namespaced(server.client.clone(), &namespace);
    let every = ListParams::default();
    // A user without the right to read quotas and ranges gets only the API server's message.
    let (quotas, ranges) = tokio::join!(quotas.list(&every), ranges.list(&every));
    let range = ranges.ok().and_then(|ranges| limits::range(pod, &ranges.items));
    let quota = || quotas.ok().and_then(|quotas| limits::quota(pod, &quotas.items));
    Ok(range.or_else(quota).unwrap_or(RefusalKind::Other))
}

/// Returns the pod with everything that level `restricted` of Pod Security requires.
pub(crate) fn hardened(pod: &Pod) -> Pod {
    let mut pod = pod.clone();
    let Some(spec) = &mut pod.spec else { return pod };
    let runtime_default = || SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None };
    (spec.host_network, spec.host_pid, spec.host_ipc) = (None, None, None);
    spec.security_context = Some(PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(1000),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    });
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container.security_context = Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            run_as_non_root: Some(true),
            seccomp_profile: Some(runtime_default()),
            ..SecurityContext::default()
        });
        for port in container.ports.iter_mut().flatten() {
            port.host_port = None;
        }
    }
    for volume in spec.volumes.iter_mut().flatten() {
        if volume.host_path.take().is_some() {
            volume.empty_dir = Some(k8s_openapi::api::core::v1::EmptyDirVolumeSource::default());
        }
    }
    pod
}

/// Returns whether a rejection in `namespace` is about the pod: the user may create pods there, and the namespace, which
/// may be new, already has the ServiceAccount of its pods.
async fn can_judge(server: ApiServer<'_>, namespace: &str) -> Result<bool, Error> {
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
        .call(&Call::new(Verb::Review, &kind), || async { api.create(&PostParams::default(), &review).await })
        .await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    #[test]
    fn pod_of_a_deployment_is_tried_without_its_service_account() {
        let deployment: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"selector": {}, "template": {
                "metadata": {"labels": {"c": "d"}},
                "spec": {"serviceAccountName": "e", "containers": [{"name": "f", "image": "g"}]},
            }}
        }))
        .unwrap();
        let trial = PodTrial::of(&deployment, BTreeMap::new()).unwrap();
        assert_eq!(trial.namespace, "b");
        let pod = prepared(&trial.pod, "default");
        assert_eq!(pod.labels()["c"], "d");
        assert_eq!(pod.spec.unwrap().service_account_name, None);
    }

    #[tokio::test]
    async fn denials_by_a_webhook_and_by_the_api_server_differ() {
        // Only answers of the API server's own admission name the resource in their details.
        for (details, kind) in
            [(json!({}), RefusalKind::WebhookDenied), (json!({"kind": "pods"}), RefusalKind::Other)]
        {
            let client = client(move |request| match (request.method().as_str(), request.uri().path()) {
                ("POST", "/api/v1/namespaces/a/pods") => {
                    let message = "admission webhook \"check.example\" denied the request: no dry runs";
                    let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
                        "message": message, "details": details});
                    (403, status)
                }
                ("POST", _) => (201, json!({"spec": {}, "status": {"allowed": true}})),
                (_, "/api/v1/namespaces/a" | "/api/v1/namespaces/a/serviceaccounts/default") => (
                    200,
                    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                        "metadata": {"name": "default"}}),
                ),
                _ => (200, json!({"metadata": {}, "items": []})),
            });
            let pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "f"}]}})).unwrap();
            let trial = PodTrial { namespace: "a".to_owned(), namespace_labels: BTreeMap::new(), pod };
            let refusals = try_pods(&client, &[trial], &Steady).await.unwrap();
            assert_eq!(refusals.iter().map(|refusal| &refusal.kind).collect::<Vec<_>>(), [&kind]);
        }
    }

    #[tokio::test]
    async fn pod_is_not_judged_before_its_namespace_has_an_account() {
        let client = client(|request| match (request.method().as_str(), request.uri().path()) {
            ("POST", "/api/v1/namespaces/a/pods") => {
                let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
                    "message": "no account", "details": {"kind": "pods"}});
                (403, status)
            }
            ("POST", _) => (201, json!({"spec": {}, "status": {"allowed": true}})),
            (_, "/api/v1/namespaces/a") => (
                200,
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"name": "a"}}),
            ),
            _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"})),
        });
        let pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "f"}]}})).unwrap();
        let trial = PodTrial { namespace: "a".to_owned(), namespace_labels: BTreeMap::new(), pod };
        assert_eq!(try_pods(&client, &[trial], &Steady).await.unwrap(), []);
    }

    #[test]
    fn hardened_pod_keeps_its_resources_and_images() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "hostNetwork": true,
            "containers": [{
                "name": "a", "image": "b", "resources": {"requests": {"cpu": "1"}},
                "securityContext": {"privileged": true}, "ports": [{"containerPort": 1, "hostPort": 2}]
            }],
            "volumes": [{"name": "c", "hostPath": {"path": "/"}}]
        }}))
        .unwrap();
        let spec = hardened(&pod).spec.unwrap();
        assert_eq!(spec.host_network, None);
        let container = &spec.containers[0];
        assert_eq!(container.resources, pod.spec.unwrap().containers[0].resources);
        assert_eq!(container.security_context.as_ref().unwrap().privileged, None);
        assert_eq!(container.ports.as_ref().unwrap()[0].host_port, None);
        assert!(spec.volumes.unwrap()[0].host_path.is_none());
    }
}
