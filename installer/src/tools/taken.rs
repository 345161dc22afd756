//! Names, address ranges and ports that other containers and networks of the engine have, with remedies that work: devplat
//! proposes no change to an object of a platform, and Docker deletes no network of its own and none in use.

use std::net::SocketAddr;

use devplat_tool::{
    docker::{ListedContainer, Network},
    local::{Maker, Mark, NameOccupant},
    ports,
};
use ipnet::Ipv4Net;

use crate::failure::{Exit, Failure};

/// The remedy for a port that another program needs.
pub(super) const OTHER_PORTS: &str =
    "choose other ports in the profile: sshPort, apiServerPort, portMappings, images.local.port";

/// The networks that the engine itself needs.
const OF_THE_ENGINE: [&str; 5] = ["bridge", "host", "none", "ingress", "docker_gwbridge"];

/// Fails if these containers have names that a cluster needs.
pub(super) fn names(maker: Maker, cluster: &str, holders: &[NameOccupant]) -> Result<(), Failure> {
    let why =
        |holder: &NameOccupant| format!("{holder}, and {} cluster {cluster} needs its name", maker.name());
    let mut reasons = holders.iter().map(why);
    let Some(first) = reasons.next() else { return Ok(()) };
    let failure = Failure::new(Exit::Usage, reasons.fold(first, |all, next| format!("{all}; {next}")));
    let mut hints: Vec<String> = holders.iter().map(NameOccupant::hint).collect();
    // Several containers may belong to one platform.
    hints.dedup();
    Err(failure.with_hints(hints).hint("or choose another platform name with --name"))
}

/// Returns a network, other than those named `own`, that has an address of this range, because the engine would not
/// create another one in it.
pub(super) fn overlapping<'a>(range: Ipv4Net, own: &str, networks: &'a [Network]) -> Option<&'a Network> {
    networks.iter().find(|network| {
        let mut theirs = network.subnets.iter().filter_map(|text| text.parse::<Ipv4Net>().ok());
        network.name != own && theirs.any(|theirs| theirs.contains(&range) || range.contains(&theirs))
    })
}

/// Returns the failure for a range that overlaps one of this network. `key` is the range's key in the profile.
pub(super) fn range(range: Ipv4Net, key: &str, network: &Network, platform: &str) -> Failure {
    let Network { id: _, name, labels, subnets, attached } = network;
    let why = format!("range {range} overlaps {} of Docker network {name}", subnets.join(", "));
    let failure =
        Failure::new(Exit::Missing, why).hint(format!("choose another range with --set {key}=RANGE"));
    match Mark::of_labels(labels) {
        Some(mark) => failure.maybe_hint(platform_hint(&mark, platform)),
        None if OF_THE_ENGINE.contains(&name.as_str()) || !attached.is_empty() => failure,
        None => {
            failure.hint(format!("or delete that network if it is not needed: `docker network rm {name}`"))
        }
    }
}

/// Returns whether a container has published a port that keeps another from listening on `address`.
pub(super) fn publishes(container: &ListedContainer, address: &SocketAddr) -> bool {
    container.published.iter().any(|published| ports::overlap(published, address))
}

/// Returns the failure for a port that leads to a container.
pub(super) fn published(
    address: SocketAddr,
    choice: Option<&str>,
    container: &ListedContainer,
    platform: &str,
) -> Failure {
    let name = &container.name;
    let mark = Mark::of_listed(container);
    let of = mark.as_ref().map(|mark| format!(" of platform {}", mark.platform)).unwrap_or_default();
    let why = format!("port {address} of this machine is taken by container {name}{of}");
    let failure = Failure::new(Exit::Missing, why);
    match mark {
        None => failure.hint(alternatives(&format!("stop it (`docker stop {name}`)"), choice)),
        Some(mark) => {
            failure.maybe_hint(choice.map(str::to_owned)).maybe_hint(platform_hint(&mark, platform))
        }
    }
}

pub(super) fn alternatives(first: &str, second: Option<&str>) -> String {
    [Some(first), second].into_iter().flatten().collect::<Vec<_>>().join(", or ")
}

