//! Finds the `ResourceQuota` or the `LimitRange` of a namespace that rejects a pod, from their numbers.

use std::collections::BTreeMap;

use devplat_api::Amount;
use k8s_openapi::{
    api::core::v1::{LimitRange, Pod, ResourceQuota, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::ResourceExt;

use super::RefusalKind;

type Quantities = BTreeMap<String, Quantity>;

/// Returns the quota that has no room for `pod`, or that counts a resource which its containers do not set.
pub(super) fn quota(pod: &Pod, quotas: &[ResourceQuota]) -> Option<RefusalKind> {
    quotas.iter().find_map(|quota| {
        let hard = quota.spec.as_ref()?.hard.as_ref()?;
        let used = quota.status.as_ref().and_then(|status| status.used.clone()).unwrap_or_default();
        let (resource, _) = hard.iter().find(|(resource, limit)| exceeded(pod, resource, limit, &used))?;
        Some(RefusalKind::ResourceQuota { name: quota.name_any(), resource: resource.clone() })
    })
}

fn exceeded(pod: &Pod, resource: &str, limit: &Quantity, used: &Quantities) -> bool {
    let (Some(limit), used) = (number(limit), used.get(resource).and_then(number).unwrap_or_default()) else {
        return false;
    };
    let wanted = match resource {
        "pods" | "count/pods" => Some(1.0),
        "cpu" | "memory" => total(pod, |stated| stated.requests.as_ref(), resource),
        _ => match resource.split_once('.') {
            Some(("requests", name)) => total(pod, |stated| stated.requests.as_ref(), name),
            Some(("limits", name)) => total(pod, |stated| stated.limits.as_ref(), name),
            // Not a resource of pods: claims, Services and others.
            _ => Some(0.0),
        },
    };
    // Quotas on resources other than cpu and memory count the values that are set and require none.
    let demanded = ["cpu", "memory"].iter().any(|name| resource.ends_with(name));
    match wanted {
        None => demanded,
        Some(wanted) => wanted > 0.0 && used + wanted > limit,
    }
}

/// Returns the amount that a quota counts: the sum over the containers, or the amount of an init container that is
/// larger. `None` if one of them does not set it.
fn total(
    pod: &Pod,
    of: impl Fn(&ResourceRequirements) -> Option<&Quantities>,
    resource: &str,
) -> Option<f64> {
    let spec = pod.spec.as_ref()?;
    let stated = |resources: Option<&ResourceRequirements>| {
        resources.and_then(|one| of(one)?.get(resource)).and_then(number)
    };
    let mut counted =
        spec.containers.iter().map(|one| stated(one.resources.as_ref())).sum::<Option<f64>>()?;
    for one in spec.init_containers.iter().flatten() {
        counted = counted.max(stated(one.resources.as_ref())?);
    }
    Some(counted)
}

/// Returns the first range that excludes a container of `pod`.
pub(super) fn range(pod: &Pod, ranges: &[LimitRange]) -> Option<RefusalKind> {
    let spec = pod.spec.as_ref()?;
    let containers: Vec<Option<&ResourceRequirements>> = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
        .map(|one| one.resources.as_ref())
        .collect();
    let outside = |range: &&LimitRange| {
        let items = range.spec.iter().flat_map(|spec| &spec.limits);
        items.filter(|item| item.type_ == "Container").any(|item| {
            let (default, default_request) = (item.default.as_ref(), item.default_request.as_ref());
            containers.iter().any(|resources| {
                let limit = |name: &str| {
                    let own = resources.and_then(|one| one.limits.as_ref()?.get(name));
                    own.or_else(|| default?.get(name)).and_then(number)
                };
                let request = |name: &str| {
                    let own = resources.and_then(|one| one.requests.as_ref()?.get(name));
                    let own = own.or_else(|| default_request?.get(name)).and_then(number);
                    own.or_else(|| limit(name))
                };
                let over = item.max.iter().flatten().any(|(name, max)| {
                    let Some(max) = number(max) else { return false };
                    limit(name).is_none_or(|limit| limit > max)
                        || request(name).is_some_and(|request| request > max)
                });
                let under = item.min.iter().flatten().any(|(name, min)| {
                    let Some(min) = number(min) else { return false };
                    request(name).is_none_or(|request| request < min)
                        || limit(name).is_some_and(|limit| limit < min)
                });
                over || under
            })
        })
    };
    ranges.iter().find(outside).map(|range| RefusalKind::LimitRange { name: range.name_any() })
}

fn number(quantity: &Quantity) -> Option<f64> {
    Amount::parse(&quantity.0).ok()?.value().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(resources: &Value) -> Pod {
        serde_json::from_value(json!({"spec": {"containers": [{"name": "a", "resources": resources}]}}))
            .unwrap()
    }

    fn quota_of(hard: &Value, used: &Value) -> ResourceQuota {
        serde_json::from_value(
            json!({"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"used": used}}),
        )
        .unwrap()
    }

    #[test]
    fn quota_rejects_pods_that_exceed_it_or_lack_requests() {
        let stated = json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}});
        for (hard, used, resource) in [
            (json!({"limits.cpu": "4"}), json!({}), Some("limits.cpu")),
            (json!({"requests.cpu": "4"}), json!({"requests.cpu": "3"}), None),
            (json!({"requests.cpu": "4"}), json!({"requests.cpu": "3950m"}), Some("requests.cpu")),
            (json!({"pods": "1"}), json!({"pods": "1"}), Some("pods")),
            (json!({"requests.nvidia.com/gpu": "0"}), json!({}), None),
            (json!({"persistentvolumeclaims": "0"}), json!({}), None),
        ] {
            let found = quota(&pod(&stated), &[quota_of(&hard, &used)]);
            let expected = resource.map(|resource| RefusalKind::ResourceQuota {
                name: "q".to_owned(),
                resource: resource.to_owned(),
            });
            assert_eq!(found, expected, "{hard}");
        }
    }

    #[test]
    fn quota_counts_the_larger_of_containers_and_init_containers() {
        let container = |name: &str, cpu: Option<&str>| {
            let limits = cpu.map(|cpu| json!({ "cpu": cpu }));
            json!({"name": name, "resources": {"limits": limits}})
        };
        for (init, limit, rejected) in [
            (Some("500m"), "500m", false),
            (Some("500m"), "400m", true),
            (Some("100m"), "300m", true),
            (Some("100m"), "400m", false),
            (None, "4", true),
        ] {
            let pod: Pod = serde_json::from_value(json!({"spec": {
                "initContainers": [container("init", init)],
                "containers": [container("a", Some("200m")), container("b", Some("200m"))],
            }}))
            .unwrap();
            let found = quota(&pod, &[quota_of(&json!({ "limits.cpu": limit }), &json!({}))]);
            assert_eq!(found.is_some(), rejected, "{init:?} {limit}");
        }
    }

    #[test]
    fn limit_range_rejects_pods_outside_its_limits() {
        let stated = json!({"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}});
        for (item, rejected) in [
            (json!({"type": "Container", "max": {"memory": "64Mi"}}), true),
            (json!({"type": "Container", "max": {"memory": "128Mi"}}), false),
            (json!({"type": "Container", "min": {"memory": "100Mi"}}), true),
            (json!({"type": "Container", "max": {"cpu": "1"}}), true),
            (json!({"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"}}), false),
            (json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}), false),
        ] {
            let range_of: LimitRange =
                serde_json::from_value(json!({"metadata": {"name": "r"}, "spec": {"limits": [item]}}))
                    .unwrap();
            assert_eq!(range(&pod(&stated), &[range_of]).is_some(), rejected, "{item}");
        }
    }
}
