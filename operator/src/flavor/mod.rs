//! Flavors: a flavor that servers use cannot vanish unnoticed.

mod decide;
mod reconcile;

pub(crate) use decide::unsupported_in_flavor;
pub(crate) use reconcile::reconcile;
