//! Whether an existing cluster fits a platform, from its capabilities. Pure.

use devplat_kubernetes::{
    capabilities::{Capabilities, LoadBalancerEvidence, PodSecurityLevel, Storage},
    proof::Enforcement,
    recognition,
};
use devplat_profile::{Exposure, Profile};

/// The needs of a platform that a cluster may not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The class of homes; the cluster's default if `None`.
    pub(crate) storage_class: Option<String>,
    /// The way to the bastion.
    pub(crate) exposure: Exposure,
}

impl Needs {
    /// Returns the needs of a profile.
    pub(crate) fn of(profile: &Profile) -> Self {
        Self { storage_class: profile.dev_servers.storage_class.clone(), exposure: profile.bastion.exposure }
    }
}

/// Returns the reasons why the platform would not work in the cluster.
pub(crate) fn unmet(needs: &Needs, capabilities: &Capabilities) -> Vec<String> {
    let known = capabilities.storage_classes.as_ref();
    let why = match (&needs.storage_class, &capabilities.storage, known) {
        (Some(class), _, Some(known)) if !known.contains(class) => {
            Some(format!("it has no StorageClass {class}, which devServers.storageClass names"))
        }
        (Some(_), _, _) | (None, Storage::Default(_) | Storage::SeveralDefaults(_) | Storage::Unknown, _) => {
            None
        }
        (None, Storage::NoDefault(classes), _) => Some(format!(
            "none of its StorageClasses is the default ({}): name one with --set devServers.storageClass={}",
            classes.join(", "),
            usual_class(classes, capabilities).unwrap_or("CLASS")
        )),
        (None, Storage::None, _) => {
            Some("it has no StorageClass, so homes get no volumes: install a storage provisioner".to_owned())
        }
    };
    why.into_iter().collect()
}

/// Returns the class that the distribution comes with, if it is one of these.
fn usual_class(classes: &[String], capabilities: &Capabilities) -> Option<&'static str> {
    let usual = capabilities.recognition.distribution.consequences().storage_class?;
    classes.iter().any(|class| class == usual).then_some(usual)
}

/// Returns the facts that a user may not expect, one sentence each.
pub(crate) fn remarks(needs: &Needs, capabilities: &Capabilities) -> Vec<String> {
    let consequences = capabilities.recognition.distribution.consequences();
    let mut remarks = Vec::new();
    if let (None, Storage::SeveralDefaults(classes)) = (&needs.storage_class, &capabilities.storage) {
        remarks.push(format!(
            "several StorageClasses are the default ({}); Kubernetes uses the newest, and devServers.storageClass names one",
            classes.join(", ")
        ));
    }
    if needs.exposure == Exposure::LoadBalancer && capabilities.load_balancer.is_none() {
        remarks.push(format!(
            "no sign of load balancers: {}; --set bastion.exposure=portForward needs none",
            consequences.exposure_remark
        ));
    }
    if needs.exposure == Exposure::PortForward && consequences.exposure == recognition::Exposure::LoadBalancer
    {
        remarks.push(format!(
            "{} has load balancers ({}); --set bastion.exposure=loadBalancer gives the bastion an address of its own",
            capabilities.recognition.distribution, consequences.exposure_remark
        ));
    }
    match capabilities.pod_security {
        Some(PodSecurityLevel::Restricted) => {
            remarks.push("new namespaces accept only pods with a hardened security context".to_owned());
        }
        Some(PodSecurityLevel::Baseline | PodSecurityLevel::Privileged) | None => {}
    }
    remarks.extend(consequences.pod_security_remark.map(str::to_owned));
    if !capabilities.quotas.is_empty() {
        let names: Vec<String> = capabilities.quotas.iter().map(ToString::to_string).collect();
        remarks.push(format!("quotas limit some namespaces: {}", names.join(", ")));
    }
    remarks
}

/// Returns the remark on a cluster's enforcement of `NetworkPolicies`, as the last proof has tried it.
pub(crate) fn enforcement_remark(tried: Option<Enforcement>) -> Option<&'static str> {
    match tried {
        Some(Enforcement::Ignored) => Some(
            "the cluster ignores NetworkPolicies, so dev servers of different users can reach each other: install a network \
             plugin that enforces them",
        ),
        Some(Enforcement::Enforced) | None => None,
    }
}

/// Returns the enforcement of `NetworkPolicies` as name and value; `None` if it was not tried.
pub(crate) fn enforcement_fact(tried: Option<Enforcement>) -> Option<(&'static str, String)> {
    tried.map(|tried| ("network policies", format!("{tried}, tried by the last proof")))
}