/// Returns the remedy for an object of another platform.
fn platform_hint(mark: &Mark, platform: &str) -> Option<String> {
    let Mark { platform: owner, account: _ } = mark;
    (owner != platform)
        .then(|| format!("or delete platform {owner} if it is not needed: `devplat destroy --name {owner}`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of_platform(platform: Option<&str>) -> BTreeMap<String, String> {
        platform.map(|of| ("dev.devplat.platform".to_owned(), of.to_owned())).into_iter().collect()
    }

    fn holder(container: &str, platform: Option<&str>) -> NameOccupant {
        NameOccupant { container: container.to_owned(), platform: platform.map(str::to_owned) }
    }

    #[test]
    fn container_with_a_name_of_the_cluster_is_named_with_the_remedies() {
        assert_eq!(names(Maker::K3d, "b1", &[]), Ok(()));
        let foreign = holder("k3d-b1-agent-0", None);
        let failure = names(Maker::K3d, "b1", std::slice::from_ref(&foreign)).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let why = "container k3d-b1-agent-0 was not created by devplat, and k3d cluster b1 needs its name";
        assert_eq!(failure.message, why);
        let commands = "`docker rename k3d-b1-agent-0 k3d-b1-agent-0-old`";
        assert!(failure.hints[0].contains(commands), "{failure:?}");
        assert!(failure.hints[1].contains("--name"), "{failure:?}");
        let others = [foreign, holder("b1-worker", Some("a")), holder("b1-worker2", Some("a"))];
        let failure = names(Maker::Kind, "b1", &others).unwrap_err();
        assert!(failure.message.contains("; container b1-worker belongs to platform a"), "{failure:?}");
        assert_eq!(failure.hints.len(), 3, "{failure:?}");
        assert!(failure.hints[1].contains("`devplat destroy --name a`"), "{failure:?}");
    }

    #[test]
    fn range_of_another_network_is_found() {
        let network = |name: &str, range: &str| Network {
            name: name.to_owned(),
            subnets: vec!["fd00::/64".to_owned(), range.to_owned()],
            ..Network::default()
        };
        let networks = [network("devplat-a", "10.1.0.0/24"), network("theirs", "10.89.0.0/16")];
        let found = |range: &str| overlapping(range.parse().unwrap(), "devplat-a", &networks);
        // Its own network is deleted first.
        assert_eq!((found("10.1.0.0/16"), found("10.90.0.0/24")), (None, None));
        for range in ["10.89.7.0/24", "10.88.0.0/14"] {
            assert_eq!(found(range).map(|network| network.name.as_str()), Some("theirs"));
        }
    }

    #[test]
    fn network_is_proposed_for_deletion_only_if_docker_would_delete_it() {
        let hints = |name: &str, platform: Option<&str>, attached: &[&str]| {
            let attached = attached.iter().map(|name| devplat_tool::docker::Attached {
                name: (*name).to_owned(),
                id: (*name).to_owned(),
            });
            let network = Network {
                name: name.to_owned(),
                labels: of_platform(platform),
                attached: attached.collect(),
                ..Network::default()
            };
            let failure = range("10.89.7.0/24".parse().unwrap(), "cluster.kind.subnet", &network, "mine");
            assert_eq!(failure.exit, Exit::Missing);
            assert!(failure.message.ends_with(&format!("of Docker network {name}")), "{failure:?}");
            assert_eq!(failure.hints[0], "choose another range with --set cluster.kind.subnet=RANGE");
            failure.hints[1..].concat()
        };
        assert!(hints("theirs", None, &[]).contains("`docker network rm theirs`"));
        for (name, attached) in [("bridge", &[][..]), ("docker_gwbridge", &[]), ("theirs", &["web"])] {
            assert_eq!(hints(name, None, attached), "", "{name}");
        }
        let other = hints("devplat-b", Some("b"), &[]);
        assert!(other.contains("`devplat destroy --name b`") && !other.contains("network rm"), "{other}");
        assert_eq!(hints("devplat-mine-2", Some("mine"), &[]), "");
    }

    #[test]
    fn container_that_has_published_the_port_is_named() {
        let listed = |platform: Option<&str>| ListedContainer {
            name: "web".to_owned(),
            labels: of_platform(platform),
            published: vec!["0.0.0.0:2222".parse().unwrap()],
            ..ListedContainer::default()
        };
        assert!(publishes(&listed(None), &"127.0.0.1:2222".parse().unwrap()));
        assert!(!publishes(&listed(None), &"127.0.0.1:2223".parse().unwrap()));
        let failure = |platform: Option<&str>| {
            published("127.0.0.1:2222".parse().unwrap(), Some(OTHER_PORTS), &listed(platform), "mine")
        };
        let foreign = failure(None);
        assert_eq!(foreign.exit, Exit::Missing);
        assert!(foreign.message.ends_with("is taken by container web"), "{foreign:?}");
        assert!(foreign.hints[0].contains("`docker stop web`"), "{foreign:?}");
        let other = failure(Some("b"));
        assert!(other.message.ends_with("container web of platform b"), "{other:?}");
        assert!(other.hints[1].contains("`devplat destroy --name b`"), "{other:?}");
        assert_eq!(failure(Some("mine")).hints, [OTHER_PORTS]);
        assert!(!other.hints.concat().contains("docker stop"), "{other:?}");
    }
}
