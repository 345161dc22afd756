//! The network of a cluster in AWS: names of its parts, ranges of addresses and their layout.

mod id;
mod layout;
mod range;

pub use id::{InvalidId, SubnetId, VpcId, ZoneId};
pub use layout::{SubnetPair, layout};
pub(crate) use range::{DEFAULT_VPC, default_services, parse_services, parse_vpc};
