//! A kind of resource as an entry in the list of kinds, without its type.

use std::sync::Arc;

use devplat_plan::KindName;
use futures::future::BoxFuture;

use super::{
    Found,
    kind::{AnyResource, ResourceKind, SeenThrough, Wanted, find_of},
};
use crate::{failure::Failure, platform::PlatformInputs, platform_context::PlatformContext};

type Finder = for<'a> fn(&'a PlatformContext, Wanted<'a>) -> BoxFuture<'a, Result<Vec<Found>, Failure>>;

/// A kind in type-erased form.
pub struct KindEntry {
    pub name: KindName,
    /// The precondition of a search.
    pub seen: SeenThrough,
    /// The kinds whose resources must be gone before one of this kind is deleted.
    pub gone_first: &'static [KindName],
    /// Whether `devplat status` lists its resources.
    pub listed: bool,
    wanted: fn(&Arc<PlatformInputs>) -> Result<Vec<AnyResource>, Failure>,
    find: Finder,
}

impl KindEntry {
    /// Returns the entry of `K`.
    pub const fn of<K: ResourceKind>() -> Self {
        Self {
            name: K::NAME.name(),
            seen: K::SEEN,
            gone_first: K::GONE_FIRST,
            listed: K::TRAITS.listed,
            wanted: wanted_of::<K>,
            find: find_of::<K>,
        }
    }

    /// Returns the resources of this kind that the profile wants.
    pub fn wanted(&self, inputs: &Arc<PlatformInputs>) -> Result<Vec<AnyResource>, Failure> {
        (self.wanted)(inputs)
    }

    /// Finds the platform's resources of this kind, and foreign ones with the name of one in `wanted`.
    pub async fn find(&self, context: &PlatformContext, wanted: Wanted<'_>) -> Result<Vec<Found>, Failure> {
        (self.find)(context, wanted).await
    }
}

fn wanted_of<K: ResourceKind>(inputs: &Arc<PlatformInputs>) -> Result<Vec<AnyResource>, Failure> {
    Ok(K::wanted(inputs)?.into_iter().map(AnyResource::new).collect())
}
