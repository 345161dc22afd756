//! The capabilities of a cluster, read concurrently. Each may be unknown, because the user may lack a right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use devplat_api::agent;
use k8s_openapi::api::{
    core::v1::{Container, Node, Pod, PodSpec, ResourceQuota, SecurityContext, Service},
    storage::v1::StorageClass,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, PostParams},
};

use crate::{
    CallError, ObjectRef, admission,
    call::{Call, CallVerb, Class, bounded},
    context::Context,
    hosting::{self, Hosting},
    recognition::{Evidence, NodeFacts, Recognition, recognise},
};

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The annotation of the StorageClass that claims without a class get.
const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// A fact of a cluster, or the reason why it is unknown.
pub type Fact<T> = Result<T, Arc<CallError>>;

/// The capabilities of a cluster.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Its version, such as `v1.34.3`.
    pub version: String,
    /// Its distribution, with the facts that decided.
    pub recognition: Recognition,
    pub storage: Fact<StorageClasses>,
    /// A Service of type `LoadBalancer` with an address, which shows that Services get one. `None` leaves that unknown.
    pub load_balancer: Fact<Option<ObjectRef>>,
    /// Whether it serves pod metrics.
    pub metrics: Fact<bool>,
    /// The level of Pod Security in a namespace without labels; `None` if it cannot be tried.
    pub pod_security: Option<PodSecurityLevel>,
    /// The `ResourceQuotas` of all namespaces.
    pub quotas: Fact<Vec<ObjectRef>>,
    pub nodes: Fact<Nodes>,
    /// The registry that it announces; `None` if it announces none.
    pub registry_hosting: Fact<Option<Hosting>>,
}

/// The nodes of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes {
    /// Their names, in order.
    pub names: BTreeSet<String>,
    /// The architectures of those that take pods.
    pub architectures: BTreeSet<String>,
    /// Their container runtimes, such as `containerd`, without versions.
    pub runtimes: BTreeSet<String>,
}

/// The `StorageClasses` of a cluster: their names, and whether each is a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageClasses(BTreeMap<String, bool>);

impl FromIterator<(String, bool)> for StorageClasses {
    fn from_iter<I: IntoIterator<Item = (String, bool)>>(classes: I) -> Self {
        Self(classes.into_iter().collect())
    }
}

impl StorageClasses {
    /// Returns whether there is a class of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns what claims without a class get.
    pub fn for_claims(&self) -> Storage {
        let names = |wanted: bool| -> Vec<String> {
            let classes = self.0.iter().filter(|(_, default)| **default == wanted);
            classes.map(|(name, _)| name.clone()).collect()
        };
        let mut defaults = names(true);
        match defaults.len() {
            0 if self.0.is_empty() => Storage::None,
            0 => Storage::NoDefault(names(false)),
            1 => Storage::Default(defaults.remove(0)),
            _ => Storage::SeveralDefaults(defaults),
        }
    }
}

/// Whether claims without a class get a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// One class is the default.
    Default(String),
    /// Several classes are the default; Kubernetes uses the newest.
    SeveralDefaults(Vec<String>),
    /// There are classes, but none is the default.
    NoDefault(Vec<String>),
    /// There is no class.
    None,
}

/// A level of Pod Security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurityLevel {
    /// Everything is accepted.
    Privileged,
    /// Privileged pods are rejected.
    Baseline,
    /// Pods without a hardened security context are rejected, too.
    Restricted,
}

/// Reads the capabilities of the cluster of `context`, concurrently. Fails only if its version cannot be read.
pub async fn ask(client: &Client, context: &Context) -> Result<Capabilities, CallError> {
    let version = Call::new(CallVerb::Read, &ObjectRef::new("v1", "Version", None, "of the API server"));
    let (version, groups, nodes, classes, services, quotas, pod_security, registry_hosting) = tokio::join!(
        bounded(&version, PATIENCE, client.apiserver_version()),
        Box::pin(groups(client)),
        Box::pin(list::<Node>(client, "v1", "Node")),
        Box::pin(list::<StorageClass>(client, "storage.k8s.io/v1", "StorageClass")),
        Box::pin(list::<Service>(client, "v1", "Service")),
        Box::pin(list::<ResourceQuota>(client, "v1", "ResourceQuota")),
        Box::pin(pod_security(client)),
        Box::pin(hosting::read(client)),
    );
    let version = version?.git_version;
    let metrics = groups.as_ref().map(|groups| groups.contains("metrics.k8s.io")).map_err(Arc::clone);
    let recognition = recognise(&Evidence {
        api_groups: groups.unwrap_or_default(),
        git_version: version.clone(),
        nodes: nodes.iter().flatten().map(facts).collect(),
        context_name: context.name.clone(),
        server: context.server.clone(),
    });
    Ok(Capabilities {
        version,
        recognition,
        storage: classes
            .map(|classes| classes.iter().map(|class| (class.name_any(), is_default(class))).collect()),
        load_balancer: services.map(|services| services.iter().find_map(balanced)),
        metrics,
        pod_security,
        quotas: quotas.map(|quotas| quotas.iter().map(quota).collect()),
        nodes: nodes.map(|nodes| Nodes {
            names: nodes.iter().map(ResourceExt::name_any).collect(),
            architectures: crate::context::architectures(&nodes),
            runtimes: nodes.iter().filter_map(runtime).collect(),
        }),
        registry_hosting: registry_hosting.map_err(Arc::new),
    })
}

