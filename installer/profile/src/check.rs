//! From a profile as written, of the right shape, to one that makes sense; or everything that does not.

use std::collections::BTreeMap;

use devplat_api::flavor::FlavorResources;
use devplat_keys::{AuthorizedKeys, Revocations};

use crate::{
    Mistake, Profile,
    document::{self, Document},
    mistake::nearest,
    node::Node,
    profile::{
        Bastion, Cluster, Delivery, DevServerImage, DevServers, ExistingCluster, Exposure, Flavor,
        KindCluster, NodeImage, OperatorSize, PortMapping, User,
    },
};

/// Only this machine.
const LOOPBACK: &str = "127.0.0.1";

pub(crate) fn profile(document: Document, written: &Node) -> Result<Profile, Vec<Mistake>> {
    let mut found = Found { written, mistakes: Vec::new() };
    let Document {
        extends: _,
        description: _,
        cluster,
        images,
        operator,
        bastion,
        dev_servers,
        users,
        flavors,
    } = document;
    let cluster = found.cluster(cluster);
    let delivery = found.delivery(images, &cluster);
    found.resources("operator.resources", &operator.resources);
    let bastion = found.bastion(bastion);
    let users = found.users(users);
    let flavors = found.flavors(flavors);
    let dev_servers = found.dev_servers(dev_servers, &flavors);
    let document::Operator { replicas, resources } = operator;
    if !found.mistakes.is_empty() {
        return Err(found.mistakes);
    }
    let operator = OperatorSize { replicas, resources };
    Ok(Profile { cluster, delivery, operator, bastion, dev_servers, users, flavors })
}

struct Found<'a> {
    written: &'a Node,
    mistakes: Vec<Mistake>,
}

