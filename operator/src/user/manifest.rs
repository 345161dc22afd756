//! The objects that give a user access, as they get applied.

use devplat_api::{Slug, name};
use serde_json::{Value, json};

use super::policy::network_policy;

/// What gives a user access.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifests {
    /// The namespace.
    pub(super) namespace: Value,
    /// The ServiceAccount in it.
    pub(super) account: Value,
    /// The rights in it.
    pub(super) binding: Value,
    /// The right to read flavors.
    pub(super) flavor_reader: Value,
    /// The bastion's right to act as the user.
    pub(super) bastion_token: Value,
    /// The public keys.
    pub(super) keys: Value,
    /// Who reaches the dev servers.
    pub(super) policy: Value,
}

/// For `user`, who has `keys`.
pub(super) fn manifests(slug: &Slug, user: &str, keys: &str, pod_security: Option<&str>) -> Manifests {
    let namespace = slug.namespace();
    let mut namespace_labels = labels(slug, "user-namespace");
    if let Some(level) = pod_security {
        namespace_labels[name::POD_SECURITY_LABEL] = level.into();
    }
    let subjects =
        json!([{"kind": "ServiceAccount", "name": slug.service_account(), "namespace": namespace}]);
    let role =
        |name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name});
    Manifests {
        namespace: json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": namespace_labels,
                "annotations": {"devserver.io/user-name": user},
            },
        }),
        account: json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": slug.service_account(),
                "namespace": namespace,
                "labels": labels(slug, "user-account"),
            },
            "automountServiceAccountToken": false,
        }),
        binding: json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": name::USER_ROLE_BINDING,
                "namespace": namespace,
                "labels": labels(slug, "user-binding"),
            },
            "roleRef": role(name::USER_ROLE),
            "subjects": subjects,
        }),
        flavor_reader: json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": slug.flavor_reader_binding(), "labels": labels(slug, "flavor-reader-binding")},
            "roleRef": role(name::FLAVOR_READER_ROLE),
            "subjects": subjects,
        }),
        bastion_token: json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": name::BASTION_TOKEN_BINDING,
                "namespace": namespace,
                "labels": labels(slug, "bastion-binding"),
            },
            "roleRef": role(name::BASTION_TOKEN_ROLE),
            "subjects": [
                {"kind": "ServiceAccount", "name": name::BASTION, "namespace": name::BASTION_NAMESPACE},
            ],
        }),
        keys: json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name::AUTHORIZED_KEYS_CONFIG_MAP,
                "namespace": namespace,
                "labels": labels(slug, "user-keys"),
            },
            "data": {(name::AUTHORIZED_KEYS): keys},
        }),
        policy: json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": name::NETWORK_POLICY,
                "namespace": namespace,
                "labels": labels(slug, "user-network"),
            },
            "spec": network_policy(),
        }),
    }
}

fn labels(slug: &Slug, kind: &str) -> Value {
    json!({
        (name::USER_LABEL): slug.as_str(),
        (name::CREATED_BY_LABEL): name::OPERATOR,
        (name::TYPE_LABEL): kind,
        (name::MANAGED_BY): name::OPERATOR,
        (name::PART_OF): "devplat",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_user_are_the_ones_reviewed() {
        let Manifests { namespace, account, binding, flavor_reader, bastion_token, keys, policy } =
            manifests(&Slug::of("alice"), "alice", "ssh-ed25519 AAAA alice\n", Some("baseline"));
        insta::assert_yaml_snapshot!([
            namespace,
            account,
            binding,
            flavor_reader,
            bastion_token,
            keys,
            policy
        ]);
    }
}