/// Lists the names of the API groups.
async fn groups(client: &Client) -> Fact<BTreeSet<String>> {
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "APIGroup", None));
    let list = bounded(&call, PATIENCE, client.list_api_groups()).await?;
    Ok(list.groups.into_iter().map(|group| group.name).collect())
}

/// Lists the objects of a kind, up to a limit.
async fn list<K>(client: &Client, api_version: &str, kind: &str) -> Fact<Vec<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let call = Call::new(CallVerb::List, &ObjectRef::all(api_version, kind, None));
    let some = ListParams::default().limit(1000);
    Ok(bounded(&call, PATIENCE, api.list(&some)).await?.items)
}

/// Returns `containerd` for `containerd://2.1.4`.
fn runtime(node: &Node) -> Option<String> {
    let version = &node.status.as_ref()?.node_info.as_ref()?.container_runtime_version;
    version.split_once("://").map(|(name, _)| name.to_owned())
}

fn facts(node: &Node) -> NodeFacts {
    let info = node.status.as_ref().and_then(|status| status.node_info.clone()).unwrap_or_default();
    NodeFacts {
        name: node.name_any(),
        provider_id: node.spec.as_ref().and_then(|spec| spec.provider_id.clone()),
        labels: node.labels().clone(),
        runtime: info.container_runtime_version,
        os_image: info.os_image,
        arch: info.architecture,
    }
}

fn balanced(service: &Service) -> Option<ObjectRef> {
    let wanted = service.spec.as_ref()?.type_.as_deref() == Some("LoadBalancer");
    let addresses = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    let has_one = addresses.iter().any(|one| one.ip.is_some() || one.hostname.is_some());
    (wanted && has_one)
        .then(|| ObjectRef::new("v1", "Service", service.namespace().as_deref(), &service.name_any()))
}

fn quota(quota: &ResourceQuota) -> ObjectRef {
    ObjectRef::new("v1", "ResourceQuota", quota.namespace().as_deref(), &quota.name_any())
}

/// Tries pods in the namespace `default`, because no API reports the level that the API server's configuration sets.
async fn pod_security(client: &Client) -> Option<PodSecurityLevel> {
    let plain = pod(None);
    let privileged = pod(Some(true));
    let restricted = admission::hardened(&plain);
    let (restricted, plain, privileged) =
        tokio::join!(accepted(client, &restricted), accepted(client, &plain), accepted(client, &privileged));
    // If even a hardened pod is rejected, another policy is the reason.
    restricted?.then_some(())?;
    Some(match (plain?, privileged?) {
        (true, true) => PodSecurityLevel::Privileged,
        (true, false) => PodSecurityLevel::Baseline,
        (false, _) => PodSecurityLevel::Restricted,
    })
}

