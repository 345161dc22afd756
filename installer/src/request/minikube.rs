//! Checks whether images can be imported into a minikube cluster.

use std::collections::BTreeSet;

use devplat_tool::minikube::{self, Profile};

use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::RememberedDelivery,
};

/// The container runtimes into which devplat imports images. The import into others was not tried.
const KNOWN: [&str; 2] = ["docker", "containerd"];

/// Checks minikube's profile `name`, whose nodes report these container runtimes.
pub(super) async fn usable(
    name: &str,
    runtimes: &BTreeSet<String>,
    host: &Host,
) -> Result<RememberedDelivery, Failure> {
    let profiles = minikube::profiles(&host.surroundings).await?;
    fits(name, &profiles, runtimes)?;
    Ok(RememberedDelivery::Minikube { profile: name.to_owned() })
}

fn fits(name: &str, profiles: &[Profile], runtimes: &BTreeSet<String>) -> Result<(), Failure> {
    let Some(profile) = profiles.iter().find(|profile| profile.name == name) else {
        let known: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::new(
            Exit::Usage,
            format!("minikube has no profile {name} here; it has {known}"),
        )
        .hint("run devplat as the account, and on the machine, that created the cluster"));
    };
    if let Some(other) = runtimes.iter().find(|runtime| !KNOWN.contains(&runtime.as_str())) {
        let why =
            format!("its container runtime is {other}; devplat imports images into {}", KNOWN.join(" and "));
        return Err(Failure::new(Exit::Usage, why).hint(
            "create another cluster beside this one: `minikube start -p devplat --container-runtime=docker`",
        ));
    }
    // Volumes of the default provisioner are on one node, but pods may be scheduled to any node (minikube issue 12165).
    let count = profile.nodes.len();
    if count > 1 && !profile.volumes_on_every_node {
        let why = format!("it has {count} nodes, and a home would be lost when its pod moves to another one");
        return Err(Failure::new(Exit::Usage, why)
            .hint(format!("`minikube addons enable storage-provisioner-rancher -p {name}`")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(nodes: usize) -> Profile {
        Profile {
            name: "lab".to_owned(),
            driver: "docker".to_owned(),
            container_runtime: "containerd".to_owned(),
            kubernetes_version: "v1.34.0".to_owned(),
            nodes: (1..=nodes).map(|number| format!("lab-m{number:02}")).collect(),
            volumes_on_every_node: false,
        }
    }

    fn error(profiles: &[Profile], runtime: &str) -> String {
        fits("lab", profiles, &BTreeSet::from([runtime.to_owned()])).unwrap_err().message
    }

    #[test]
    fn profile_with_docker_or_containerd_is_usable() {
        for runtime in ["docker", "containerd"] {
            let runtime = BTreeSet::from([runtime.to_owned()]);
            assert_eq!(fits("lab", &[profile(1)], &runtime), Ok(()));
            let rancher = Profile { volumes_on_every_node: true, ..profile(3) };
            assert_eq!(fits("lab", &[rancher], &runtime), Ok(()));
        }
    }

    #[test]
    fn profile_of_another_machine_is_reported_with_local_profiles() {
        assert_eq!(error(&[], "containerd"), "minikube has no profile lab here; it has none");
        let other = Profile { name: "minikube".to_owned(), ..profile(1) };
        assert_eq!(error(&[other], "containerd"), "minikube has no profile lab here; it has minikube");
    }

    #[test]
    fn other_runtime_is_rejected() {
        assert_eq!(
            error(&[profile(1)], "cri-o"),
            "its container runtime is cri-o; devplat imports images into docker and containerd"
        );
    }

    #[test]
    fn several_nodes_need_volumes_on_every_node() {
        let said = error(&[profile(2)], "containerd");
        assert!(said.starts_with("it has 2 nodes, and a home would be lost"), "{said}");
    }
}
