//! An account.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    place::{PLACES, Partition, Place},
    quota::Quotas,
    region::Region,
};

/// An account of one partition, with its regions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    pub(crate) partition: Partition,
    /// The regions that are switched on, by name.
    pub(crate) regions: BTreeMap<&'static str, Region>,
    pub(crate) quotas: Quotas,
    /// Calls that a policy denies.
    pub(crate) denied: BTreeSet<String>,
}

impl Account {
    /// Returns an empty account, without default VPCs.
    pub(crate) fn new(id: &str, partition: Partition) -> Self {
        let on = PLACES.iter().filter(|place| place.partition == partition && !place.opt_in);
        let regions = on.map(|Place { name, .. }| (*name, Region::default())).collect();
        let (quotas, denied) = (Quotas::default(), BTreeSet::new());
        Self { id: id.to_owned(), partition, regions, quotas, denied }
    }
}