fn pod(privileged: Option<bool>) -> Pod {
    let security_context = privileged
        .map(|privileged| SecurityContext { privileged: Some(privileged), ..SecurityContext::default() });
    Pod {
        metadata: ObjectMeta { name: Some("devplat-trial".to_owned()), ..ObjectMeta::default() },
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            containers: vec![Container {
                name: "trial".to_owned(),
                image: Some("devplat.local/trial".to_owned()),
                // A quota on cpu or memory rejects containers without them, which would hide the level.
                resources: Some(agent::resources()),
                security_context,
                ..Container::default()
            }],
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

/// Returns whether the API server accepts a pod in a dry run; `None` if that is unknown.
async fn accepted(client: &Client, pod: &Pod) -> Option<bool> {
    let api: Api<Pod> = Api::namespaced(client.clone(), "default");
    let dry = PostParams { dry_run: true, field_manager: None };
    let call = Call::new(CallVerb::Try, &ObjectRef::new("v1", "Pod", Some("default"), "devplat-trial"));
    match bounded(&call, PATIENCE, api.create(&dry, pod)).await {
        Ok(_) => Some(true),
        // An API server without `--allow-privileged` answers 422 to privileged pods.
        Err(error) => matches!(*error.class, Class::Forbidden(_) | Class::Invalid(_)).then_some(false),
    }
}

/// Returns whether Kubernetes uses the class for claims without one.
fn is_default(class: &StorageClass) -> bool {
    DEFAULT_CLASS.iter().any(|key| class.annotations().get(*key).is_some_and(|value| value == "true"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        call::{chain, tests::client},
        context::DistributionGuess,
    };

    const ANNOUNCEMENT: &str = "/api/v1/namespaces/kube-public/configmaps/local-registry-hosting";

    #[test]
    fn storage_follows_from_the_number_of_default_classes() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (classes, expected) in [
            (&[][..], Storage::None),
            (&[("a", false)], Storage::NoDefault(names(&["a"]))),
            (&[("a", false), ("b", true)], Storage::Default("b".to_owned())),
            (&[("a", true), ("b", true), ("c", false)], Storage::SeveralDefaults(names(&["a", "b"]))),
        ] {
            let classes: StorageClasses =
                classes.iter().map(|(name, default)| ((*name).to_owned(), *default)).collect();
            assert_eq!(classes.for_claims(), expected);
            assert!(!classes.contains("other"));
        }
    }

    #[test]
    fn either_annotation_makes_a_class_the_default() {
        for (annotation, value, expected) in [
            (DEFAULT_CLASS[0], "true", true),
            (DEFAULT_CLASS[1], "true", true),
            (DEFAULT_CLASS[0], "false", false),
            ("other", "true", false),
        ] {
            let annotations = BTreeMap::from([(annotation, value)]);
            let class: StorageClass = serde_json::from_value(
                json!({"metadata": {"name": "a", "annotations": annotations}, "provisioner": "x"}),
            )
            .unwrap();
            assert_eq!(is_default(&class), expected, "{annotation}: {value}");
        }
    }

    #[test]
    fn only_a_service_with_an_address_shows_load_balancers() {
        let service = |kind: &str, ingress: serde_json::Value| -> Service {
            serde_json::from_value(json!({
                "metadata": {"name": "a", "namespace": "b"}, "spec": {"type": kind},
                "status": {"loadBalancer": {"ingress": ingress}}
            }))
            .unwrap()
        };
        assert!(balanced(&service("LoadBalancer", json!([{"ip": "10.0.0.1"}]))).is_some());
        assert!(balanced(&service("LoadBalancer", json!([]))).is_none());
        assert!(balanced(&service("ClusterIP", json!([{"ip": "10.0.0.1"}]))).is_none());
    }

    /// Returns the capabilities of a cluster whose API server answers these paths with 403, and all others with nothing.
    async fn forbidding(paths: &'static [&'static str]) -> Capabilities {
        let client = client(move |request| match request.uri().path() {
            path if paths.contains(&path) => {
                (403, json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}))
            }
            "/version" => (
                200,
                json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
            ),
            "/apis" => (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
            path if path.ends_with("/local-registry-hosting") => {
                (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"}))
            }
            _ => (200, json!({"metadata": {}, "items": []})),
        });
        let context =
            Context { name: "a".to_owned(), server: "https://a".to_owned(), guess: DistributionGuess::Other };
        ask(&client, &context).await.unwrap()
    }

    #[tokio::test]
    async fn facts_that_cannot_be_read_are_unknown_with_the_reason() {
        let known = forbidding(&[]).await;
        assert!(!known.metrics.unwrap());
        assert_eq!(known.quotas.unwrap(), []);
        assert_eq!(known.nodes.unwrap(), Nodes::default());
        assert_eq!(known.registry_hosting.unwrap(), None);
        assert_eq!(known.load_balancer.unwrap(), None);
        let unknown = forbidding(&[
            "/apis",
            "/api/v1/resourcequotas",
            "/api/v1/nodes",
            "/api/v1/services",
            ANNOUNCEMENT,
        ])
        .await;
        let refusal = "the API server answered 403 Forbidden: no";
        for (error, what) in [
            (unknown.metrics.unwrap_err(), "list APIGroup objects"),
            (unknown.quotas.unwrap_err(), "list ResourceQuota objects"),
            (unknown.nodes.unwrap_err(), "list Node objects"),
            (unknown.load_balancer.unwrap_err(), "list Service objects"),
            (unknown.registry_hosting.unwrap_err(), "read ConfigMap kube-public/local-registry-hosting"),
        ] {
            assert_eq!(chain(&*error), format!("cannot {what}: {refusal}"));
        }
    }
}
