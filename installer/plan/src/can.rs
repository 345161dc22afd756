//! The actions that kinds of resources implement.

/// The actions that a kind of resource implements. The planner never plans another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Can {
    /// Whether devplat creates it.
    pub create: bool,
    /// Whether devplat changes it in place.
    pub update: bool,
    /// Whether devplat deletes it.
    pub delete: bool,
}
