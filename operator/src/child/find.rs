//! Looks at the place of a child.

use super::Child;
use crate::{cluster::CallFailed, context::Context, observed::Key, store::Store, watch::Watched};

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
