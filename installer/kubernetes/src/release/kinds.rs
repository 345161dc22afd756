//! The kinds that devplat applies.

/// API version and kind of all objects that devplat applies, in an order in which they can be deleted. A test compares
/// the list with the rendered templates.
pub const KINDS: [(&str, &str); 14] = [
    ("apps.devservers.io/v1", "DevServer"),
    ("apps.devservers.io/v1", "DevUser"),
    ("apps.devservers.io/v1", "DevServerFlavor"),
    ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "ConfigMap"),
    ("v1", "Namespace"),
];

/// The kinds with finalizers of the operator; they are the first in [`KINDS`].
pub(super) const HELD: [&str; 3] = ["DevServer", "DevUser", "DevServerFlavor"];
