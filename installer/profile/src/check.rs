//! From a profile as written, of the right shape, to one that makes sense; or everything that does not.

use std::collections::BTreeMap;

use devplat_api::flavor::FlavorResources;

use crate::{
    Mistake, Profile,
    document::{self, Document},
    mistake::nearest,
    node::Node,
    profile::{
        Cluster, Delivery, DevServerImage, DevServers, ExistingCluster, Flavor, KindCluster, NodeImage,
        OperatorSize, PortMapping,
    },
};

/// Only this machine.
const LOOPBACK: &str = "127.0.0.1";

pub(crate) fn profile(document: Document, written: &Node) -> Result<Profile, Vec<Mistake>> {
    let mut found = Found { written, mistakes: Vec::new() };
    let Document { extends: _, description: _, cluster, images, operator, dev_servers, flavors } = document;
    let cluster = found.cluster(cluster);
    let delivery = found.delivery(images, &cluster);
    found.resources("operator.resources", &operator.resources);
    let flavors = found.flavors(flavors);
    let dev_servers = found.dev_servers(dev_servers, &flavors);
    let document::Operator { replicas, resources } = operator;
    if !found.mistakes.is_empty() {
        return Err(found.mistakes);
    }
    Ok(Profile { cluster, delivery, operator: OperatorSize { replicas, resources }, dev_servers, flavors })
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
                let document::Kind { node_image, api_server_port, port_mappings } = kind;
                if node_image.is_some() || api_server_port.is_some() || port_mappings.is_some() {
                    self.at("cluster.kind", "kind only goes with provider kind", None);
                }
                Cluster::Existing(ExistingCluster { context })
            }
        }
    }

    fn kind(&mut self, kind: document::Kind) -> KindCluster {
        let document::Kind { node_image, api_server_port, port_mappings } = kind;
        let mut mappings = Vec::new();
        for document::PortMapping { host_port, node_port, listen_address } in
            port_mappings.unwrap_or_default()
        {
            let listen_address = listen_address.unwrap_or_else(|| LOOPBACK.to_owned());
            if listen_address.parse::<std::net::IpAddr>().is_err() {
                let what = format!("listenAddress {listen_address:?} is no IP address");
                self.at("cluster.kind.portMappings", what, None);
            }
            if mappings.iter().any(|other: &PortMapping| other.host_port == host_port) {
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
            let names = flavors.keys().map(String::as_str);
            let what = format!("there is no flavor {default_flavor:?}");
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
