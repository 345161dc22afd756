//! Users: a namespace each, only the rights that devctl needs there, and who may come in over SSH.

mod decide;
mod manifest;
mod policy;
mod reconcile;
#[cfg(test)]
mod tests;

pub(crate) use policy::network_policy;
pub(crate) use reconcile::reconcile;
