//! The section `cluster.eks` as users write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EndpointService, Nat};

/// A cluster in AWS.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Eks {
    /// Region of AWS, such as eu-central-1; that of `AWS_REGION` or of the AWS profile if missing.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// The network that the cluster is in.
    #[serde(default)]
    pub(crate) network: EksNetwork,
}

/// The network of a cluster in AWS: a VPC that devplat creates, or an existing one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EksNetwork {
    /// The VPC that devplat creates, unless existingVpc has an id.
    #[serde(default)]
    pub(crate) vpc: CreatedVpc,
    /// A VPC that devplat installs into and never deletes.
    #[serde(default)]
    pub(crate) existing_vpc: ExistingVpc,
    /// IPv4 range of the Services, /12 to /24, such as 172.20.0.0/16; one that does not overlap the VPC if missing.
    #[serde(default)]
    pub(crate) service_cidr: Option<String>,
    /// Services of AWS that nodes reach without leaving the VPC. Each endpoint costs money per hour and zone. The gateway
    /// endpoint of S3 is free and always there.
    #[serde(default)]
    pub(crate) interface_endpoints: Option<Vec<EndpointService>>,
}

/// A VPC that devplat creates and deletes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreatedVpc {
    /// IPv4 range of the VPC, /16 to /22; 10.90.0.0/16 if missing.
    #[serde(default)]
    pub(crate) cidr: Option<String>,
    /// How many availability zones have subnets; 2 if missing.
    #[serde(default)]
    #[schemars(range(min = 2, max = 3))]
    pub(crate) zones: Option<u16>,
    /// Ids of the availability zones, such as use1-az4, in place of a number.
    #[serde(default)]
    pub(crate) zone_ids: Option<Vec<String>>,
    /// The way from private subnets to the internet; `one` if missing.
    #[serde(default)]
    pub(crate) nat: Option<Nat>,
}

/// A VPC that exists already, with the subnets to use.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExistingVpc {
    /// Its id, such as vpc-0a1b2c3d4e5f60718.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// Ids of the subnets for nodes and the control plane, in two or three zones.
    #[serde(default)]
    pub(crate) private_subnets: Option<Vec<String>>,
    /// Ids of the subnets for load balancers with public addresses, at most one in each zone.
    #[serde(default)]
    pub(crate) public_subnets: Option<Vec<String>>,
}
