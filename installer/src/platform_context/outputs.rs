//! Typed outputs of resources, which later steps need from earlier ones.

use std::{
    any::Any,
    collections::BTreeMap,
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use devplat_plan::Id;

/// Outputs by the id of their resource.
#[derive(Default)]
pub struct Outputs {
    all: Mutex<BTreeMap<Id, Box<dyn Any + Send>>>,
}

/// The id of a resource whose output is a `T`.
pub struct Ref<T>(Id, PhantomData<fn() -> T>);

impl<T> Ref<T> {
    /// Returns the reference to the output of `id`.
    pub fn to(id: Id) -> Self {
        Self(id, PhantomData)
    }

    /// Returns the id of the resource.
    pub fn id(&self) -> &Id {
        &self.0
    }
}

impl Outputs {
    /// Replaces the output of `id`.
    pub fn put<T: Send + 'static>(&self, id: Id, output: T) {
        self.locked().insert(id, Box::new(output));
    }

    /// Returns the output of a resource; `None` if it is unknown or the resource is not ready.
    pub fn get<T: Clone + 'static>(&self, of: &Ref<T>) -> Option<T> {
        self.locked().get(&of.0).and_then(|output| output.downcast_ref::<T>().cloned())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, Box<dyn Any + Send>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use devplat_plan::KindName;

    use super::*;

    #[test]
    fn newer_output_replaces_the_older_one() {
        let id = KindName::new("network").single();
        let outputs = Outputs::default();
        assert_eq!(outputs.get(&Ref::<u32>::to(id.clone())), None);
        outputs.put(id.clone(), 7_u32);
        outputs.put(id.clone(), 8_u32);
        assert_eq!(outputs.get(&Ref::<u32>::to(id.clone())), Some(8));
        assert_eq!(outputs.get(&Ref::<String>::to(id)), None);
    }
}
