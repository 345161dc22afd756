//! The planner: takes wanted and found resources and returns the steps in between. It is pure: no code here talks to a
//! cluster or an account, or reads a clock, the environment or a file. The same input gives the same plan everywhere.

mod blocked;
mod can;
mod change;
mod deletion;
mod diff;
mod estimate;
mod facts;
mod graph;
mod id;
mod outline;
mod sight;
mod step;
#[cfg(test)]
mod tests;

pub use blocked::Blocked;
pub use can::Can;
pub use change::{Change, Detail, How, Loss};
pub use diff::{Allowed, diff, outline};
pub use estimate::{Sum, estimate};
pub use facts::{ClusterProgram, Facts, Requirement};
pub use graph::{Graph, GraphError};
pub use id::{Id, KindName, Name};
pub use outline::Outline;
pub use sight::{Foreigner, Owner, Physical, Sight, Sights, State, Verdict, live};
pub use step::{Action, Plan, Step, StepId};

/// The dependencies of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edges {
    /// Resources that must be ready before this one is created or updated.
    pub needs: Vec<Id>,
    /// Resources that must be usable before this one is created or updated. The step that creates one may still be
    /// running, if it has reported that the resource is usable. Use it only for resources whose loss does no harm, because the
    /// step can still fail.
    pub needs_usable: Vec<Id>,
    /// The resource that this one lies in: deleting that one deletes this one, and creating it creates this one again.
    pub deleted_with: Option<Id>,
    /// The resource without which this one cannot be looked at.
    pub seen_through: Option<Id>,
    /// Resources whose physical id is part of this one. They must be ready before it as well, and replacing one of them
    /// replaces this one. For deletions, `Sight::gone_first` of the embedded resource names this one.
    pub embeds: Vec<Id>,
}

impl Edges {
    /// Returns the resources that must be ready before this one is created or updated.
    pub fn required(&self) -> Vec<Id> {
        let embedded = self.embeds.iter().filter(|id| !self.needs.contains(id));
        self.needs.iter().chain(embedded).cloned().collect()
    }

    /// Returns the resources that only have to be usable.
    pub fn required_usable(&self) -> Vec<Id> {
        let required = self.required();
        self.needs_usable.iter().filter(|id| !required.contains(id)).cloned().collect()
    }

    /// Returns all resources that come before this one.
    pub fn earlier(&self) -> Vec<Id> {
        let mut earlier = self.required();
        earlier.extend(self.required_usable());
        earlier
    }
}

/// A wanted resource, as the planner sees it.
pub trait Planned {
    /// Its id, unique within a platform.
    fn id(&self) -> Id;

    /// Its dependencies.
    fn edges(&self) -> Edges;

    /// The actions that its kind implements.
    fn can(&self) -> Can;

    /// The usual duration and the needs of an action.
    fn facts(&self, doing: Action) -> Facts;
}
