//! A cluster in AWS.

use std::{fmt::Display, str::FromStr};

use ipnet::Ipv4Net;

use super::{Check, shown};
use crate::{
    RegionName,
    document::{self, Delivery, Images},
    network::{self, SubnetId, ZoneId},
    path::KeyPath,
    profile::{CreatedVpc, EksCluster, EksNetwork, EndpointService, ExistingVpc, Nat, Vpc, Zones},
};

/// The fewest zones of a control plane.
const ZONES: usize = 2;
/// The most zones, which [`network::layout`] has places for.
const ZONES_MAX: usize = 3;
/// The most subnets of an existing VPC in one list; more than any region has zones.
const SUBNETS_MAX: usize = 16;

impl Check<'_> {
    pub(super) fn eks(&mut self, eks: document::Eks, images: Images) -> Option<EksCluster> {
        let document::Eks { region, network } = eks;
        let Images { delivery, registry, pull_registry, plain_http, local: _ } = images;
        let section = KeyPath::known("images");
        for (key, given) in [
            // A lower layer may have left a delivery, which has no effect here.
            ("delivery", delivery != Delivery::Auto && self.is_own(&section.key("delivery"))),
            ("registry", registry.is_some()),
            ("pullRegistry", pull_registry.is_some()),
            ("plainHttp", plain_http.is_some()),
            ("local", self.is_own(&section.key("local"))),
        ] {
            if given {
                let path = section.key(key);
                let what = format!(
                    "{path} needs provider kind, k3d or existing; devplat keeps the images of an EKS cluster in ECR"
                );
                self.wrong_at(&path, what);
            }
        }
        let path = KeyPath::known("cluster.eks.region");
        let region = region.map(|text| {
            let parsed = text.parse::<RegionName>();
            parsed.map_err(|error| self.wrong_at(&path, format!("{} is not {error}", shown(&text))))
        });
        let network = self.network(&KeyPath::known("cluster.eks.network"), network)?;
        Some(EksCluster { region: region.transpose().ok()?, network })
    }

    fn network(&mut self, section: &KeyPath, network: document::EksNetwork) -> Option<EksNetwork> {
        let document::EksNetwork { vpc, existing_vpc, service_cidr, interface_endpoints } = network;
        let (created_path, existing_path) = (section.key("vpc"), section.key("existingVpc"));
        let interface_endpoints =
            self.endpoints(&section.key("interfaceEndpoints"), interface_endpoints.unwrap_or_default());
        let vpc = match existing_vpc.id.clone() {
            Some(id) => {
                if self.is_own(&created_path) {
                    let what = format!(
                        "{created_path} and {existing_path} exclude each other; give the VPC that exists, or the one to create"
                    );
                    self.wrong(&[created_path, existing_path.clone()], what);
                }
                self.existing_vpc(&existing_path, &id, existing_vpc).map(Vpc::Existing)
            }
            None => {
                if self.is_own(&existing_path) {
                    let what = format!(
                        "{existing_path} needs an id, such as {existing_path}.id=vpc-0a1b2c3d4e5f60718"
                    );
                    self.wrong_at(&existing_path, what);
                }
                self.created_vpc(&created_path, vpc, &interface_endpoints).map(Vpc::Created)
            }
        };
        let known = vpc.as_ref().map(|vpc| match vpc {
            Vpc::Created(created) => Some(created.cidr),
            Vpc::Existing(_) => None,
        });
        // Without a valid VPC, an overlap cannot be found; everything else can.
        let service_cidr = self.services(&section.key("serviceCidr"), service_cidr, known.flatten());
        Some(EksNetwork { vpc: vpc?, service_cidr, interface_endpoints })
    }

    /// Returns the range of the Services; `None` if the VPC decides, and after a mistake.
    fn services(&mut self, path: &KeyPath, text: Option<String>, vpc: Option<Ipv4Net>) -> Option<Ipv4Net> {
        let Some(text) = text else { return vpc.map(network::default_services) };
        match network::parse_services(&text, vpc) {
            Ok(range) => Some(range),
            Err(error) => {
                self.wrong_at(path, format!("{path}: {} cannot be used: {error}", shown(&text)));
                None
            }
        }
    }

    fn created_vpc(
        &mut self,
        section: &KeyPath,
        vpc: document::CreatedVpc,
        endpoints: &[EndpointService],
    ) -> Option<CreatedVpc> {
        let document::CreatedVpc { cidr, zones, zone_ids, nat } = vpc;
        let path = section.key("cidr");
        let cidr = match cidr.as_deref().map(network::parse_vpc) {
            None => Some(network::DEFAULT_VPC),
            Some(Ok(range)) => Some(range),
            Some(Err(error)) => {
                let text = cidr.as_deref().unwrap_or_default();
                self.wrong_at(&path, format!("{path}: {} cannot be used: {error}", shown(text)));
                None
            }
        };
        let zones = self.zones(section, zones, zone_ids);
        let nat = nat.unwrap_or(Nat::One);
        if nat == Nat::None {
            self.without_nat(section, endpoints);
        }
        Some(CreatedVpc { cidr: cidr?, zones: zones?, nat })
    }

    fn zones(&mut self, section: &KeyPath, number: Option<u16>, ids: Option<Vec<String>>) -> Option<Zones> {
        let (number_path, path) = (section.key("zones"), section.key("zoneIds"));
        let Some(ids) = ids else {
            return Some(Zones::Count(number.map_or(2, |number| u8::try_from(number).unwrap_or(u8::MAX))));
        };
        if number.is_some_and(|number| usize::from(number) != ids.len()) && self.is_own(&number_path) {
            let what = format!("{number_path} and the length of {path} differ; leave {number_path} out");
            self.wrong(&[number_path, path.clone()], what);
        }
        if !(ZONES..=ZONES_MAX).contains(&ids.len()) {
            let what = format!(
                "{path} has {}; EKS needs {ZONES} zones, and devplat uses {ZONES_MAX} at most",
                ids.len()
            );
            self.wrong_at(&path, what);
            return None;
        }
        let zones: Vec<ZoneId> = self.ids(&path, &ids)?;
        if let Some(zone) = zones.iter().find(|zone| !zone.takes_control_planes()) {
            let what = format!("{path}: EKS puts no control plane in {zone}; use another zone of the region");
            self.wrong_at(&path, what);
        }
        let region = zones.first().map(ZoneId::region).unwrap_or_default();
        if let Some(other) = zones.iter().find(|zone| zone.region() != region) {
            let what =
                format!("{path}: {other} and {region}-az… are in two regions; use zones of one region");
            self.wrong_at(&path, what);
        }
        Some(Zones::Ids(zones))
    }

    fn without_nat(&mut self, section: &KeyPath, endpoints: &[EndpointService]) {
        let lacking = EndpointService::NEEDED_WITHOUT_NAT;
        let lacking = lacking.iter().filter(|one| !endpoints.contains(one)).map(|one| one.name());
        let lacking: Vec<&str> = lacking.collect();
        if lacking.is_empty() {
            return;
        }
        let path = section.key("nat");
        let what = format!(
            "{path}: without NAT, nodes reach services of AWS by endpoints only; add {} to cluster.eks.network.interfaceEndpoints",
            lacking.join(", ")
        );
        self.wrong_at(&path, what);
    }

    fn existing_vpc(
        &mut self,
        section: &KeyPath,
        id: &str,
        vpc: document::ExistingVpc,
    ) -> Option<ExistingVpc> {
        let document::ExistingVpc { id: _, private_subnets, public_subnets } = vpc;
        let path = section.key("id");
        let id = id.parse().map_err(|error| self.wrong_at(&path, format!("{path}: {error}"))).ok();
        let [private_path, public_path] = ["privateSubnets", "publicSubnets"].map(|key| section.key(key));
        let private_subnets = private_subnets.unwrap_or_default();
        if private_subnets.len() < ZONES {
            let what = format!(
                "{private_path} has {}; EKS needs {ZONES} subnets in different zones",
                private_subnets.len()
            );
            self.wrong(&[private_path.clone(), section.clone()], what);
            return None;
        }
        let private: Option<Vec<SubnetId>> = self.ids(&private_path, &private_subnets);
        let public: Option<Vec<SubnetId>> = self.ids(&public_path, &public_subnets.unwrap_or_default());
        let (private_subnets, public_subnets) = (private?, public?);
        if let Some(both) = public_subnets.iter().find(|subnet| private_subnets.contains(subnet)) {
            let what = format!("{both} is in {private_path} and in {public_path}; leave it out of one");
            self.wrong(&[public_path, private_path], what);
        }
        Some(ExistingVpc { id: id?, private_subnets, public_subnets })
    }

    fn endpoints(&mut self, path: &KeyPath, mut services: Vec<EndpointService>) -> Vec<EndpointService> {
        services.sort_unstable();
        if let Some([twice, _]) = services.array_windows().find(|[one, other]| one == other) {
            let what = format!("{path}: {} is there twice; leave one out", twice.name());
            self.wrong_at(path, what);
        }
        services
    }

    /// Reads ids that are all different. Returns `None` after a mistake.
    fn ids<I: FromStr<Err: Display> + PartialEq + Display>(
        &mut self,
        path: &KeyPath,
        texts: &[String],
    ) -> Option<Vec<I>> {
        self.at_most(path, texts.len(), SUBNETS_MAX);
        let mut ids: Vec<I> = Vec::new();
        for (index, text) in texts.iter().enumerate().take(SUBNETS_MAX) {
            let path = path.index(index);
            match text.parse() {
                Ok(id) if ids.contains(&id) => {
                    self.wrong_at(&path, format!("{path}: {id} is there twice; leave one out"));
                }
                Ok(id) => ids.push(id),
                Err(error) => self.wrong_at(&path, format!("{path}: {error}")),
            }
        }
        (ids.len() == texts.len()).then_some(ids)
    }
}
