//! Clusters in AWS.

use super::{file, loaded, mistakes};
use crate::{Cluster, CreatedVpc, EksNetwork, EndpointService, ExistingVpc, Nat, Vpc, Zones};

/// Returns the network of a profile file that has only this.
fn network(text: &str) -> EksNetwork {
    match loaded(&file(&format!("cluster: {{provider: eks, eks: {{network: {text}}}}}"))).profile.cluster {
        Cluster::Eks(cluster) => cluster.network,
        other => panic!("{other:?}"),
    }
}

/// Returns the mistakes in such a file, without its name and the beginning that all of them have.
fn wrong(text: &str) -> String {
    let text = mistakes(&file(&format!("cluster: {{provider: eks, eks: {{network: {text}}}}}")));
    text.replace("one mistake in the profile: ", "").replace("cluster.eks.network.", "…")
}

fn created(text: &str) -> CreatedVpc {
    match network(text).vpc {
        Vpc::Created(created) => created,
        Vpc::Existing(existing) => panic!("{existing:?}"),
    }
}

fn existing(text: &str) -> ExistingVpc {
    match network(text).vpc {
        Vpc::Existing(existing) => existing,
        Vpc::Created(created) => panic!("{created:?}"),
    }
}

#[test]
fn empty_network_is_a_vpc_in_two_zones_with_one_nat() {
    let network = network("{}");
    let cidr = "10.90.0.0/16".parse().unwrap();
    assert_eq!(network.vpc, Vpc::Created(CreatedVpc { cidr, zones: Zones::Count(2), nat: Nat::One }));
    assert_eq!(network.service_cidr, Some("172.20.0.0/16".parse().unwrap()));
    assert_eq!(network.interface_endpoints, []);
}

#[test]
fn created_vpc_has_the_values_that_were_set() {
    let vpc = created("{vpc: {cidr: 172.20.0.0/20, zoneIds: [use1-az4, use1-az1, use1-az2], nat: perZone}}");
    assert_eq!(vpc.cidr.to_string(), "172.20.0.0/20");
    let ids = ["use1-az4", "use1-az1", "use1-az2"].map(|id| id.parse().unwrap());
    assert_eq!((vpc.zones.clone(), vpc.nat), (Zones::Ids(ids.to_vec()), Nat::PerZone));
    assert_eq!(vpc.subnets().len(), 3);
}

#[test]
fn services_avoid_the_range_of_the_vpc() {
    let services = network("{vpc: {cidr: 172.20.0.0/20}}").service_cidr;
    assert_eq!(services.unwrap().to_string(), "10.100.0.0/16");
    assert!(wrong("{serviceCidr: 10.90.4.0/24}").ends_with(
        "…serviceCidr: \"10.90.4.0/24\" cannot be used: it overlaps the range 10.90.0.0/16 of the VPC; use another"
    ));
}

#[test]
fn existing_vpc_has_the_subnets_that_were_named() {
    let text = "{existingVpc: {id: vpc-0a1b2c3d, privateSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e], publicSubnets: [subnet-0a1b2c3f]}}";
    let vpc = existing(text);
    assert_eq!(vpc.id.to_string(), "vpc-0a1b2c3d");
    assert_eq!((vpc.private_subnets.len(), vpc.public_subnets.len()), (2, 1));
    // The choice of a range depends on the VPC, which a profile does not know.
    assert_eq!(network(text).service_cidr, None);
}

#[test]
fn vpc_without_nat_needs_endpoints_for_what_nodes_call() {
    insta::assert_snapshot!("eks-no-nat", wrong("{vpc: {nat: none}, interfaceEndpoints: [sts, eks]}"));
    let all = "[ec2, ecr.api, ecr.dkr, eks, eks-auth, sts, logs]";
    let network = network(&format!("{{vpc: {{nat: none}}, interfaceEndpoints: {all}}}"));
    assert_eq!(network.interface_endpoints.len(), 7);
}

#[test]
fn names_of_endpoints_are_those_of_aws() {
    for service in EndpointService::NEEDED_WITHOUT_NAT {
        assert_eq!(serde_json::to_value(service).unwrap(), service.name());
    }
    let text = "[autoscaling, elasticfilesystem, elasticloadbalancing, logs, ssm]";
    for service in network(&format!("{{interfaceEndpoints: {text}}}")).interface_endpoints {
        assert_eq!(serde_json::to_value(service).unwrap(), service.name());
    }
}

#[test]
fn impossible_networks_are_rejected() {
    for (name, text) in [
        ("cidr", "{vpc: {cidr: 10.0.0.0/8}}"),
        ("cidr-small", "{vpc: {cidr: 10.90.0.0/24}}"),
        ("cidr-public", "{vpc: {cidr: 8.8.0.0/16}}"),
        ("cidr-bridge", "{vpc: {cidr: 172.17.0.0/16}}"),
        ("cidr-ipv6", "{vpc: {cidr: \"fd00::/56\"}}"),
        ("zones", "{vpc: {zones: 1}}"),
        ("zone-names", "{vpc: {zoneIds: [us-east-1a, us-east-1b]}}"),
        ("zone-one", "{vpc: {zoneIds: [use1-az1]}}"),
        ("zone-twice", "{vpc: {zoneIds: [use1-az1, use1-az1]}}"),
        ("zone-without-eks", "{vpc: {zoneIds: [use1-az1, use1-az3]}}"),
        ("zone-regions", "{vpc: {zoneIds: [use1-az1, usw2-az1]}}"),
        ("zone-count", "{vpc: {zones: 3, zoneIds: [use1-az1, use1-az2]}}"),
        ("nat", "{vpc: {nat: two}}"),
        ("endpoint", "{interfaceEndpoints: [s3]}"),
        ("endpoint-twice", "{interfaceEndpoints: [sts, ec2, sts]}"),
        ("unknown", "{vpc: {ipv6: true}, peering: []}"),
        (
            "two-vpcs",
            "{vpc: {zones: 3}, existingVpc: {id: vpc-0a1b2c3d, privateSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e]}}",
        ),
        ("no-id", "{existingVpc: {privateSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e]}}"),
        ("ids", "{existingVpc: {id: main, privateSubnets: [subnet-0a1b2c3d, private]}}"),
        ("one-subnet", "{existingVpc: {id: vpc-0a1b2c3d, privateSubnets: [subnet-0a1b2c3d]}}"),
        (
            "subnet-in-both",
            "{existingVpc: {id: vpc-0a1b2c3d, privateSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e], publicSubnets: [subnet-0a1b2c3d]}}",
        ),
        ("services", "{serviceCidr: 100.64.0.0/16}"),
    ] {
        insta::assert_snapshot!(format!("eks-{name}"), wrong(text));
    }
}

#[test]
fn section_of_eks_needs_its_provider() {
    let sources = file("extends: kind\ncluster:\n  eks: {network: {vpc: {zones: 3}}}\n");
    assert_eq!(
        mistakes(&sources),
        "one mistake in the profile: my.yaml:3:8: cluster.eks needs provider eks; the provider is kind"
    );
    let sources = file("cluster: {provider: eks}\nimages: {delivery: nodes}\n");
    assert!(mistakes(&sources).ends_with("devplat keeps the images of an EKS cluster in ECR"));
}
