//! A flavor as it is shown.

use std::collections::BTreeMap;

use devplat_api::{condition::ConditionType, name};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{ResourceExt, api::DynamicObject};
use serde::Deserialize;
use serde_json::Value;

/// How alike a name has to be to be proposed instead of another one.
const ALIKE: f64 = 0.7;

/// What is shown of a flavor.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Flavor {
    pub(crate) name: String,
    pub(crate) created: Option<Timestamp>,
    /// Largest amounts, by resource; what is guaranteed where there is no limit.
    pub(crate) limits: BTreeMap<String, String>,
    /// Guaranteed amounts, by resource.
    pub(crate) requests: BTreeMap<String, String>,
    /// GPUs of each server.
    pub(crate) gpus: Option<u64>,
    /// Whether servers get it that name none.
    pub(crate) default: bool,
    /// Why it takes no servers, if it takes none.
    pub(crate) refusal: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    resources: Resources,
    gpu: Gpu,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resources {
    requests: BTreeMap<String, Value>,
    limits: BTreeMap<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Gpu {
    count: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

impl Flavor {
    /// What is known of `object`.
    pub(crate) fn of(object: &DynamicObject) -> Self {
        let spec: Spec =
            object.data.get("spec").and_then(|spec| Spec::deserialize(spec).ok()).unwrap_or_default();
        let status = object.data.get("status").and_then(|status| Status::deserialize(status).ok());
        let accepted = ConditionType::Accepted.as_str();
        let refusal = status
            .unwrap_or_default()
            .conditions
            .into_iter()
            .find(|condition| condition.type_ == accepted && condition.status == "False");
        let amounts = |amounts: BTreeMap<String, Value>| -> BTreeMap<String, String> {
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            amounts.into_iter().map(|(resource, value)| (resource, text(value))).collect()
        };
        Self {
            name: object.name_any(),
            created: super::created(&object.metadata),
            limits: amounts(spec.resources.limits),
            requests: amounts(spec.resources.requests),
            gpus: spec.gpu.count,
            default: object.labels().get(name::DEFAULT_FLAVOR_LABEL).is_some_and(|label| label == "true"),
            refusal: if object.metadata.deletion_timestamp.is_some() {
                Some("being deleted".to_owned())
            } else {
                refusal.map(|refusal| refusal.message)
            },
        }
    }

    /// The most it gives of `resource`.
    pub(crate) fn most(&self, resource: &str) -> Option<&str> {
        self.limits.get(resource).or_else(|| self.requests.get(resource)).map(String::as_str)
    }
}

/// The one of `names` that was probably meant by `name`.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |other: &'a str| (strsim::jaro_winkler(name, other), other);
    let (likeness, other) = names.into_iter().map(alike).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then_some(other)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A flavor as the API server gives it.
    #[expect(clippy::needless_pass_by_value, reason = "called with what json! makes")]
    pub(crate) fn object(name: &str, default: bool, resources: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps.devservers.io/v1",
            "kind": "DevServerFlavor",
            "metadata": {
                "name": name,
                "creationTimestamp": "2026-11-20T10:00:00Z",
                "labels": {(name::DEFAULT_FLAVOR_LABEL): default.to_string()},
            },
            "spec": {"resources": resources},
        }))
        .unwrap()
    }

    #[test]
    fn limits_go_before_requests() {
        let resources = json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}});
        let flavor = Flavor::of(&object("cpu-small", true, resources));
        assert_eq!((flavor.most("cpu"), flavor.most("memory")), (Some("500m"), Some("2Gi")));
        assert_eq!(flavor.most("nvidia.com/gpu"), None);
        assert!(flavor.default);
    }

    #[test]
    fn flavor_that_takes_no_servers_says_why() {
        let mut object = object("gpu", false, json!({}));
        object.data["spec"]["gpu"] = json!({"count": 2});
        object.data["status"] = json!({"conditions": [{
            "type": "Accepted", "status": "False", "reason": "NotSupportedYet", "message": "spec.gpu is not supported yet",
            "lastTransitionTime": "2026-11-20T10:00:00Z",
        }]});
        let flavor = Flavor::of(&object);
        assert_eq!(flavor.refusal.as_deref(), Some("spec.gpu is not supported yet"));
        assert_eq!(flavor.gpus, Some(2));
    }

    #[test]
    fn nearest_name_is_proposed_and_a_far_one_is_not() {
        let names = ["cpu-small", "cpu-large", "gpu"];
        assert_eq!(nearest("cpu-smal", names), Some("cpu-small"));
        assert_eq!(nearest("xyz", names), None);
        assert_eq!(nearest("xyz", []), None);
    }
}
