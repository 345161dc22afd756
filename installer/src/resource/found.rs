//! A found resource without the type of its kind.

use std::{any::Any, sync::Arc};

use devplat_plan::{Facts, Id, Sight};
use futures::future::BoxFuture;

use super::Cx;
use crate::{failure::Failure, platform_context::PlatformContext};

/// A found resource of any kind.
#[derive(Clone)]
pub struct Found {
    pub id: Id,
    /// The sight for the planner, not yet compared.
    pub sight: Sight,
    /// The duration and the needs of its deletion.
    pub deletion: Facts,
    /// The needs of its change in place, besides those of the wanted resource.
    pub update: Facts,
    /// The `Seen` of its kind.
    pub(super) seen: Arc<dyn Any + Send + Sync>,
    pub(super) delete: Option<DeleteFound>,
    /// Stores its output.
    pub(super) store: Arc<dyn Fn(&PlatformContext) + Send + Sync>,
}

/// The deletion of a found resource.
pub(super) type DeleteFound = Arc<dyn for<'a> Fn(&'a Cx) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync>;

impl Found {
    /// Returns its deletion, or `None` if its kind is never deleted.
    pub fn delete<'a>(&'a self, cx: &'a Cx) -> Option<BoxFuture<'a, Result<(), Failure>>> {
        self.delete.as_ref().map(|delete| delete(cx))
    }

    /// Stores its output, if it has one, for the resources that need it.
    pub fn store_output(&self, context: &PlatformContext) {
        (self.store)(context);
    }
}
