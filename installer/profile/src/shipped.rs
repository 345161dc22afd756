//! The profiles that devplat brings along.

/// A profile that devplat brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// What `--profile` calls it.
    pub name: &'static str,
    /// What it is for, in one line.
    pub description: &'static str,
    pub(crate) text: &'static str,
}

/// What all others change.
pub(crate) const BASE: Shipped = Shipped {
    name: "base",
    description: "what all others start from; not for use by itself",
    text: include_str!("../../../profiles/base.yaml"),
};

/// Every profile that can be used as it is.
pub const SHIPPED: &[Shipped] = &[
    Shipped {
        name: "existing",
        description: "a cluster that is there already, named by --context",
        text: include_str!("../../../profiles/existing.yaml"),
    },
    Shipped {
        name: "kind",
        description: "a cluster on this machine, made by kind in Docker",
        text: include_str!("../../../profiles/kind.yaml"),
    },
];
