//! Typed outputs of resources, which later steps need from earlier ones.

use std::{
    any::Any,
    collections::BTreeMap,
    marker::PhantomData,
    sync::{Mutex, MutexGuard, PoisonError},
};

use devplat_plan::{Id, KindName};

/// Outputs by the id of their resource.
#[derive(Default)]
pub struct Outputs {
    all: Mutex<BTreeMap<Id, Box<dyn Any + Send>>>,
}

/// The name of a kind of resource whose outputs are of type `T`. Kinds that share a name, such as those of clusters, share
/// this value, and with it the type.
pub struct KindWith<T> {
    name: KindName,
    output: PhantomData<fn() -> T>,
}

impl<T> KindWith<T> {
    /// Returns the kind whose ids read like `label`.
    pub const fn new(label: &'static str) -> Self {
        Self { name: KindName::new(label), output: PhantomData }
    }

    /// Returns the name without the type.
    pub const fn name(self) -> KindName {
        self.name
    }

    /// Returns the id of the only resource of this kind.
    pub fn single(self) -> Id {
        self.name.single()
    }

    /// Returns the id of the resource of this kind named `name`.
    pub fn named(self, name: impl Into<String>) -> Id {
        self.name.named(name)
    }
}

impl<T> Clone for KindWith<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for KindWith<T> {}

impl Outputs {
    /// Replaces the output of the resource `id`, which is of this kind.
    pub fn put<T: Send + 'static>(&self, kind: KindWith<T>, id: &Id, output: T) {
        assert_eq!(id.kind(), kind.name, "an output belongs to the kind of its resource");
        self.locked().insert(id.clone(), Box::new(output));
    }

    /// Returns the output of the only resource of a kind; `None` if it is unknown or the resource is not ready.
    pub fn single<T: Clone + 'static>(&self, kind: KindWith<T>) -> Option<T> {
        self.of(&kind.single())
    }

    /// Returns the output of the resource of a kind named `name`; `None` if it is unknown or the resource is not ready.
    pub fn named<T: Clone + 'static>(&self, kind: KindWith<T>, name: &str) -> Option<T> {
        self.of(&kind.named(name))
    }

    /// Returns whether the output of the resource `id` is known.
    pub fn has(&self, id: &Id) -> bool {
        self.locked().contains_key(id)
    }

    fn of<T: Clone + 'static>(&self, id: &Id) -> Option<T> {
        let all = self.locked();
        let output = all.get(id)?.downcast_ref::<T>();
        // Only a second kind with this label and another type could have stored it.
        Some(output.expect("a label belongs to one type of output").clone())
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Id, Box<dyn Any + Send>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Exit, caught};

    const PORT: KindWith<u32> = KindWith::new("port");
    const IMAGE: KindWith<()> = KindWith::new("image {}");

    #[test]
    fn newer_output_replaces_the_older_one() {
        let outputs = Outputs::default();
        assert_eq!(outputs.single(PORT), None);
        outputs.put(PORT, &PORT.single(), 7);
        outputs.put(PORT, &PORT.single(), 8);
        assert_eq!(outputs.single(PORT), Some(8));
        outputs.put(IMAGE, &IMAGE.named("agent"), ());
        assert_eq!(outputs.named(IMAGE, "agent"), Some(()));
        assert_eq!(outputs.named(IMAGE, "base"), None);
    }

    #[test]
    fn output_of_another_kind_or_type_is_a_bug() {
        const SAME_LABEL: KindWith<String> = KindWith::new("port");
        let outputs = Outputs::default();
        let put = caught(|| {
            outputs.put(PORT, &IMAGE.named("agent"), 7);
            Ok(())
        });
        assert_eq!(put.unwrap_err().exit, Exit::Internal);
        outputs.put(PORT, &PORT.single(), 7);
        assert_eq!(caught(|| Ok(outputs.single(SAME_LABEL))).unwrap_err().exit, Exit::Internal);
        assert_eq!(outputs.single(PORT), Some(7));
    }
}
