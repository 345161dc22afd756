//! Profiles: descriptions of a platform, from layers of YAML, environment and command line to a [`Profile`], which
//! only valid input can make. This crate reads no file and no environment; its callers pass texts.

#![warn(missing_docs)]

mod check;
mod document;
mod host_name;
mod label;
mod layers;
mod mistake;
mod name;
mod nearest;
mod network;
mod node;
mod one_value;
mod parse;
mod path;
mod place;
mod profile;
mod reference;
mod region;
mod registry;
mod schema;
mod shape;
mod shipped;
mod sources;
mod subnet;
#[cfg(test)]
mod tests;
mod unset;
mod variables;

pub use layers::load;
pub use mistake::{
    Mistake, MistakeKind, Mistakes, ProfileProblem, SetProblem, Unreadable, ValueProblem, VariableProblem,
};
pub use name::{DnsLabel, FlavorName, InvalidName, PlatformName, UserName};
pub use network::{InvalidId, SubnetId, SubnetPair, VpcId, ZoneId, layout};
pub use path::{InvalidPath, KeyPath};
pub use place::Place;
pub use profile::{
    Bastion, Cluster, CreatedVpc, DevServerImage, DevServers, EksCluster, EksNetwork, EndpointService,
    ExistingCluster, ExistingDelivery, ExistingVpc, Exposure, Flavor, K3dCluster, KindCluster, LocalCluster,
    LocalDelivery, LocalProvider, LocalRegistry, Nat, NodeImage, OperatorSize, Origin, PodSecurity,
    PortMapping, Profile, Provider, RemoteRegistry, TaintEffect, Toleration, TolerationOperator, User, Vpc,
    Zones,
};
pub use region::{NoRegionName, RegionName};
pub use schema::schema;
pub use shipped::{SHIPPED, Shipped};
pub use sources::{Loaded, ProfileFile, Sources, VariableMistakes};
pub use variables::is_of_docker_link;
