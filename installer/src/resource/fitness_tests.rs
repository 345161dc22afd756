//! Tests of the fitness of existing clusters.

use std::sync::Arc;

use devplat_kubernetes::{
    CallError, Class, ObjectRef,
    call::ErrorAnswer,
    recognition::{DefaultDelivery, Distribution, Evidence, Recognition, UsualExposure, recognise},
};

use super::*;

fn needs() -> Needs {
    Needs { storage_class: None, exposure: Exposure::LoadBalancer }
}

const STANDARD: &[(&str, bool)] = &[("standard", true)];
const TWO_DEFAULTS: &[(&str, bool)] = &[("a", true), ("b", true)];

/// Returns a cluster with these storage classes and whether each is a default.
fn capabilities(classes: &[(&str, bool)]) -> Capabilities {
    let evidence = Evidence { git_version: "v1.34.3".to_owned(), ..Evidence::default() };
    Capabilities {
        version: "v1.34.3".to_owned(),
        recognition: recognise(&evidence),
        storage: Ok(classes.iter().map(|(name, default)| ((*name).to_owned(), *default)).collect()),
        load_balancer: Ok(None),
        metrics: Ok(false),
        pod_security: Some(PodSecurityLevel::Restricted),
        quotas: Ok(Vec::new()),
        nodes: Ok(Nodes {
            names: ["a".to_owned()].into(),
            architectures: ["amd64".to_owned()].into(),
            runtimes: ["containerd".to_owned()].into(),
        }),
        registry_hosting: Ok(None),
    }
}

#[test]
fn homes_need_a_storage_class() {
    let none = unmet(&needs(), &capabilities(&[]));
    assert_eq!(none, ["it has no StorageClass, so homes get no volumes: install a storage provisioner"]);
    let no_default = capabilities(&[("slow", false)]);
    assert!(unmet(&needs(), &no_default)[0].contains("--set devServers.storageClass=CLASS"));
    let named = |class: &str| Needs { storage_class: Some(class.to_owned()), ..needs() };
    assert!(unmet(&named("slow"), &no_default).is_empty());
    assert_eq!(
        unmet(&named("fast"), &no_default),
        ["it has no StorageClass fast, which devServers.storageClass names"]
    );
    let unlisted = Capabilities { storage: Err(forbidden("list classes")), ..capabilities(&[]) };
    assert!(unmet(&needs(), &unlisted).is_empty(), "the user may not list them");
    assert!(unmet(&named("fast"), &unlisted).is_empty());
}

fn on(distribution: Distribution, classes: &[(&str, bool)]) -> Capabilities {
    let recognition = Recognition { distribution, facts: Vec::new() };
    Capabilities { recognition, ..capabilities(classes) }
}

#[test]
fn usual_class_of_the_distribution_is_proposed_if_it_exists() {
    let hint = |distribution: Distribution, classes: &[&str]| {
        let classes: Vec<(&str, bool)> = classes.iter().map(|class| (*class, false)).collect();
        unmet(&needs(), &on(distribution, &classes)).remove(0)
    };
    let eks = hint(Distribution::Eks, &["efs", "gp2"]);
    assert_eq!(
        eks,
        "none of its StorageClasses is the default (efs, gp2): name one with --set devServers.storageClass=gp2"
    );
    assert!(hint(Distribution::Eks, &["efs"]).ends_with("=CLASS"));
    assert!(hint(Distribution::Other, &["gp2"]).ends_with("=CLASS"));
}

fn object(kind: &str, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: Some("team".to_owned()),
        name: name.to_owned(),
    }
}

/// Returns the capabilities of a cluster with a Service that has an address.
fn balancing(distribution: Distribution) -> Capabilities {
    let load_balancer = Ok(Some(object("Service", "web")));
    Capabilities { load_balancer, ..on(distribution, &[("a", true)]) }
}

