//! A cluster in AWS.

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::RegionName;
use crate::network::{SubnetId, SubnetPair, VpcId, ZoneId, layout};

/// A cluster in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EksCluster {
    /// The region; that of the AWS configuration of the account if missing.
    pub region: Option<RegionName>,
    /// The network that it is in.
    pub network: EksNetwork,
}

/// The network of a cluster in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EksNetwork {
    /// The VPC.
    pub vpc: Vpc,
    /// The range of the Services. Missing in an existing VPC with no range in the profile, because the choice depends on
    /// the ranges of the VPC.
    pub service_cidr: Option<Ipv4Net>,
    /// Services of AWS with an interface endpoint in the VPC, sorted.
    pub interface_endpoints: Vec<EndpointService>,
}

/// The VPC of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Vpc {
    /// devplat creates and deletes it.
    Created(CreatedVpc),
    /// It exists already.
    Existing(ExistingVpc),
}

/// A VPC that devplat creates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedVpc {
    /// Its range.
    pub cidr: Ipv4Net,
    /// The zones with subnets.
    pub zones: Zones,
    /// The way from private subnets to the internet.
    pub nat: Nat,
}

impl CreatedVpc {
    /// Returns the subnets of each zone, in the order of the zones.
    pub fn subnets(&self) -> Vec<SubnetPair> {
        layout(self.cidr, self.zones.count())
    }
}

/// The availability zones of a VPC; two or three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Zones {
    /// As many of those that the region offers.
    Count(u8),
    /// The zones with these ids.
    Ids(Vec<ZoneId>),
}

impl Zones {
    /// Returns the number of zones.
    pub fn count(&self) -> u8 {
        match self {
            Self::Count(count) => *count,
            Self::Ids(ids) => u8::try_from(ids.len()).unwrap_or(u8::MAX),
        }
    }
}

/// The way from private subnets to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Nat {
    /// One NAT gateway for all zones. Without its zone, the other zones have no way out.
    One,
    /// A NAT gateway in each zone.
    PerZone,
    /// None: nodes reach the services with endpoints only.
    None,
}

/// A VPC that exists already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingVpc {
    /// Its id.
    pub id: VpcId,
    /// Subnets for nodes and the control plane; at least two.
    pub private_subnets: Vec<SubnetId>,
    /// Subnets for load balancers with public addresses; none for a platform without such addresses.
    pub public_subnets: Vec<SubnetId>,
}

/// A service of AWS that an interface endpoint can lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointService {
    /// EC2 Auto Scaling.
    Autoscaling,
    /// EC2, which the VPC CNI asks for addresses.
    Ec2,
    /// The API of ECR.
    #[serde(rename = "ecr.api")]
    EcrApi,
    /// The registry of ECR.
    #[serde(rename = "ecr.dkr")]
    EcrDkr,
    /// EKS, which nodes ask for their cluster.
    Eks,
    /// Credentials of pods, by EKS Pod Identity.
    EksAuth,
    /// Elastic File System.
    Elasticfilesystem,
    /// Elastic Load Balancing.
    Elasticloadbalancing,
    /// `CloudWatch` Logs.
    Logs,
    /// Systems Manager.
    Ssm,
    /// Security Token Service.
    Sts,
}

impl EndpointService {
    /// The services without which nodes of a VPC with no way to the internet do not join, or their pods have neither
    /// images nor credentials.
    pub const NEEDED_WITHOUT_NAT: [Self; 6] =
        [Self::Ec2, Self::EcrApi, Self::EcrDkr, Self::Eks, Self::EksAuth, Self::Sts];

    /// Returns the end of its name in AWS, after `com.amazonaws.REGION.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Autoscaling => "autoscaling",
            Self::Ec2 => "ec2",
            Self::EcrApi => "ecr.api",
            Self::EcrDkr => "ecr.dkr",
            Self::Eks => "eks",
            Self::EksAuth => "eks-auth",
            Self::Elasticfilesystem => "elasticfilesystem",
            Self::Elasticloadbalancing => "elasticloadbalancing",
            Self::Logs => "logs",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
        }
    }
}
