//! DevServers: from what a user wants and what is there to what has to be done.
//!
//! `reconcile` fetches and applies; `decide` and all below it are pure.

mod acceptance;
mod conditions;
mod decide;
mod deletion;
mod manifest;
mod metadata;
mod network;
mod parts;
mod readiness;
mod reconcile;
mod snapshot;
mod ssh;
#[cfg(test)]
mod tests;

pub(crate) use conditions::{Conditions, Truth};
pub(crate) use reconcile::{Memory, reconcile};
