//! Pods that the cluster rejects: found before a release is applied, and reported within seconds afterwards.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use devplat_kubernetes::{
    Steady,
    admission::{AdmissionRefusal, PodTrial, RefusalKind, try_pods},
    release::ReleaseError,
};
use k8s_openapi::api::core::v1::{LimitRange, Namespace as Object, Pod, ResourceQuota, ResourceRequirements};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    super::{
        cluster::{command_lines, platform},
        namespace::{Namespace, flavor},
        releases,
    },
    ours, release,
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

fn trial(namespace: &str, labels: &[(&str, &str)]) -> PodTrial {
    let pod: Pod = serde_json::from_value(json!({"spec": {"serviceAccountName": "absent", "containers": [{
        "name": "main", "image": "devplat.local/a",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    }]}}))
    .unwrap();
    let namespace_labels: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    PodTrial { namespace: namespace.to_owned(), namespace_labels, pod }
}

async fn refusals(client: &Client, trial: PodTrial) -> Vec<AdmissionRefusal> {
    try_pods(client, &[trial], &Steady).await.unwrap()
}

/// Creates a namespace whose pods must be hardened.
async fn restricted(client: &Client, name: &str) -> Namespace {
    let space = Namespace::on(client.clone(), name).await;
    let label = json!({"metadata": {"labels": {ENFORCE: "restricted"}}});
    let spaces: Api<Object> = Api::all(client.clone());
    spaces.patch(name, &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    space
}

#[tokio::test]
async fn pods_are_accepted_without_restrictions() {
    let space = Namespace::new("trial-open").await;
    assert_eq!(refusals(&space.client, trial("trial-open", &[])).await, []);
    // The namespace does not exist, so one with the same policies is used.
    assert_eq!(refusals(&space.client, trial("trial-absent", &[])).await, []);
}

#[tokio::test]
async fn pod_security_is_reported_with_the_label_that_helps() {
    let client = platform().await.plane.client().await.unwrap();
    restricted(&client, "trial-restricted").await;
    let found =
        devplat_tests::waiting::until("a refusal", Duration::from_secs(30), async || {
            match refusals(&client, trial("trial-restricted", &[])).await.as_slice() {
                [one] if one.kind == RefusalKind::PodSecurity => Ok(one.clone()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
        .unwrap();
    assert!(found.answer.message.contains("restricted"), "{found}");
    let hints = found.hints(Some(&command_lines()));
    let remedy = "`kubectl --context test label --overwrite namespace trial-restricted ";
    assert!(hints[0].contains(remedy), "{hints:?}");
    // The label that the release will set counts.
    assert_eq!(refusals(&client, trial("trial-restricted", &[(ENFORCE, "baseline")])).await, []);
    // A namespace that does not exist yet has the level of its future label.
    let absent = refusals(&client, trial("trial-none", &[(ENFORCE, "restricted")])).await;
    assert_eq!(absent.iter().map(|one| &one.kind).collect::<Vec<_>>(), [&RefusalKind::PodSecurity]);
    assert_eq!(absent[0].object.namespace.as_deref(), Some("trial-none"));
}

fn dev_server(namespace: &str, resources: ResourceRequirements) -> PodTrial {
    PodTrial::dev_server(namespace, BTreeMap::new(), resources, "devplat.local/base", "devplat.local/agent")
}

#[tokio::test]
async fn dev_server_is_rejected_at_level_restricted() {
    let client = platform().await.plane.client().await.unwrap();
    let open = Namespace::new("trial-server").await;
    let trial = |namespace: &str| dev_server(namespace, ResourceRequirements::default());
    assert_eq!(refusals(&client, trial(&open.name)).await, []);
    let closed = restricted(&client, "trial-server-closed").await;
    let found = refusals(&client, trial(&closed.name)).await;
    assert_eq!(found.iter().map(|one| &one.kind).collect::<Vec<_>>(), [&RefusalKind::PodSecurity]);
}

/// Every container of the pod needs a limit, the one that copies the agent among them.
#[tokio::test]
async fn dev_server_fits_a_quota_on_cpu_limits() {
    let space = Namespace::new("trial-server-quota").await;
    make_quota(&space).await;
    first(&space, "trial-server-quota").await;
    let cpu = |limits: Value| json!({"requests": {"cpu": "100m"}, "limits": limits});
    let of = |resources: Value| dev_server(&space.name, serde_json::from_value(resources).unwrap());
    assert_eq!(refusals(&space.client, of(cpu(json!({"cpu": "1"})))).await, []);
    let without = refusals(&space.client, of(cpu(json!({})))).await;
    assert_eq!(without.iter().map(|one| &one.kind).collect::<Vec<_>>(), [&exhausted("limits.cpu")]);
    let hints = without[0].hints(None);
    assert!(hints[0].contains("resources of the flavor"), "{hints:?}");

    // The operator's own pod.
    let resources = cpu(json!({"cpu": "1", "memory": "1Gi"}));
    flavor(&space.client, "trial-server-quota", json!({ "resources": resources })).await;
    space.server("mydev", json!({"flavor": "trial-server-quota"})).await;
    space.ready("mydev").await;
}

/// Returns the pods of the operator and the bastion, to be tried in `namespace`.
fn platforms_pods(namespace: &str, sets: &[&str]) -> Vec<PodTrial> {
    let releases = releases::rendered_with("trial", sets);
    let objects = releases.iter().flat_map(|release| &release.objects);
    let trials = objects.filter_map(|object| PodTrial::of(object, BTreeMap::new())).map(Result::unwrap);
    trials.map(|trial| PodTrial { namespace: namespace.to_owned(), ..trial }).collect()
}

#[tokio::test]
async fn pods_of_the_platform_fit_a_quota_on_cpu_and_memory() {
    let space = Namespace::new("trial-platform").await;
    let hard = json!({
        "requests.cpu": "1", "requests.memory": "1Gi", "limits.cpu": "6", "limits.memory": "2Gi",
    });
    space.make::<ResourceQuota>(json!({"metadata": {"name": "team"}, "spec": {"hard": hard}})).await;
    // The quota is in effect once it rejects a pod without a CPU limit.
    assert_eq!(first(&space, "trial-platform").await, exhausted("limits.cpu"));
    let pods = platforms_pods(&space.name, &[]);
    assert_eq!(pods.len(), 2);
    assert_eq!(try_pods(&space.client, &pods, &Steady).await.unwrap(), []);
}

#[tokio::test]
async fn small_quota_needs_lower_limits_in_the_profile() {
    let space = Namespace::new("trial-platform-small").await;
    make_quota(&space).await;
    first(&space, "trial-platform-small").await;
    let found = try_pods(&space.client, &platforms_pods(&space.name, &[]), &Steady).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.kind).collect::<Vec<_>>(), [&exhausted("limits.cpu")]);
    let hints = found[0].hints(None);
    assert!(hints[0].contains("bastion.devctlResources"), "{hints:?}");
    let lower = ["bastion.resources.limits.cpu=800m", "bastion.devctlResources.limits.cpu=200m"];
    let pods = platforms_pods(&space.name, &lower);
    assert_eq!(try_pods(&space.client, &pods, &Steady).await.unwrap(), []);
}

/// Creates a quota on the limits of CPU.
async fn make_quota(space: &Namespace) {
    let quota = json!({"metadata": {"name": "team"}, "spec": {"hard": {"limits.cpu": "4"}}});
    space.make::<ResourceQuota>(quota).await;
}

fn exhausted(resource: &str) -> RefusalKind {
    RefusalKind::ResourceQuota { name: "team".to_owned(), resource: resource.to_owned() }
}

/// The Deployments of two releases, in a namespace with a quota and in one whose pods must be hardened.
#[tokio::test]
async fn rejected_pods_of_all_releases_are_reported() {
    let limited = Namespace::new("trial-all-quota").await;
    make_quota(&limited).await;
    first(&limited, "trial-all-quota").await;
    let closed = restricted(&limited.client, "trial-all-closed").await;
    let containers = json!([{"name": "main", "image": "a"}]);
    let releases = [
        release("one", [deployment(&limited.name, &containers)]),
        release("two", [deployment(&closed.name, &containers)]),
    ];
    let found = devplat_tests::waiting::until("both refusals", Duration::from_secs(30), async || {
        let trials = release::trials(&limited.client, &releases, &Steady).await.unwrap();
        let found = try_pods(&limited.client, &trials, &Steady).await.unwrap();
        if found.len() == 2 { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
    .unwrap();
    let kinds: Vec<&RefusalKind> = found.iter().map(|one| &one.kind).collect();
    assert_eq!(kinds, [&exhausted("limits.cpu"), &RefusalKind::PodSecurity]);
}

#[tokio::test]
async fn quota_is_reported_with_its_resource() {
    let space = Namespace::new("trial-quota").await;
    make_quota(&space).await;
    assert_eq!(first(&space, "trial-quota").await, exhausted("limits.cpu"));
}

#[tokio::test]
async fn limit_range_is_reported() {
    let space = Namespace::new("trial-range").await;
    let range = json!({
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]},
    });
    space.make::<LimitRange>(range).await;
    assert_eq!(first(&space, "trial-range").await, RefusalKind::LimitRange { name: "small".to_owned() });
}

async fn first(space: &Namespace, namespace: &str) -> RefusalKind {
    devplat_tests::waiting::until("a refusal", Duration::from_secs(30), async || {
        let found = refusals(&space.client, trial(namespace, &[])).await;
        found.into_iter().next().map(|one| one.kind).ok_or("none")
    })
    .await
    .unwrap()
}

fn deployment(namespace: &str, containers: &Value) -> DynamicObject {
    ours(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "rejected", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}},
        },
    }))
}

#[tokio::test]
async fn wait_for_pods_rejected_by_pod_security_ends_within_seconds() {
    let client = platform().await.plane.client().await.unwrap();
    let space = restricted(&client, "trial-wait").await;
    let object = deployment(&space.name, &json!([{"name": "main", "image": "a"}]));
    super::create(&client, &object).await;
    let start = Instant::now();
    let wanted = release("rejected", [object]);
    let error = release::wait_ready(&client, &wanted, Duration::from_mins(5), &Steady).await.unwrap_err();
    let ReleaseError::Refused { refusal: Some(refusal), .. } = &error else { panic!("{error:?}") };
    assert_eq!(refusal.kind, RefusalKind::PodSecurity);
    let hints = error.hints(&command_lines());
    assert!(hints[0].contains("pod-security.kubernetes.io/enforce=baseline"), "{hints:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
