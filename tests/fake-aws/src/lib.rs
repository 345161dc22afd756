//! A strict fake of AWS in memory: EC2's network calls and `sts:GetCallerIdentity`, as devplat makes them. A call that it does not
//! know fails the test, so that no test passes because of an answer that AWS would not give.
//!
//! [`Fake::answer`] is a function from a request to an outcome, for an HTTP client in the same process; [`serve`] offers
//! the same over HTTP. Time passes only when a test advances the clock.

mod ec2;
mod fake;
mod fault;
mod http_server;
mod identity;
mod inner;
mod log;
mod model;
mod outcome;
mod protocol;
mod refusal;
mod service;
mod snapshot;
mod state;
mod sts;
#[cfg(test)]
mod tests;
mod world;

pub use fake::Fake;
pub use fault::{Fault, HookPoint, When};
pub use http_server::serve;
pub use identity::AccessKey;
pub use log::{LoggedCall, Verdict};
pub use outcome::Outcome;
pub use refusal::{AwsError, Refusal};
pub use snapshot::Snapshot;
pub use state::{id::Id, lag::Lag, place::Partition, quota::Quota};
