//! Whether an existing cluster fits a platform, from its capabilities. Pure.

use devplat_kubernetes::capabilities::{Capabilities, LoadBalancerEvidence, PodSecurityLevel, Storage};
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
    let name_one = "name one with --set devServers.storageClass=CLASS";
    let known = capabilities.storage_classes.as_ref();
    let why = match (&needs.storage_class, &capabilities.storage, known) {
        (Some(class), _, Some(known)) if !known.contains(class) => {
            Some(format!("it has no StorageClass {class}, which devServers.storageClass names"))
        }
        (Some(_), _, _) | (None, Storage::Default(_) | Storage::SeveralDefaults(_) | Storage::Unknown, _) => {
            None
        }
        (None, Storage::NoDefault(classes), _) => {
            Some(format!("none of its StorageClasses is the default ({}): {name_one}", classes.join(", ")))
        }
        (None, Storage::None, _) => {
            Some("it has no StorageClass, so homes get no volumes: install a storage provisioner".to_owned())
        }
    };
    why.into_iter().collect()
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
    use devplat_kubernetes::recognition::{Evidence, recognise};

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
    fn every_capability_is_shown() {
        let shown = facts(&capabilities(Storage::Default("standard".to_owned())));
        let text: Vec<String> = shown.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
