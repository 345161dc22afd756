//! The operator has exactly the rights that it needs. The operator of the shared platform has those that `devplat up`
//! gives it, and the audit log records their use.

use std::collections::BTreeSet;

use devplat_api::{DevServer, DevServerFlavor, DevUser, name};
use devplat_tests::{audit::Entry, waiting::until};
use k8s_openapi::api::{
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    cluster::{PATIENCE, Platform, platform},
    namespace::{self, Namespace, gone, make},
    operator,
};

/// A right: the verb, and `group/resource`, with the name if the right is for one object.
type Right = (String, String);

#[tokio::test]
async fn every_right_of_the_operator_is_used_and_none_is_missing() {
    let platform = platform().await;
    let client = platform.plane.client().await.unwrap();
    tokio::select! {
        () = everything_that_an_operator_does(&client) => {}
        // Without a right the operator would not become ready; this reports the missing one.
        refused = refusal(platform) => panic!("refused: {refused:#?}"),
    }

    let granted = granted(&client).await;
    until("every right to be used", PATIENCE, async || {
        let entries = of_the_operator(platform.plane.audit().entries().unwrap());
        let used: BTreeSet<Right> = entries.iter().flat_map(used).collect();
        let unused: Vec<_> = granted.difference(&used).collect();
        if unused.is_empty() { Ok(()) } else { Err(format!("granted and never used: {unused:#?}")) }
    })
    .await
    .unwrap();

    assert_eq!(refused(platform), [""; 0]);
}

/// Returns the operator's forbidden requests so far.
fn refused(platform: &Platform) -> Vec<String> {
    let entries = of_the_operator(platform.plane.audit().entries().unwrap());
    entries.iter().filter(|entry| entry.annotations.decision == "forbid").map(Entry::line).collect()
}

