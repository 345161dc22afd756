//! What is at a place where an object of ours should be. Somebody else's is never touched.

use std::sync::Arc;

use crate::{cluster::CallFailed, context::Context, observed::Key, store::Store, watch::Watched};

/// What is at the place of a child.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Child<T> {
    /// Nothing.
    Absent,
    /// The child.
    Ours(Arc<T>),
    /// Something of somebody else's, not to be touched.
    Foreign,
}

impl<T> Child<T> {
    /// The child, if it is there.
    pub(crate) fn ours(&self) -> Option<&T> {
        match self {
            Self::Ours(facts) => Some(facts),
            Self::Absent | Self::Foreign => None,
        }
    }
}

impl<T: Watched> Child<T> {
    /// What is at `key`. The store knows only what carries our labels, so where it has nothing and
    /// `looks` is set, the cluster is asked: an apply would quietly take over somebody else's object.
    pub(crate) async fn find(
        context: &Context,
        store: &Store<T>,
        key: &Key,
        looks: bool,
        mine: impl Fn(&T) -> bool,
    ) -> Result<Self, CallFailed> {
        let known =
            || store.get(key).map(|facts| if mine(&facts) { Self::Ours(facts) } else { Self::Foreign });
        match known() {
            Some(child) => Ok(child),
            // The watch may have caught up while the answer was on its way.
            None if looks && context.cluster.exists::<T>(key).await? => Ok(known().unwrap_or(Self::Foreign)),
            None => Ok(Self::Absent),
        }
    }
}
