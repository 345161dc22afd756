//! Things and what they need, in an order that honours it.

use std::collections::{BTreeMap, BTreeSet};

use super::Planned;

/// A set of things in which every need is met and none goes in a circle; only [`Graph::new`] makes one.
#[derive(Debug, Clone)]
pub struct Graph<R> {
    ordered: Vec<R>,
}

/// Why some things are no graph. These are mistakes of devplat, not of its user.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GraphError {
    /// Two things have one name.
    #[error("{0} is wanted twice")]
    Twice(String),
    /// A need that nothing meets.
    #[error("{by} needs {missing}, which nothing makes")]
    Missing {
        /// Who needs it.
        by: String,
        /// What is needed.
        missing: String,
    },
    /// Things that need each other.
    #[error("these need each other: {}", .0.join(", "))]
    Circle(Vec<String>),
}

impl<R: Planned> Graph<R> {
    /// Checks the needs of `things` and puts each after what it needs; among equals, by name.
    pub fn new(things: impl IntoIterator<Item = R>) -> Result<Self, GraphError> {
        let mut waiting = BTreeMap::new();
        for thing in things {
            let id = thing.id();
            if waiting.insert(id, thing).is_some() {
                return Err(GraphError::Twice(id.to_string()));
            }
        }
        let names: BTreeSet<_> = waiting.keys().copied().collect();
        for (id, thing) in &waiting {
            if let Some(missing) = thing.needs().into_iter().find(|need| !names.contains(need)) {
                return Err(GraphError::Missing { by: id.to_string(), missing: missing.to_string() });
            }
        }
        Self::order(waiting)
    }

    /// The things that were found, in an order that honours those needs that were found as well.
    pub fn of_found(things: impl IntoIterator<Item = R>) -> Result<Self, GraphError> {
        Self::order(things.into_iter().map(|thing| (thing.id(), thing)).collect())
    }

    fn order(mut waiting: BTreeMap<R::Id, R>) -> Result<Self, GraphError> {
        let mut ordered = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let Some(next) = waiting
                .iter()
                .find(|(_, thing)| !thing.needs().iter().any(|need| waiting.contains_key(need)))
                .map(|(id, _)| *id)
            else {
                return Err(GraphError::Circle(waiting.keys().map(ToString::to_string).collect()));
            };
            ordered.extend(waiting.remove(&next));
        }
        Ok(Self { ordered })
    }

    /// Nothing at all: what `destroy` wants.
    pub fn empty() -> Self {
        Self { ordered: Vec::new() }
    }

    /// The things, each after what it needs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.ordered.iter()
    }

    /// The thing of that name.
    pub fn get(&self, id: R::Id) -> Option<&R> {
        self.ordered.iter().find(|thing| thing.id() == id)
    }
}
