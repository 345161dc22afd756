//! The profiles that are shipped with devplat.

/// A profile that is shipped with devplat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name for `--profile` and `extends`.
    pub name: &'static str,
    /// Its purpose, in one line.
    pub description: &'static str,
    pub(crate) text: &'static str,
}

/// The layer below all others.
pub(crate) const BASE: Shipped = Shipped {
    name: "base",
    description: "defaults that all other profiles start from",
    text: include_str!("../../../profiles/base.yaml"),
};

/// Every profile that `--profile` and `extends` take, sorted by name.
pub const SHIPPED: &[Shipped] = &[
    Shipped {
        name: "eks",
        description: "an account in AWS that `devplat doctor` checks; no verb creates a cluster there yet",
        text: include_str!("../../../profiles/eks.yaml"),
    },
    Shipped {
        name: "existing",
        description: "a cluster that exists already, named by --context",
        text: include_str!("../../../profiles/existing.yaml"),
    },
    Shipped {
        name: "k3d",
        description: "a cluster on this machine, made by k3d in Docker",
        text: include_str!("../../../profiles/k3d.yaml"),
    },
    Shipped {
        name: "kind",
        description: "a cluster on this machine, made by kind in Docker",
        text: include_str!("../../../profiles/kind.yaml"),
    },
];
