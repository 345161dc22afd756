//! Profiles: what somebody wants of a platform, from layers of YAML, environment and command line to a
//! [`Profile`], which only valid input can make. It reads no file and no environment: its callers hand texts in.

mod check;
mod document;
mod layers;
mod mistake;
mod name;
mod node;
mod parse;
mod profile;
mod schema;
mod shape;
mod shipped;
#[cfg(test)]
mod tests;

pub use document::{TaintEffect, Toleration, TolerationOperator};
pub use layers::{Loaded, Sources, load};
pub use mistake::{Mistake, Mistakes};
pub use name::{InvalidName, PlatformName};
pub use node::Place;
pub use profile::{
    Bastion, Cluster, Delivery, DevServerImage, DevServers, ExistingCluster, Exposure, Flavor, KindCluster,
    NodeImage, OperatorSize, PortMapping, Profile, User,
};
pub use schema::schema;
pub use shipped::{SHIPPED, Shipped};
