//! Resources and their needs, each resource after its needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Id, Planned};

/// Resources whose needs are all met and form no circle; only [`Graph::new`] makes one.
#[derive(Debug, Clone)]
pub struct Graph<R> {
    ordered: Vec<R>,
}

/// The reason why resources do not form a graph, which is always a bug in devplat.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GraphError {
    /// Two resources have one id.
    #[error("{0} is wanted twice")]
    Twice(Id),
    /// A need that no resource meets.
    #[error("{by} needs {missing}, which is not wanted")]
    Missing {
        /// The resource with the need.
        by: Id,
        /// The resource that it needs.
        missing: Id,
    },
    /// Resources that need each other.
    #[error("these need each other: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Circle(Vec<Id>),
}

impl<R: Planned> Graph<R> {
    /// Checks the needs of `resources` and orders each resource after its needs; among equals, by id.
    pub fn new(resources: impl IntoIterator<Item = R>) -> Result<Self, GraphError> {
        let mut waiting = BTreeMap::new();
        for resource in resources {
            let id = resource.id();
            if waiting.insert(id.clone(), resource).is_some() {
                return Err(GraphError::Twice(id));
            }
        }
        let ids: BTreeSet<Id> = waiting.keys().cloned().collect();
        for (id, resource) in &waiting {
            if let Some(missing) = resource.edges().earlier().into_iter().find(|need| !ids.contains(need)) {
                return Err(GraphError::Missing { by: id.clone(), missing });
            }
        }
        Self::order(waiting)
    }

    fn order(mut waiting: BTreeMap<Id, R>) -> Result<Self, GraphError> {
        let mut ordered = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let free = waiting
                .iter()
                .find(|(_, resource)| {
                    !resource.edges().earlier().iter().any(|need| waiting.contains_key(need))
                })
                .map(|(id, _)| id.clone());
            let Some(next) = free else { return Err(GraphError::Circle(waiting.into_keys().collect())) };
            ordered.extend(waiting.remove(&next));
        }
        Ok(Self { ordered })
    }

    /// A graph without resources, which is the wish of `destroy`.
    pub fn empty() -> Self {
        Self { ordered: Vec::new() }
    }

    /// The resources, each after its needs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.ordered.iter()
    }

    /// The resource of that id.
    pub fn get(&self, id: &Id) -> Option<&R> {
        self.ordered.iter().find(|resource| resource.id() == *id)
    }
}
