//! The decision about one flavor. Pure.

use devplat_api::{
    DevServerFlavorSpec,
    condition::{ConditionType, Reason},
    flavor::DevServerFlavorStatus,
    name,
};
use k8s_openapi::jiff::Timestamp;

use crate::{
    observed::FlavorFacts,
    server::{Conditions, Truth},
};

/// What to do about a flavor.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Decision {
    /// The status to write, if it is not the one that is there.
    pub(super) status: Option<DevServerFlavorStatus>,
    /// All its finalizers from now on, if they change.
    pub(super) finalizers: Option<Vec<String>>,
}

/// The first thing in a flavor whose feature is yet to come.
pub(crate) fn unsupported_in_flavor(spec: &DevServerFlavorSpec) -> Option<String> {
    let DevServerFlavorSpec { resources, node_selector: _, tolerations: _, gpu } = spec;
    if gpu.is_some() {
        return Some("spec.gpu".into());
    }
    let amounts = [("requests", &resources.requests), ("limits", &resources.limits)];
    let keys = amounts.into_iter().flat_map(|(part, map)| map.keys().map(move |key| (part, key)));
    let mut others = keys.filter(|(_, key)| !matches!(key.as_str(), "cpu" | "memory" | "ephemeral-storage"));
    others.next().map(|(part, key)| format!("spec.resources.{part}[{key}]"))
}

/// `users`: names of the servers that use it, as `namespace/name`.
pub(super) fn decide(flavor: &FlavorFacts, users: &[String], now: Timestamp) -> Decision {
    let held = flavor.finalizers.iter().any(|finalizer| finalizer == name::FLAVOR_FINALIZER);
    let used = !users.is_empty();
    let others = flavor.finalizers.iter().filter(|finalizer| *finalizer != name::FLAVOR_FINALIZER).cloned();
    let finalizers = match (held, used) {
        // Nothing can be added to an object that is being deleted.
        (false, true) if !flavor.deleting => {
            Some(others.chain([name::FLAVOR_FINALIZER.to_owned()]).collect())
        }
        (true, false) => Some(others.collect::<Vec<_>>()),
        (false | true, _) => None,
    };
    if flavor.deleting && !used {
        return Decision { status: None, finalizers };
    }

    let before = flavor.status.clone().unwrap_or_default();
    let mut conditions = Conditions::after(&before.conditions, flavor.generation, now);
    match unsupported_in_flavor(&flavor.spec) {
        None => conditions.set(ConditionType::Accepted, Truth::True, Reason::Valid, ""),
        Some(field) => {
            let message = format!("{field} is not supported yet; remove it from the spec");
            conditions.set(ConditionType::Accepted, Truth::False, Reason::NotSupportedYet, message);
        }
    }
    match (used, flavor.deleting) {
        (true, true) => {
            let message = format!("not deleted while dev servers use it: {}", some(users));
            conditions.set(ConditionType::InUse, Truth::True, Reason::Kept, message);
        }
        // No count: it would be written again with every server.
        (true, false) => conditions.set(ConditionType::InUse, Truth::True, Reason::Used, ""),
        (false, _) => conditions.set(ConditionType::InUse, Truth::False, Reason::Unused, ""),
    }
    let status =
        DevServerFlavorStatus { observed_generation: flavor.generation, conditions: conditions.finish() };
    Decision { status: (flavor.status.as_ref() != Some(&status)).then_some(status), finalizers }
}

/// The first few; which ones does not change while others come and go after them.
fn some(users: &[String]) -> String {
    const SHOWN: usize = 3;
    let first: Vec<&str> = users.iter().take(SHOWN).map(String::as_str).collect();
    let more = if users.len() > SHOWN { " and others" } else { "" };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use devplat_api::flavor::FlavorGpu;

    use super::*;

    fn flavor() -> FlavorFacts {
        FlavorFacts {
            name: "cpu-small".into(),
            generation: Some(1),
            deleting: false,
            default: false,
            finalizers: vec![],
            spec: DevServerFlavorSpec::default(),
            status: None,
        }
    }

    fn settled(mut flavor: FlavorFacts, users: &[String]) -> FlavorFacts {
        let Decision { status, finalizers } = decide(&flavor, users, Timestamp::UNIX_EPOCH);
        flavor.status = status.or(flavor.status);
        flavor.finalizers = finalizers.unwrap_or(flavor.finalizers);
        flavor
    }

    fn said(flavor: &FlavorFacts, kind: ConditionType) -> (String, String, String) {
        let conditions = &flavor.status.as_ref().unwrap().conditions;
        let condition = conditions.iter().find(|condition| condition.type_ == kind.as_str()).unwrap();
        (condition.status.clone(), condition.reason.clone(), condition.message.clone())
    }

    #[test]
    fn a_flavor_in_use_is_held() {
        let flavor = settled(flavor(), &["dev-alice/a".into()]);
        assert_eq!(flavor.finalizers, [name::FLAVOR_FINALIZER]);
        assert_eq!(said(&flavor, ConditionType::InUse).1, "Used");
    }

    #[test]
    fn a_second_server_writes_nothing() {
        let flavor = settled(flavor(), &["dev-alice/a".into()]);
        let users = ["dev-alice/a".into(), "dev-bob/b".into()];
        assert_eq!(decide(&flavor, &users, Timestamp::now()), Decision::default());
    }

    #[test]
    fn a_flavor_no_server_uses_any_more_is_let_go() {
        let flavor = settled(settled(flavor(), &["dev-alice/a".into()]), &[]);
        assert!(flavor.finalizers.is_empty());
    }

    #[test]
    fn a_flavor_deleted_while_in_use_stays_and_says_for_whom() {
        let mut flavor = settled(flavor(), &["dev-alice/a".into()]);
        flavor.deleting = true;
        let users: Vec<String> = ["a", "b", "c", "d"].map(|name| format!("dev-alice/{name}")).into();
        let flavor = settled(flavor, &users);
        assert_eq!(flavor.finalizers, [name::FLAVOR_FINALIZER]);
        assert_eq!(
            said(&flavor, ConditionType::InUse).2,
            "not deleted while dev servers use it: dev-alice/a, dev-alice/b, dev-alice/c and others"
        );
    }

    #[test]
    fn finalizers_of_others_are_left_alone() {
        let mut other = flavor();
        other.finalizers = vec!["example.com/other".into()];
        let other = settled(settled(other, &["dev-alice/a".into()]), &[]);
        assert_eq!(other.finalizers, ["example.com/other"]);
    }

    #[test]
    fn gpus_are_refused_by_field_until_they_exist() {
        let mut with_gpu = flavor();
        with_gpu.spec.gpu = Some(FlavorGpu { count: 1, resource_name: "nvidia.com/gpu".into() });
        let (status, reason, message) = said(&settled(with_gpu, &[]), ConditionType::Accepted);
        assert_eq!((&*status, &*reason), ("False", "NotSupportedYet"));
        assert!(message.starts_with("spec.gpu is"), "{message}");

        let mut as_resource = flavor();
        as_resource
            .spec
            .resources
            .limits
            .insert("nvidia.com/gpu".into(), devplat_api::Amount::parse("1").unwrap());
        let (_, _, message) = said(&settled(as_resource, &[]), ConditionType::Accepted);
        assert!(message.starts_with("spec.resources.limits[nvidia.com/gpu] is"), "{message}");
    }
}