impl Found<'_> {
    fn at(&mut self, path: &str, what: impl Into<String>, nearest: Option<String>) {
        let place = self.written.nearest(path).place.clone();
        self.mistakes.push(Mistake { place, what: what.into(), nearest });
    }

    fn cluster(&mut self, cluster: document::Cluster) -> Cluster {
        let document::Cluster { provider, kind, context } = cluster;
        match provider {
            document::Provider::Kind => {
                if context.is_some() {
                    self.at("cluster.context", "context only goes with provider existing", None);
                }
                Cluster::Kind(self.kind(kind))
            }
            document::Provider::Existing => {
                let document::Kind { node_image, api_server_port, ssh_port, ssh_address, port_mappings } =
                    kind;
                let ports = [api_server_port, ssh_port].iter().any(Option::is_some);
                if node_image.is_some() || ports || ssh_address.is_some() || port_mappings.is_some() {
                    self.at("cluster.kind", "kind only goes with provider kind", None);
                }
                Cluster::Existing(ExistingCluster { context })
            }
        }
    }

    fn kind(&mut self, kind: document::Kind) -> KindCluster {
        let document::Kind { node_image, api_server_port, ssh_port, ssh_address, port_mappings } = kind;
        let ssh_address = ssh_address.unwrap_or_else(|| LOOPBACK.to_owned());
        if ssh_address.parse::<std::net::IpAddr>().is_err() {
            self.at("cluster.kind.sshAddress", format!("sshAddress {ssh_address:?} is no IP address"), None);
        }
        let ssh_port = ssh_port.filter(|port| *port != 0);
        let mut mappings = Vec::new();
        for document::PortMapping { host_port, node_port, listen_address } in
            port_mappings.unwrap_or_default()
        {
            let listen_address = listen_address.unwrap_or_else(|| LOOPBACK.to_owned());
            if listen_address.parse::<std::net::IpAddr>().is_err() {
                let what = format!("listenAddress {listen_address:?} is no IP address");
                self.at("cluster.kind.portMappings", what, None);
            }
            let taken = |other: &PortMapping| other.host_port == host_port;
            if ssh_port == Some(host_port) || mappings.iter().any(taken) {
                self.at("cluster.kind.portMappings", format!("hostPort {host_port} is mapped twice"), None);
            }
            mappings.push(PortMapping { host_port, node_port, listen_address });
        }
        mappings.sort();
        let node_image = match node_image.as_deref() {
            None | Some("auto") => NodeImage::Auto,
            Some(reference) => NodeImage::Reference(reference.to_owned()),
        };
        KindCluster {
            node_image,
            api_server_port: api_server_port.filter(|port| *port != 0),
            ssh_port,
            ssh_address,
            port_mappings: mappings,
        }
    }

    fn delivery(&mut self, images: document::Images, cluster: &Cluster) -> Delivery {
        let document::Images { delivery, registry } = images;
        match (delivery, registry, cluster) {
            (document::Delivery::Registry, Some(registry), _) => Delivery::Registry(registry),
            (document::Delivery::Registry, None, _) => {
                self.at(
                    "images.delivery",
                    "delivery registry needs images.registry, such as registry.example/team",
                    None,
                );
                Delivery::Nodes
            }
            (document::Delivery::Nodes, Some(_), _) => {
                self.at("images.registry", "registry only goes with delivery registry", None);
                Delivery::Nodes
            }
            (document::Delivery::Nodes, None, Cluster::Existing(_) | Cluster::Kind(_)) => Delivery::Nodes,
        }
    }

    fn bastion(&mut self, bastion: document::Bastion) -> Bastion {
        let document::Bastion {
            replicas,
            resources,
            exposure,
            node_port,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        } = bastion;
        self.resources("bastion.resources", &resources);
        let exposure = match (exposure, node_port) {
            (document::ExposureKind::NodePort, Some(port)) => Exposure::NodePort(port),
            (document::ExposureKind::NodePort, None) => {
                self.at("bastion.exposure", "exposure nodePort needs bastion.nodePort, such as 30022", None);
                Exposure::PortForward
            }
            // Left over from a lower layer, it does no harm.
            (document::ExposureKind::LoadBalancer, _) => Exposure::LoadBalancer,
            (document::ExposureKind::PortForward, _) => Exposure::PortForward,
        };
        for name in &host_names {
            if name.is_empty() || name.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()) {
                self.at("bastion.hostNames", format!("{name:?} is no host name"), None);
            }
        }
        self.keys("bastion.userAuthorities", &user_authorities);
        for line in &user_revocations {
            if let Err(wrong) = Revocations::default().add(line) {
                self.at("bastion.userRevocations", format!("{line:?} takes nothing back: {wrong}"), None);
            }
        }
        Bastion {
            replicas,
            resources,
            exposure,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        }
    }

    fn users(&mut self, users: BTreeMap<String, document::User>) -> BTreeMap<String, User> {
        let mut checked = BTreeMap::new();
        for (name, document::User { display_name, ssh_keys, groups, generate_key }) in users {
            let path = format!("users.{name}");
            if name.parse::<crate::PlatformName>().is_err() {
                self.at(&path, format!("user {name:?} is no DNS label"), None);
            }
            if ssh_keys.is_empty() && !generate_key {
                self.at(&path, format!("user {name:?} has no key: give sshKeys, or generateKey: true"), None);
            }
            self.keys(&format!("{path}.sshKeys"), &ssh_keys);
            checked.insert(name, User { display_name, ssh_keys, groups, generate_key });
        }
        checked
    }

    fn keys(&mut self, path: &str, keys: &[String]) {
        let (_, wrong) = AuthorizedKeys::parse(keys.iter().map(String::as_str));
        for number in wrong {
            let key = keys.get(number - 1).map_or("", String::as_str);
            let begin: String = key.chars().take(24).collect();
            self.at(
                path,
                format!("{begin:?}… is no public key; take the line of a file that ends in .pub"),
                None,
            );
        }
    }

    fn flavors(&mut self, flavors: BTreeMap<String, document::Flavor>) -> BTreeMap<String, Flavor> {
        let mut checked = BTreeMap::new();
        for (name, document::Flavor { resources, node_selector, tolerations }) in flavors {
            let path = format!("flavors.{name}");
            if name.parse::<crate::PlatformName>().is_err() {
                self.at(&path, format!("flavor {name:?} is no DNS label"), None);
            }
            self.resources(&format!("{path}.resources"), &resources);
            checked.insert(name, Flavor { resources, node_selector, tolerations });
        }
        if checked.is_empty() {
            self.at("flavors", "there must be at least one flavor", None);
        }
        checked
    }

    fn resources(&mut self, path: &str, resources: &FlavorResources) {
        let FlavorResources { requests, limits } = resources;
        for (name, request) in requests {
            let Some(limit) = limits.get(name) else { continue };
            if let (Ok(least), Ok(most)) = (request.value(), limit.value())
                && least > most
            {
                let what = format!("request of {name} ({request}) is above its limit ({limit})");
                self.at(&format!("{path}.requests.{name}"), what, None);
            }
        }
    }

    fn dev_servers(
        &mut self,
        servers: document::DevServers,
        flavors: &BTreeMap<String, Flavor>,
    ) -> DevServers {
        let document::DevServers { image, auto_image, default_flavor, home_size, storage_class } = servers;
        if !flavors.is_empty() && !flavors.contains_key(&default_flavor) {
            let names: Vec<&str> = flavors.keys().map(String::as_str).collect();
            let what = format!("there is no flavor {default_flavor:?}; there are {}", names.join(", "));
            let nearest = nearest(&default_flavor, names);
            self.at("devServers.defaultFlavor", what, nearest);
        }
        if home_size.value().is_ok_and(|bytes| bytes <= 0.0) {
            self.at("devServers.homeSize", "a home of no size holds nothing", None);
        }
        let image = match image.as_str() {
            "auto" => DevServerImage::Auto(auto_image),
            "debian" => DevServerImage::Debian,
            _ => DevServerImage::Reference(image),
        };
        DevServers { image, default_flavor, home_size, storage_class }
    }
}
