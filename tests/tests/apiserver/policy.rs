//! `MutatingAdmissionPolicies`, as an administrator of a cluster installs them.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use super::cluster::PATIENCE;

/// The annotation that [`annotate`] adds.
const ANNOTATION: &str = "their";

/// Returns a mutation that adds an annotation to every object. [`create`] waits for it.
pub(crate) fn annotate() -> Value {
    let expression =
        format!("Object{{metadata: Object.metadata{{annotations: {{\"{ANNOTATION}\": \"mark\"}}}}}}");
    json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}})
}

/// Returns mutations of the pods that objects of `kind` have at the path `spec`: the first container gets an image of
/// another registry and the variable `mark`, and the pod gets the sidecar `mark`.
pub(crate) fn mutations(kind: &str, spec: &str, mark: &str) -> [Value; 3] {
    let containers = format!("object.{spec}.containers");
    let base = format!("/{}/containers", spec.replace('.', "/"));
    let unless = |done: &str, operation: &str| {
        let expression =
            format!("object.kind != '{kind}' || {containers}{done} ? [] : [JSONPatch{{{operation}}}]");
        json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
    };
    [
        unless(
            "[0].image.startsWith('mirror/')",
            &format!("op: 'replace', path: '{base}/0/image', value: 'mirror/' + {containers}[0].image"),
        ),
        unless(
            &format!("[0].env.exists(e, e.name == '{mark}')"),
            &format!(
                "op: 'add', path: '{base}/0/env/-', value: Object.{spec}.containers.env{{name: '{mark}', value: '1'}}"
            ),
        ),
        unless(
            &format!(".exists(c, c.name == '{mark}')"),
            &format!(
                "op: 'add', path: '{base}/-', value: Object.{spec}.containers{{name: '{mark}', image: 'theirs'}}"
            ),
        ),
    ]
}

/// Creates the policy `name` and its binding, and waits until it annotates the ConfigMap `probe` of `namespace` in a dry
/// run. Its mutations must include [`annotate`].
pub(crate) async fn create(client: &Client, name: &str, spec: &Value, (namespace, probe): (&str, &str)) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": spec,
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name},
    });
    for (objects, object) in [(policies(client), policy), (bindings(client), binding)] {
        objects.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let params = PatchParams { dry_run: true, ..PatchParams::apply("probe") };
    let map = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": probe}}));
    devplat_tests::waiting::until("the policy to mutate", PATIENCE, async || {
        let tried = maps.patch(probe, &params, &map).await.map_err(|error| error.to_string())?;
        let annotations = tried.metadata.annotations.unwrap_or_default();
        if annotations.contains_key(ANNOTATION) { Ok(()) } else { Err("no mutation".to_owned()) }
    })
    .await
    .unwrap();
}

/// Deletes a policy and its binding.
pub(crate) async fn delete(client: &Client, name: &str) {
    for objects in [bindings(client), policies(client)] {
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }
}

fn policies(client: &Client) -> Api<DynamicObject> {
    api(client, "MutatingAdmissionPolicy", "mutatingadmissionpolicies")
}

fn bindings(client: &Client) -> Api<DynamicObject> {
    api(client, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings")
}

fn api(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1beta1", kind);
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural))
}