/// Waits until a request is forbidden.
async fn refusal(platform: &Platform) -> Vec<String> {
    until("a refusal", PATIENCE * 10, async || match refused(platform) {
        none if none.is_empty() => Err("none"),
        some => Ok(some),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn operator_has_only_the_rights_of_its_roles() {
    let client = platform().await.plane.client().await.unwrap();
    let is_operator = |subjects: &Option<Vec<Subject>>| {
        subjects.iter().flatten().any(|subject| {
            subject.name == operator::NAME && subject.namespace.as_deref() == Some(operator::NAMESPACE)
        })
    };
    let everywhere =
        Api::<ClusterRoleBinding>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    let everywhere = everywhere.items.iter().filter(|binding| is_operator(&binding.subjects));
    let roles: Vec<&str> = everywhere.map(|binding| &*binding.role_ref.name).collect();
    assert_eq!(roles, [operator::NAME]);
    let somewhere = Api::<RoleBinding>::all(client).list(&ListParams::default()).await.unwrap();
    let somewhere = somewhere.items.iter().filter(|binding| is_operator(&binding.subjects));
    let roles: Vec<_> =
        somewhere.map(|binding| (binding.namespace().unwrap(), &*binding.role_ref.name)).collect();
    let namespaces = [name::BASTION_NAMESPACE, operator::NAMESPACE];
    assert_eq!(roles, namespaces.map(|namespace| (namespace.to_owned(), operator::NAME)));
}

/// Creates a user and a flavor, deletes the user's rights, creates and changes a server, and deletes all of them.
async fn everything_that_an_operator_does(client: &Client) {
    let (users, flavors) = (Api::<DevUser>::all(client.clone()), Api::<DevServerFlavor>::all(client.clone()));
    make(&users, json!({"metadata": {"name": "rita"}, "spec": {"sshKeys": ["ssh-ed25519 AAAA"]}})).await;
    let home = |user: &DevUser| user.status.as_ref().is_some_and(|status| status.namespace.is_some());
    namespace::becomes(&users, "rita", "to have a namespace", home).await;
    namespace::flavor(client, "rights", json!({})).await;

    let space = Namespace { client: client.clone(), name: "dev-rita".to_owned() };
    // For a deleted object the operator reads the name again, because a foreign object could have it by now.
    space.delete::<ServiceAccount>("user-rita").await;
    let (binding, keys, policy) =
        (name::USER_ROLE_BINDING, name::AUTHORIZED_KEYS_CONFIG_MAP, name::NETWORK_POLICY);
    space.delete::<RoleBinding>(binding).await;
    space.delete::<ConfigMap>(keys).await;
    space.delete::<NetworkPolicy>(policy).await;
    space.becomes("user-rita", "to be there again", |_: &ServiceAccount| true).await;
    space.becomes(binding, "to be there again", |_: &RoleBinding| true).await;
    space.becomes(keys, "to be there again", |_: &ConfigMap| true).await;
    space.becomes(policy, "to be there again", |_: &NetworkPolicy| true).await;

    space.server("mydev", json!({"flavor": "rights", "homeRetention": "Delete"})).await;
    space.ready("mydev").await;
    let none = Patch::Merge(json!({"spec": {"sshKeys": []}}));
    users.patch("rita", &PatchParams::default(), &none).await.unwrap();
    let told = |pod: &Pod| pod.annotations().contains_key(name::KEYS_ANNOTATION);
    space.becomes(&space.pod("mydev").await.name_any(), "to have the new keys' annotation", told).await;
    let other =
        json!({"spec": {"ports": [{"name": "ssh", "port": 22, "protocol": "TCP", "targetPort": 8080}]}});
    let changed = space.change::<Service>("mydev-ssh", other).await.resource_version();
    let mended = |service: &Service| service.resource_version() != changed;
    space.becomes("mydev-ssh", "to be restored", mended).await;
    space.change::<DevServer>("mydev", json!({"spec": {"persistentHomeSize": "20Gi"}})).await;
    let grown = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref().unwrap().resources.as_ref().unwrap();
        resources.requests.as_ref().unwrap()["storage"].0 == "20Gi"
    };
    space.becomes("mydev-home", "to have grown", grown).await;
    space.change::<DevServer>("mydev", json!({"spec": {"enableSSH": false}})).await;
    space.gone::<Service>("mydev-ssh").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;

    users.delete("rita", &DeleteParams::default()).await.unwrap();
    gone(&users, "rita").await;
    flavors.delete("rights", &DeleteParams::default()).await.unwrap();
    gone(&flavors, "rights").await;
}

async fn granted(client: &Client) -> BTreeSet<Right> {
    let everywhere: ClusterRole = Api::all(client.clone()).get(operator::NAME).await.unwrap();
    let mut rules = everywhere.rules.unwrap();
    for namespace in [operator::NAMESPACE, name::BASTION_NAMESPACE] {
        let role: Role = Api::namespaced(client.clone(), namespace).get(operator::NAME).await.unwrap();
        rules.extend(role.rules.unwrap());
    }
    let rights: BTreeSet<Right> = rules.iter().flat_map(rights).collect();
    assert!(rights.len() > 60, "{rights:?}");
    rights
}

fn rights(rule: &PolicyRule) -> Vec<Right> {
    let list = |values: &Option<Vec<String>>| values.clone().unwrap_or_default();
    let (groups, resources, names) =
        (list(&rule.api_groups), list(&rule.resources), list(&rule.resource_names));
    let mut all = Vec::new();
    for group in &groups {
        for resource in &resources {
            for verb in &rule.verbs {
                let plain = format!("{group}/{resource}");
                if names.is_empty() {
                    all.push((verb.clone(), plain));
                } else {
                    all.extend(names.iter().map(|name| (verb.clone(), format!("{plain} {name}"))));
                }
            }
        }
    }
    all
}

fn of_the_operator(entries: Vec<Entry>) -> Vec<Entry> {
    let user = format!("system:serviceaccount:{}:{}", operator::NAMESPACE, operator::NAME);
    entries.into_iter().filter(|entry| entry.user.username == user).collect()
}

/// Returns the rights that the request needed.
fn used(entry: &Entry) -> Vec<Right> {
    let object = &entry.object_ref;
    if entry.annotations.decision != "allow" {
        return Vec::new();
    }
    let mut what = format!("{}/{}", object.api_group, object.resource);
    if !object.subresource.is_empty() {
        what = format!("{what}/{}", object.subresource);
    }
    let right = |verb: &str, what: &str| (verb.to_owned(), what.to_owned());
    let mut rights = vec![right(&entry.verb, &what), right(&entry.verb, &format!("{what} {}", object.name))];
    // An apply that created an object also needed the right to create.
    if entry.verb == "patch" && entry.response_status.code == 201 {
        rights.extend([right("create", &what), right("create", &format!("{what} {}", object.name))]);
        // The operator grants rights that it does not have, which needs the right to bind.
        match (object.resource.as_str(), object.name.as_str()) {
            ("rolebindings", name::BASTION_TOKEN_BINDING) => rights.push(bind(name::BASTION_TOKEN_ROLE)),
            ("rolebindings", _) => rights.push(bind(name::USER_ROLE)),
            ("clusterrolebindings", _) => rights.push(bind(name::FLAVOR_READER_ROLE)),
            _ => {}
        }
    }
    rights
}

fn bind(role: &str) -> Right {
    ("bind".to_owned(), format!("rbac.authorization.k8s.io/clusterroles {role}"))
}