/// Returns the capabilities as name and value.
pub(crate) fn facts(capabilities: &Capabilities) -> Vec<(&'static str, String)> {
    let Capabilities {
        version,
        recognition,
        default_storage_classes: _,
        storage_classes: _,
        storage,
        load_balancer,
        metrics,
        pod_security,
        quotas: _,
        architectures,
        nodes,
        runtimes,
        registry_hosting,
    } = capabilities;
    let unknown = || "unknown".to_owned();
    let join = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect::<Vec<_>>().join(", ");
    let mut distribution = recognition.distribution.to_string();
    if !recognition.facts.is_empty() {
        distribution = format!("{distribution} (by {})", recognition.facts.join(", "));
    }
    vec![
        ("distribution", distribution),
        ("version", version.clone()),
        (
            "nodes",
            format!("{}, {}, {}", nodes.len(), join(&mut architectures.iter()), join(&mut runtimes.iter())),
        ),
        (
            "storage class",
            match storage {
                Storage::Default(class) => class.clone(),
                Storage::SeveralDefaults(classes) => format!("{} (several defaults)", classes.join(", ")),
                Storage::NoDefault(_) => "no default".to_owned(),
                Storage::None => "none".to_owned(),
                Storage::Unknown => unknown(),
            },
        ),
        (
            "load balancer",
            match load_balancer {
                Some(LoadBalancerEvidence::Service(service)) => format!("yes: {service} has an address"),
                Some(LoadBalancerEvidence::Distribution) => "likely: the distribution has them".to_owned(),
                None => "no sign".to_owned(),
            },
        ),
        ("metrics", if *metrics { "served" } else { "not served" }.to_owned()),
        (
            "pod security",
            match pod_security {
                Some(PodSecurityLevel::Privileged) => "privileged".to_owned(),
                Some(PodSecurityLevel::Baseline) => "baseline".to_owned(),
                Some(PodSecurityLevel::Restricted) => "restricted".to_owned(),
                None => unknown(),
            },
        ),
        (
            "registry",
            registry_hosting
                .as_ref()
                .and_then(|hosting| hosting.host.clone())
                .unwrap_or_else(|| "none announced".to_owned()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::{
        ObjectRef,
        recognition::{DefaultDelivery, Distribution, Evidence, Exposure as Usual, Recognition, recognise},
    };

    use super::*;

    fn needs() -> Needs {
        Needs { storage_class: None, exposure: Exposure::LoadBalancer }
    }

    fn capabilities(storage: Storage) -> Capabilities {
        let evidence = Evidence { git_version: "v1.34.3".to_owned(), ..Evidence::default() };
        Capabilities {
            version: "v1.34.3".to_owned(),
            recognition: recognise(&evidence),
            default_storage_classes: Vec::new(),
            storage_classes: Some(["slow".to_owned()].into()),
            storage,
            load_balancer: None,
            metrics: false,
            pod_security: Some(PodSecurityLevel::Restricted),
            quotas: Vec::new(),
            architectures: ["amd64".to_owned()].into(),
            nodes: ["a".to_owned()].into(),
            runtimes: ["containerd".to_owned()].into(),
            registry_hosting: None,
        }
    }

    #[test]
    fn homes_need_a_storage_class() {
        let none = unmet(&needs(), &capabilities(Storage::None));
        assert_eq!(none, ["it has no StorageClass, so homes get no volumes: install a storage provisioner"]);
        let no_default = capabilities(Storage::NoDefault(vec!["slow".to_owned()]));
        assert!(unmet(&needs(), &no_default)[0].contains("--set devServers.storageClass=CLASS"));
        let named = |class: &str| Needs { storage_class: Some(class.to_owned()), ..needs() };
        assert!(unmet(&named("slow"), &no_default).is_empty());
        assert_eq!(
            unmet(&named("fast"), &no_default),
            ["it has no StorageClass fast, which devServers.storageClass names"]
        );
        assert!(unmet(&needs(), &capabilities(Storage::Unknown)).is_empty(), "the user may not list them");
        let unlisted = Capabilities { storage_classes: None, ..capabilities(Storage::Unknown) };
        assert!(unmet(&named("fast"), &unlisted).is_empty());
    }

    fn on(distribution: Distribution, storage: Storage) -> Capabilities {
        let recognition = Recognition { distribution, facts: Vec::new() };
        Capabilities { recognition, ..capabilities(storage) }
    }

    #[test]
    fn usual_class_of_the_distribution_is_proposed_if_it_exists() {
        let hint = |distribution: Distribution, classes: &[&str]| {
            let classes = classes.iter().map(|class| (*class).to_owned()).collect();
            unmet(&needs(), &on(distribution, Storage::NoDefault(classes))).remove(0)
        };
        let eks = hint(Distribution::Eks, &["efs", "gp2"]);
        assert_eq!(
            eks,
            "none of its StorageClasses is the default (efs, gp2): name one with --set devServers.storageClass=gp2"
        );
        assert!(hint(Distribution::Eks, &["efs"]).ends_with("=CLASS"));
        assert!(hint(Distribution::Other, &["gp2"]).ends_with("=CLASS"));
    }

    #[test]
    fn load_balancer_is_proposed_where_the_distribution_has_them() {
        let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
        let proposed = "Amazon EKS has load balancers (a load balancer may cost); --set bastion.exposure=loadBalancer \
                        gives the bastion an address of its own";
        let of = |needs: &Needs, distribution: Distribution| {
            remarks(needs, &on(distribution, Storage::Default("a".to_owned())))
        };
        assert!(of(&forwarded, Distribution::Eks).contains(&proposed.to_owned()));
        for (needs, distribution) in [
            (needs(), Distribution::Eks),
            (Needs { exposure: Exposure::NodePort(30_022), ..needs() }, Distribution::Eks),
            (forwarded, Distribution::Other),
        ] {
            let said = of(&needs, distribution).join("\n");
            assert!(!said.contains("bastion.exposure=loadBalancer"), "{said}");
        }
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
            let classes = vec![row.storage_class.unwrap_or("slow").to_owned()];
            let found = on(distribution.clone(), Storage::NoDefault(classes));
            let why = unmet(&needs(), &found).join("\n");
            let class = row.storage_class.unwrap_or("CLASS");
            assert!(why.ends_with(&format!("storageClass={class}")), "{distribution}: {why}");
            let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
            let said = remarks(&forwarded, &found).join("\n");
            let proposed =
                said.contains("bastion.exposure=loadBalancer") && said.contains(row.exposure_remark);
            assert_eq!(proposed, row.exposure == Usual::LoadBalancer, "{distribution}: {said}");
            assert!(
                row.pod_security_remark.is_none_or(|remark| said.contains(remark)),
                "{distribution}: {said}"
            );
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
        let object = |kind: &str, name: &str| ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: Some("team".to_owned()),
            name: name.to_owned(),
        };
        let quota = object("ResourceQuota", "limits");
        let service = object("Service", "web");
        let found = Capabilities {
            quotas: vec![quota.clone()],
            load_balancer: Some(LoadBalancerEvidence::Service(service.clone())),
            metrics: true,
            ..capabilities(Storage::SeveralDefaults(vec!["a".to_owned(), "b".to_owned()]))
        };
        let said = remarks(&needs(), &found).join("\n");
        assert!(said.contains(&format!("quotas limit some namespaces: {quota}")), "{said}");
        assert!(!said.contains("no sign of load balancers"), "{said}");
        let shown = facts(&found);
        let of = |name: &str| shown.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!(of("load balancer"), Some(format!("yes: {service} has an address").as_str()));
        assert_eq!(of("metrics"), Some("served"));
        assert_eq!(of("storage class"), Some("a, b (several defaults)"));
    }

    #[test]
    fn unexpected_facts_are_remarked() {
        let several = Storage::SeveralDefaults(vec!["a".to_owned(), "b".to_owned()]);
        let all = remarks(&needs(), &capabilities(several)).join("\n");
        assert!(all.contains("several StorageClasses are the default (a, b)"), "{all}");
        assert!(all.contains("no sign of load balancers"), "{all}");
        assert!(all.contains("hardened security context"), "{all}");
        let forwarded = Needs { exposure: Exposure::PortForward, ..needs() };
        let fewer = remarks(&forwarded, &capabilities(Storage::Default("a".to_owned()))).join("\n");
        assert!(!fewer.contains("load balancers") && !fewer.contains("StorageClasses"), "{fewer}");
    }

    #[test]
    fn ignored_network_policies_are_remarked() {
        assert!(
            enforcement_remark(Some(Enforcement::Ignored))
                .is_some_and(|why| why.contains("reach each other"))
        );
        assert_eq!(enforcement_remark(Some(Enforcement::Enforced)), None);
        assert_eq!(enforcement_fact(None), None);
        let (name, value) = enforcement_fact(Some(Enforcement::Enforced)).expect("it was tried");
        assert_eq!((name, value.as_str()), ("network policies", "enforced, tried by the last proof"));
    }

    #[test]
    fn every_capability_is_shown() {
        let shown = facts(&capabilities(Storage::Default("standard".to_owned())));
        let text: Vec<String> = shown.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
