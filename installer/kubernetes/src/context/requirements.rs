//! The versions of Kubernetes and the architecture of nodes that devplat needs.

/// Oldest minor version: the oldest one that a cloud provider still supports. The newest feature that devplat needs is
/// CEL's `quantity()`, of 1.29.
pub const OLDEST: u32 = 31;
/// Newest minor version. Newer ones are rejected because they are not tested. devplat uses only API groups of version
/// 1, which no release has ever removed.
pub const NEWEST: u32 = 37;

/// The architecture of devplat's images, as in `nodeInfo.architecture`.
pub const IMAGE_ARCHITECTURE: &str = "amd64";
