//! The pods that an apply would start.

use std::collections::BTreeMap;

use devplat_api::{agent, name};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Container, Pod, PodSecurityContext, PodSpec, ResourceRequirements},
};
use kube::{
    ResourceExt,
    api::{DynamicObject, ObjectMeta},
};

/// A pod that the cluster must accept.
#[derive(Debug, Clone)]
pub struct PodTrial {
    /// Its namespace, which may not exist yet.
    pub namespace: String,
    /// The labels that the namespace will have.
    pub namespace_labels: BTreeMap<String, String>,
    pub pod: Pod,
}

impl PodTrial {
    /// The pod of a Deployment; `None` for objects of other kinds. Fails if a field has another type than in Kubernetes.
    pub fn of(
        deployment: &DynamicObject,
        namespace_labels: BTreeMap<String, String>,
    ) -> Option<Result<Self, serde_json::Error>> {
        if deployment.types.as_ref().is_none_or(|types| types.kind != "Deployment") {
            return None;
        }
        let namespace = deployment.namespace()?;
        let typed: Result<Deployment, _> = serde_json::to_value(deployment).and_then(serde_json::from_value);
        let template = match typed {
            Ok(typed) => typed.spec?.template,
            Err(error) => return Some(Err(error)),
        };
        let pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
        Some(Ok(Self { namespace, namespace_labels, pod }))
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
            init_containers: Some(vec![container(agent::CONTAINER, agent_image, agent::resources())]),
            containers: vec![container("devserver", image, resources)],
            ..PodSpec::default()
        };
        let labels = [(name::APP_LABEL, name::APP)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let metadata = ObjectMeta { labels: Some(labels), ..ObjectMeta::default() };
        let pod = Pod { metadata, spec: Some(spec), status: None };
        Self { namespace: namespace.to_owned(), namespace_labels, pod }
    }
}