#[test]
fn load_balancer_is_proposed_only_where_one_is_known() {
    let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
    let proposed = "load balancers work here: Service team/web has an address (a load balancer may cost); \
                    --set bastion.exposure=loadBalancer gives the bastion one of its own";
    assert!(remarks(&forwarded, &balancing(Distribution::Eks)).contains(&proposed.to_owned()));
    let unknown = on(Distribution::Eks, &[("a", true)]);
    for (needs, capabilities) in [
        (needs(), balancing(Distribution::Eks)),
        (Needs { exposure: Exposure::NodePort(30_022), ..needs() }, balancing(Distribution::Eks)),
        (forwarded.clone(), balancing(Distribution::Other)),
        (
            forwarded.clone(),
            Capabilities { load_balancer: Err(forbidden("list Services")), ..unknown.clone() },
        ),
        (forwarded, unknown),
    ] {
        let said = remarks(&needs, &capabilities).join("\n");
        assert!(!said.contains("bastion.exposure=loadBalancer"), "{said}");
    }
}

#[test]
fn load_balancers_are_unknown_before_a_service_has_an_address() {
    let shown = |capabilities: &Capabilities| {
        let facts = facts(capabilities).into_iter();
        facts.filter(|(name, _)| *name == "load balancer").map(|(_, value)| value).collect::<String>()
    };
    let of = |distribution: Distribution| shown(&on(distribution, &[]));
    assert_eq!(of(Distribution::K3s), "unknown: no Service has an address; usual on k3s");
    assert_eq!(of(Distribution::Other), "unknown: no Service has an address");
    assert_eq!(shown(&balancing(Distribution::K3s)), "yes: Service team/web has an address");
}

/// Returns the next distribution. A new one does not compile before it is in the chain.
fn next(of: &Distribution) -> Option<Distribution> {
    let name = || "lab".to_owned();
    Some(match of {
        Distribution::OpenShift => Distribution::Eks,
        Distribution::Eks => Distribution::Gke,
        Distribution::Gke => Distribution::Aks,
        Distribution::Aks => Distribution::K3d { name: name() },
        Distribution::K3d { .. } => Distribution::RancherDesktop,
        Distribution::RancherDesktop => Distribution::K3s,
        Distribution::K3s => Distribution::DockerDesktop,
        Distribution::DockerDesktop => Distribution::Kind { name: name() },
        Distribution::Kind { .. } => Distribution::Minikube { name: name() },
        Distribution::Minikube { .. } => Distribution::Other,
        Distribution::Other => return None,
    })
}

#[test]
fn every_row_of_the_distributions_table_is_used() {
    let all: Vec<Distribution> = std::iter::successors(Some(Distribution::OpenShift), next).collect();
    assert_eq!(all.len(), 11);
    for distribution in all {
        let row = distribution.consequences();
        let found = on(distribution.clone(), &[(row.storage_class.unwrap_or("slow"), false)]);
        let why = unmet(&needs(), &found).join("\n");
        let class = row.storage_class.unwrap_or("CLASS");
        assert!(why.ends_with(&format!("storageClass={class}")), "{distribution}: {why}");
        let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
        let balancing = Capabilities { load_balancer: Ok(Some(object("Service", "web"))), ..found.clone() };
        let said = remarks(&forwarded, &balancing).join("\n");
        let proposed = said.contains("bastion.exposure=loadBalancer") && said.contains(row.exposure_remark);
        assert_eq!(proposed, row.exposure == UsualExposure::LoadBalancer, "{distribution}: {said}");
        assert!(row.pod_security_remark.is_none_or(|remark| said.contains(remark)), "{distribution}: {said}");
        // This cluster shows no load balancer, so the remark has the limits of the distribution's.
        let said = remarks(&needs(), &found).join("\n");
        assert!(said.contains(row.exposure_remark), "{distribution}: {said}");
        // An import needs the name of the cluster.
        let named = matches!(
            distribution,
            Distribution::K3d { .. } | Distribution::Kind { .. } | Distribution::Minikube { .. }
        );
        assert_eq!(named, row.delivery != DefaultDelivery::Registry, "{distribution}");
    }
}

