//! Checks whether images can be imported into a minikube cluster.

use std::collections::BTreeSet;

use devplat_kubernetes::capabilities::Nodes;
use devplat_tool::{
    local::api,
    minikube::{self, MinikubeCluster},
};

use super::engine::connect;
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::RememberedDelivery,
};

/// The container runtimes into which devplat imports images. The import into others was not tried.
const KNOWN: [&str; 2] = ["docker", "containerd"];
const RUN_THERE: &str = "run devplat as the account, and on the machine, that created the cluster";

/// Checks minikube's profile `name` for a cluster with these nodes, whose API server the context finds at `server`. Both
/// the names of the nodes and that address must be the profile's, or the images would go to another cluster of that name.
pub(super) async fn usable(
    name: &str,
    there: &Nodes,
    server: &str,
    host: &Host,
) -> Result<RememberedDelivery, Failure> {
    let profiles = minikube::profiles(&host.surroundings).await?;
    let profile = known(name, &profiles)?;
    has_nodes(profile, &there.names)?;
    leads_here(profile, server, host).await?;
    fits(profile, &there.runtimes)?;
    Ok(RememberedDelivery::Minikube { profile: name.to_owned() })
}

fn known<'a>(name: &str, profiles: &'a [MinikubeCluster]) -> Result<&'a MinikubeCluster, Failure> {
    profiles.iter().find(|profile| profile.name == name).ok_or_else(|| {
        let known: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::new(Exit::Usage, format!("minikube has no profile {name} here; it has {known}"))
            .hint(RUN_THERE)
    })
}

fn has_nodes(profile: &MinikubeCluster, there: &BTreeSet<String>) -> Result<(), Failure> {
    let here: BTreeSet<String> = profile.nodes.iter().cloned().collect();
    if here == *there {
        return Ok(());
    }
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let name = &profile.name;
    let why = format!("the cluster has nodes {}; minikube's profile {name} has {}", list(there), list(&here));
    Err(Failure::new(Exit::Usage, why).hint(RUN_THERE))
}

/// Fails unless `server` is the address of the profile's API server, or a port of this machine that leads to it.
async fn leads_here(profile: &MinikubeCluster, server: &str, host: &Host) -> Result<(), Failure> {
    let MinikubeCluster { name, driver, api_servers, .. } = profile;
    if api::is_one_of(server, api_servers).await {
        return Ok(());
    }
    // Where the network of the nodes cannot be reached, as with Docker Desktop and a rootless engine, minikube publishes
    // their ports.
    if let ("docker", Some(address)) = (driver.as_str(), api_servers.first()) {
        let engine = connect(host).await?;
        let nodes = engine.containers(&format!("name.minikube.sigs.k8s.io={name}")).await?;
        if api::leads_to_port(server, &nodes, address.port()).await {
            return Ok(());
        }
    }
    let here: Vec<String> = api_servers.iter().map(ToString::to_string).collect();
    let here = if here.is_empty() { "an unknown address".to_owned() } else { here.join(", ") };
    let why = format!(
        "{server} does not lead to minikube's profile {name} here, whose API server is at {here}, but to a cluster with \
         the same names"
    );
    Err(Failure::new(Exit::Usage, why).hint(RUN_THERE))
}

fn fits(profile: &MinikubeCluster, runtimes: &BTreeSet<String>) -> Result<(), Failure> {
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
            .hint(format!("`minikube addons enable storage-provisioner-rancher -p {}`", profile.name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(nodes: usize) -> MinikubeCluster {
        MinikubeCluster {
            name: "lab".to_owned(),
            driver: "docker".to_owned(),
            container_runtime: "containerd".to_owned(),
            kubernetes_version: "v1.34.0".to_owned(),
            nodes: (1..=nodes).map(|number| format!("lab-m{number:02}")).collect(),
            api_servers: vec!["192.168.49.2:8443".parse().unwrap()],
            volumes_on_every_node: false,
        }
    }

    fn error(profile: &MinikubeCluster, runtime: &str) -> String {
        fits(profile, &BTreeSet::from([runtime.to_owned()])).unwrap_err().message
    }

    #[test]
    fn profile_with_docker_or_containerd_is_usable() {
        for runtime in ["docker", "containerd"] {
            let runtime = BTreeSet::from([runtime.to_owned()]);
            assert_eq!(fits(&profile(1), &runtime), Ok(()));
            let rancher = MinikubeCluster { volumes_on_every_node: true, ..profile(3) };
            assert_eq!(fits(&rancher, &runtime), Ok(()));
        }
    }

    #[test]
    fn profile_of_another_machine_is_reported_with_local_profiles() {
        let unknown = |profiles: &[MinikubeCluster]| known("lab", profiles).unwrap_err().message;
        assert_eq!(unknown(&[]), "minikube has no profile lab here; it has none");
        let other = MinikubeCluster { name: "minikube".to_owned(), ..profile(1) };
        assert_eq!(unknown(&[other]), "minikube has no profile lab here; it has minikube");
    }

    #[test]
    fn profile_with_other_nodes_is_rejected() {
        let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(has_nodes(&profile(2), &nodes(&["lab-m02", "lab-m01"])), Ok(()));
        let why = has_nodes(&profile(1), &nodes(&["lab", "lab-m02"])).unwrap_err().message;
        assert_eq!(why, "the cluster has nodes lab, lab-m02; minikube's profile lab has lab-m01");
    }

    #[test]
    fn other_runtime_is_rejected() {
        assert_eq!(
            error(&profile(1), "cri-o"),
            "its container runtime is cri-o; devplat imports images into docker and containerd"
        );
    }

    #[test]
    fn several_nodes_need_volumes_on_every_node() {
        let said = error(&profile(2), "containerd");
        assert!(said.starts_with("it has 2 nodes, and a home would be lost"), "{said}");
    }
}
