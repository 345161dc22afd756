//! Users: a namespace each, and only the rights that devctl needs there.

mod decide;
mod manifest;
mod reconcile;

pub(crate) use reconcile::reconcile;
