//! The kinds that devplat applies.

/// API version and kind of everything that devplat applies, in an order in which objects can be deleted. A test holds
/// the list to the rendered templates.
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

/// The kinds among them that finalizers of the operator may hold; they come first.
pub(super) const HELD: [&str; 3] = ["DevServer", "DevUser", "DevServerFlavor"];
