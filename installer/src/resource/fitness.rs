//! Whether an existing cluster fits a platform, from its capabilities. Pure.

use std::collections::BTreeSet;

use devplat_kubernetes::{
    ObjectRef,
    capabilities::{Capabilities, Fact, Nodes, PodSecurityLevel, Storage, StorageClasses},
    hosting::Hosting,
    proof::Enforcement,
    recognition::UsualExposure,
};
use devplat_profile::{Exposure, Profile};

use crate::failure::one_line;

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
    // A list that cannot be read gives no reason: the user may have no right to read it.
    let Ok(classes) = &capabilities.storage else { return Vec::new() };
    let why = match (&needs.storage_class, classes.for_claims()) {
        (Some(class), _) if classes.contains(class) => None,
        (Some(class), _) => {
            Some(format!("it has no StorageClass {class}, which devServers.storageClass names"))
        }
        (None, Storage::Default(_) | Storage::SeveralDefaults(_)) => None,
        (None, Storage::NoDefault(classes)) => Some(format!(
            "none of its StorageClasses is the default ({}): name one with --set devServers.storageClass={}",
            classes.join(", "),
            usual_class(&classes, capabilities).unwrap_or("CLASS")
        )),
        (None, Storage::None) => {
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

/// Returns a Service that shows that load balancers work, if one is known.
fn balanced(capabilities: &Capabilities) -> Option<&ObjectRef> {
    capabilities.load_balancer.as_ref().ok().and_then(Option::as_ref)
}

fn has_usually_balancers(capabilities: &Capabilities) -> bool {
    match capabilities.recognition.distribution.consequences().exposure {
        UsualExposure::LoadBalancer => true,
        UsualExposure::NodePort | UsualExposure::PortForward => false,
    }
}

/// Returns the facts that a user may not expect, one sentence each.
pub(crate) fn remarks(needs: &Needs, capabilities: &Capabilities) -> Vec<String> {
    let consequences = capabilities.recognition.distribution.consequences();
    let mut remarks = Vec::new();
    let claims = capabilities.storage.as_ref().map(StorageClasses::for_claims);
    if let (None, Ok(Storage::SeveralDefaults(classes))) = (&needs.storage_class, claims) {
        remarks.push(format!(
            "several StorageClasses are the default ({}); Kubernetes uses the newest, and devServers.storageClass names one",
            classes.join(", ")
        ));
    }
    match (needs.exposure, balanced(capabilities)) {
        (Exposure::LoadBalancer, None) => remarks.push(format!(
            "no Service shows that load balancers work here ({}); --set bastion.exposure=portForward needs none",
            consequences.exposure_remark
        )),
        (Exposure::PortForward, Some(service)) if has_usually_balancers(capabilities) => remarks.push(format!(
            "load balancers work here: {service} has an address ({}); --set bastion.exposure=loadBalancer gives the \
             bastion one of its own",
            consequences.exposure_remark
        )),
        (Exposure::LoadBalancer, Some(_)) | (Exposure::PortForward | Exposure::NodePort(_), _) => {}
    }
    match capabilities.pod_security {
        Some(PodSecurityLevel::Restricted) => {
            remarks.push("new namespaces accept only pods with a hardened security context".to_owned());
        }
        Some(PodSecurityLevel::Baseline | PodSecurityLevel::Privileged) | None => {}
    }
    remarks.extend(consequences.pod_security_remark.map(str::to_owned));
    match &capabilities.quotas {
        Ok(quotas) if quotas.is_empty() => {}
        Ok(quotas) => {
            let names: Vec<String> = quotas.iter().map(ToString::to_string).collect();
            remarks.push(format!("quotas limit some namespaces: {}", names.join(", ")));
        }
        Err(error) => remarks.push(format!("quotas may limit some namespaces: {}", one_line(&**error))),
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
        storage,
        load_balancer,
        metrics,
        pod_security,
        quotas: _,
        nodes,
        registry_hosting,
    } = capabilities;
    let unknown = || "unknown".to_owned();
    let mut distribution = recognition.distribution.to_string();
    if !recognition.facts.is_empty() {
        distribution = format!("{distribution} (by {})", recognition.facts.join(", "));
    }
    vec![
        ("distribution", distribution),
        ("version", version.clone()),
        ("nodes", shown(nodes, described)),
        (
            "storage class",
            shown(storage, |classes| match classes.for_claims() {
                Storage::Default(class) => class,
                Storage::SeveralDefaults(classes) => format!("{} (several defaults)", classes.join(", ")),
                Storage::NoDefault(_) => "no default".to_owned(),
                Storage::None => "none".to_owned(),
            }),
        ),
        (
            "load balancer",
            shown(load_balancer, |service| match service {
                Some(service) => format!("yes: {service} has an address"),
                None if has_usually_balancers(capabilities) => {
                    format!("unknown: no Service has an address; usual on {}", recognition.distribution)
                }
                None => "unknown: no Service has an address".to_owned(),
            }),
        ),
        ("metrics", shown(metrics, |served| if *served { "served" } else { "not served" }.to_owned())),
        (
            "pod security",
            match pod_security {
                Some(PodSecurityLevel::Privileged) => "privileged".to_owned(),
                Some(PodSecurityLevel::Baseline) => "baseline".to_owned(),
                Some(PodSecurityLevel::Restricted) => "restricted".to_owned(),
                None => unknown(),
            },
        ),
        ("registry", shown(registry_hosting, |hosting| announced(hosting.as_ref()))),
    ]
}

/// Shows a fact, or why it is unknown.
fn shown<T>(fact: &Fact<T>, known: impl FnOnce(&T) -> String) -> String {
    match fact {
        Ok(value) => known(value),
        Err(error) => format!("unknown: {}", one_line(&**error)),
    }
}

fn described(nodes: &Nodes) -> String {
    let Nodes { names, architectures, runtimes } = nodes;
    let join = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let architectures =
        if architectures.is_empty() { "none takes pods".to_owned() } else { join(architectures) };
    let facts = [names.len().to_string(), architectures, join(runtimes)];
    facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}

fn announced(hosting: Option<&Hosting>) -> String {
    match hosting {
        Some(Hosting { host: Some(host), .. }) => host.clone(),
        Some(Hosting { host: None, .. }) => "announced without an address to push to".to_owned(),
        None => "none announced".to_owned(),
    }
}

#[cfg(test)]
#[path = "fitness_tests.rs"]
mod tests;