#[test]
fn quotas_addresses_and_metrics_are_shown() {
    let quota = object("ResourceQuota", "limits");
    let service = object("Service", "web");
    let found = Capabilities {
        quotas: Ok(vec![quota.clone()]),
        load_balancer: Ok(Some(service.clone())),
        metrics: Ok(true),
        ..capabilities(TWO_DEFAULTS)
    };
    let said = remarks(&needs(), &found).join("\n");
    assert!(said.contains(&format!("quotas limit some namespaces: {quota}")), "{said}");
    assert!(!said.contains("no Service shows"), "{said}");
    let shown = facts(&found);
    let of = |name: &str| shown.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    assert_eq!(of("load balancer"), Some(format!("yes: {service} has an address").as_str()));
    assert_eq!(of("metrics"), Some("served"));
    assert_eq!(of("storage class"), Some("a, b (several defaults)"));
}

#[test]
fn unexpected_facts_are_remarked() {
    let all = remarks(&needs(), &capabilities(TWO_DEFAULTS)).join("\n");
    assert!(all.contains("several StorageClasses are the default (a, b)"), "{all}");
    assert!(all.contains("no Service shows that load balancers work here"), "{all}");
    assert!(all.contains("hardened security context"), "{all}");
    let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
    let fewer = remarks(&forwarded, &capabilities(&[("a", true)])).join("\n");
    assert!(!fewer.contains("load balancers") && !fewer.contains("StorageClasses"), "{fewer}");
}

#[test]
fn ignored_network_policies_are_remarked() {
    assert!(
        enforcement_remark(Some(Enforcement::Ignored)).is_some_and(|why| why.contains("reach each other"))
    );
    assert_eq!(enforcement_remark(Some(Enforcement::Enforced)), None);
    assert_eq!(enforcement_fact(None), None);
    let (name, value) = enforcement_fact(Some(Enforcement::Enforced)).expect("it was tried");
    assert_eq!((name, value.as_str()), ("network policies", "enforced, tried by the last proof"));
}

#[test]
fn every_capability_is_shown() {
    let shown = facts(&capabilities(STANDARD));
    let text: Vec<String> = shown.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// The error of a call that the user has no right to.
fn forbidden(what: &str) -> Arc<CallError> {
    let answer = ErrorAnswer {
        code: 403,
        reason: "Forbidden".to_owned(),
        message: "no".to_owned(),
        resource: None,
        fields: Box::default(),
    };
    Arc::new(CallError { what: what.to_owned(), object: None, class: Box::new(Class::Forbidden(answer)) })
}

#[test]
fn unknown_facts_are_shown_with_the_reason() {
    let found = Capabilities {
        storage: Err(forbidden("list classes")),
        load_balancer: Err(forbidden("list services")),
        metrics: Err(forbidden("list groups")),
        quotas: Err(forbidden("list quotas")),
        nodes: Err(forbidden("list nodes")),
        registry_hosting: Err(forbidden("read announcement")),
        ..capabilities(STANDARD)
    };
    let shown = facts(&found);
    for (name, what) in [
        ("storage class", "list classes"),
        ("load balancer", "list services"),
        ("metrics", "list groups"),
        ("nodes", "list nodes"),
        ("registry", "read announcement"),
    ] {
        let value = shown.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let why = format!("unknown: cannot {what}: the API server answered 403 Forbidden: no");
        assert_eq!(value, Some(why.as_str()));
    }
    let said = remarks(&needs(), &found).join("\n");
    assert!(said.contains("quotas may limit some namespaces: cannot list quotas"), "{said}");
}

#[test]
fn announcement_without_an_address_is_shown() {
    let found = Capabilities { registry_hosting: Ok(Some(Hosting::default())), ..capabilities(STANDARD) };
    let registry = facts(&found).into_iter().find(|(name, _)| *name == "registry");
    assert_eq!(registry, Some(("registry", "announced without an address to push to".to_owned())));
}
