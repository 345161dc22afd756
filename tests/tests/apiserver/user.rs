//! Users: each has a namespace and exactly the rights that devctl needs in it.

use devplat_api::{
    DevServer, DevUser,
    condition::{ConditionType, Reason},
    name,
};
use devplat_tests::control_plane::{self, Token};
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    authorization::v1::SubjectAccessReview,
    core::v1::{ConfigMap, Namespace as Object, PersistentVolumeClaim, Pod, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::{ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    cluster::platform,
    namespace::{Namespace, becomes, gone, make, message},
};

#[tokio::test]
async fn new_user_gets_a_namespace_an_account_and_rights() {
    let client = client().await;
    let user = ready(&client, "ada").await;
    let status = user.status.unwrap();
    assert_eq!(status.namespace.as_deref(), Some("dev-ada"));
    assert_eq!(status.service_account.as_deref(), Some("user-ada"));
    let space: Object = Api::all(client.clone()).get("dev-ada").await.unwrap();
    assert_eq!(space.labels()[name::USER_LABEL], "ada");
    let account: ServiceAccount = Api::namespaced(client.clone(), "dev-ada").get("user-ada").await.unwrap();
    assert_eq!(account.automount_service_account_token, Some(false));
}

#[tokio::test]
async fn name_that_is_not_a_label_gets_its_own_namespace() {
    let client = client().await;
    let dotted = ready(&client, "grace.hopper").await.status.unwrap().namespace.unwrap();
    let dashed = ready(&client, "grace-hopper").await.status.unwrap().namespace.unwrap();
    assert!(dotted.starts_with("dev-grace-hopper--"), "{dotted}");
    assert_eq!(dashed, "dev-grace-hopper");
}

#[tokio::test]
async fn user_has_the_rights_for_devctl_only_in_the_own_namespace() {
    let client = client().await;
    ready(&client, "barbara").await;
    ready(&client, "other").await;
    let servers = "apps.devservers.io/devservers";
    for (verbs, what) in [
        ("get list watch create update patch delete", servers),
        ("get list watch", "/pods"),
        ("get", "/pods/log"),
        ("get list watch", "/events"),
        ("get list watch", "/persistentvolumeclaims"),
        ("get list watch", "/services"),
    ] {
        for verb in verbs.split(' ') {
            assert!(may(&client, "barbara", verb, what, "dev-barbara").await, "{verb} {what} at home");
            assert!(
                !may(&client, "barbara", verb, what, "dev-other").await,
                "{verb} {what} in another user's namespace"
            );
            assert!(!may(&client, "barbara", verb, what, "").await, "{verb} {what} everywhere");
        }
    }
    for verb in ["get", "list", "watch"] {
        assert!(
            may(&client, "barbara", verb, "apps.devservers.io/devserverflavors", "").await,
            "{verb} flavors"
        );
    }
    for (verbs, what) in [
        ("get update patch", "apps.devservers.io/devservers/status"),
        ("create update patch delete", "/pods"),
        ("create get", "/pods/exec"),
        ("create", "/pods/portforward"),
        ("get list create", "/secrets"),
        ("create delete", "/persistentvolumeclaims"),
        ("create", "/serviceaccounts/token"),
        ("create patch", "apps/deployments"),
        ("create", "rbac.authorization.k8s.io/rolebindings"),
    ] {
        for verb in verbs.split(' ') {
            assert!(!may(&client, "barbara", verb, what, "dev-barbara").await, "{verb} {what} at home");
        }
    }
    for what in ["apps.devservers.io/devusers", "/namespaces", "/nodes"] {
        assert!(!may(&client, "barbara", "list", what, "").await, "list {what}");
    }
    assert!(!may(&client, "barbara", "create", "apps.devservers.io/devserverflavors", "").await);
}

#[tokio::test]
async fn user_creates_and_deletes_a_server_with_the_own_token() {
    let client = client().await;
    ready(&client, "evelyn").await;
    let account: Api<ServiceAccount> = Api::namespaced(client.clone(), "dev-evelyn");
    let answer = account
        .create_token_request("user-evelyn", &PostParams::default(), &TokenRequest::default())
        .await
        .unwrap();
    let token = Token(answer.status.unwrap().token);
    let own = control_plane::client(platform().await.plane.kubeconfig_with(&token)).await.unwrap();
    let space = Namespace { client: own.clone(), name: "dev-evelyn".to_owned() };
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    space.pod("mydev").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    let elsewhere: Api<DevServer> = Api::namespaced(own, "default");
    let error = elsewhere.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
}

#[tokio::test]
async fn changed_keys_reach_the_mounted_configmap_and_the_pods() {
    let client = client().await;
    let (one, other) = ("ssh-ed25519 AAAA1 katherine", "ssh-ed25519 AAAA2 katherine");
    make_user(&client, "katherine", json!({"sshKeys": [one]})).await;
    says(&client, "katherine", ConditionType::Ready, "True", Reason::AccessGranted).await;
    let space = Namespace { client: client.clone(), name: "dev-katherine".to_owned() };
    let holds = |map: &ConfigMap, keys: &str| {
        map.data.as_ref().and_then(|data| data.get(name::AUTHORIZED_KEYS)).is_some_and(|text| text == keys)
    };
    let map = name::AUTHORIZED_KEYS_CONFIG_MAP;
    assert!(holds(&space.get(map).await, &format!("{one}\n")));

    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let pod = space.pod("mydev").await;
    assert!(!pod.annotations().contains_key(name::KEYS_ANNOTATION), "the pod is newer than the keys");
    let users: Api<DevUser> = Api::all(client.clone());
    let both = Patch::Merge(json!({"spec": {"sshKeys": [one, other]}}));
    users.patch("katherine", &PatchParams::default(), &both).await.unwrap();
    let keys = format!("{one}\n{other}\n");
    space.becomes(map, "to hold both keys", |map| holds(map, &keys)).await;
    let told = |pod: &Pod| pod.annotations().contains_key(name::KEYS_ANNOTATION);
    space.becomes(&pod.name_any(), "to have the annotation", told).await;
    assert_eq!(space.pod("mydev").await.uid(), pod.uid());

    let wipe = Patch::Merge(json!({"data": {(name::AUTHORIZED_KEYS): "somebody's"}}));
    space.api::<ConfigMap>().patch(map, &PatchParams::default(), &wipe).await.unwrap();
    space.becomes(map, "to hold her keys again", |map| holds(map, &keys)).await;
}

#[tokio::test]
async fn manually_opened_network_policy_is_restored() {
    let client = client().await;
    ready(&client, "annie").await;
    let policies: Api<NetworkPolicy> = Api::namespaced(client, "dev-annie");
    let before = policies.get(name::NETWORK_POLICY).await.unwrap().spec;
    let open = Patch::Merge(json!({"spec": {"ingress": [{}]}}));
    let changed = policies.patch(name::NETWORK_POLICY, &PatchParams::default(), &open).await.unwrap();
    assert_ne!(changed.spec, before);
    becomes(&policies, name::NETWORK_POLICY, "to be as before", |policy| policy.spec == before).await;
}

#[tokio::test]
async fn bastion_may_create_tokens_only_of_users() {
    let client = client().await;
    ready(&client, "margaret").await;
    let bastion = "system:serviceaccount:devserver-bastion:bastion";
    let token = "/serviceaccounts/token";
    assert!(allowed(&client, bastion, "create", token, "dev-margaret").await);
    for namespace in ["", "default", "kube-system", "devserver-operator-system", "devserver-bastion"] {
        assert!(!allowed(&client, bastion, "create", token, namespace).await, "{namespace}");
    }
    for (verb, what) in [("get", "/secrets"), ("create", "/pods/exec"), ("create", "/serviceaccounts")] {
        assert!(!allowed(&client, bastion, verb, what, "dev-margaret").await, "{verb} {what}");
    }
}

#[tokio::test]
async fn deleted_user_loses_everything() {
    let client = client().await;
    ready(&client, "joan").await;
    delete(&client, "joan").await;
    gone::<Object>(&Api::all(client.clone()), "dev-joan").await;
    gone::<ClusterRoleBinding>(&Api::all(client.clone()), "joan-flavor-reader").await;
    assert!(!may(&client, "joan", "list", "apps.devservers.io/devserverflavors", "").await);
}

#[tokio::test]
async fn home_outlives_its_user_and_returns_with_the_user() {
    let client = client().await;
    ready(&client, "mary").await;
    let space = Namespace { client: client.clone(), name: "dev-mary".to_owned() };
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let home: PersistentVolumeClaim = space.get("mydev-home").await;

    delete(&client, "mary").await;
    // The operator deletes it, so that no later user of the same name gets into it.
    space.gone::<DevServer>("mydev").await;
    gone::<ServiceAccount>(&space.api(), "user-mary").await;
    gone::<RoleBinding>(&space.api(), name::USER_ROLE_BINDING).await;
    gone::<RoleBinding>(&space.api(), name::BASTION_TOKEN_BINDING).await;
    gone::<ConfigMap>(&space.api(), name::AUTHORIZED_KEYS_CONFIG_MAP).await;
    // The namespace keeps its NetworkPolicy.
    space.get::<NetworkPolicy>(name::NETWORK_POLICY).await;
    let kept = |space: &Object| space.annotations().contains_key(name::KEPT_ANNOTATION);
    let spaces: Api<Object> = Api::all(client.clone());
    becomes(&spaces, "dev-mary", "to be kept", kept).await;
    assert!(!may(&client, "mary", "list", "apps.devservers.io/devservers", "dev-mary").await);

    ready(&client, "mary").await;
    becomes(&spaces, "dev-mary", "to be in use again", |space| !kept(space)).await;
    assert_eq!(space.get::<PersistentVolumeClaim>("mydev-home").await.uid(), home.uid());
}

#[tokio::test]
async fn user_recreated_immediately_gets_all_objects_again() {
    let client = client().await;
    ready(&client, "radia").await;
    delete(&client, "radia").await;
    ready(&client, "radia").await;
    let space: Object = Api::all(client.clone()).get("dev-radia").await.unwrap();
    assert_eq!(space.metadata.deletion_timestamp, None);
    assert!(may(&client, "radia", "create", "apps.devservers.io/devservers", "dev-radia").await);
}

#[tokio::test]
async fn foreign_namespace_is_not_changed_and_blocks_the_user() {
    let client = client().await;
    let spaces: Api<Object> = Api::all(client.clone());
    let before = make(&spaces, json!({"metadata": {"name": "dev-sophie"}})).await;
    make_user(&client, "sophie", json!({})).await;
    let said = says(&client, "sophie", ConditionType::Ready, "False", Reason::NameTaken).await;
    assert_eq!(
        said,
        "namespace \"dev-sophie\" exists and is not this user's; it is left alone: remove it, or choose another name \
         for the user"
    );
    let after = spaces.get("dev-sophie").await.unwrap();
    assert_eq!(after.labels().get(name::USER_LABEL), None);
    assert_eq!(after.uid(), before.uid());
    assert!(!may(&client, "sophie", "list", "apps.devservers.io/devservers", "dev-sophie").await);
    spaces.delete("dev-sophie", &DeleteParams::default()).await.unwrap();
    says(&client, "sophie", ConditionType::Ready, "True", Reason::AccessGranted).await;
}

#[tokio::test]
async fn limits_are_rejected_as_unsupported() {
    let client = client().await;
    make_user(&client, "limited", json!({"limits": {"devServers": 1}})).await;
    let said = says(&client, "limited", ConditionType::Accepted, "False", Reason::NotSupportedYet).await;
    assert_eq!(said, "spec.limits is not supported yet; remove it from the spec");
    assert_eq!(Api::<Object>::all(client).get_opt("dev-limited").await.unwrap(), None);
}

#[tokio::test]
async fn manually_changed_or_deleted_rights_are_restored() {
    let client = client().await;
    ready(&client, "hedy").await;
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), "dev-hedy");
    let to =
        |name: &str| json!({"subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "dev-hedy"}]});
    bindings
        .patch(name::USER_ROLE_BINDING, &PatchParams::default(), &Patch::Merge(to("default")))
        .await
        .unwrap();
    becomes(&bindings, name::USER_ROLE_BINDING, "to be hers again", |binding| {
        binding.subjects.iter().flatten().map(|subject| &*subject.name).eq(["user-hedy"])
    })
    .await;

    let readers: Api<ClusterRoleBinding> = Api::all(client.clone());
    let before = readers.get("hedy-flavor-reader").await.unwrap();
    readers.delete("hedy-flavor-reader", &DeleteParams::default()).await.unwrap();
    becomes(&readers, "hedy-flavor-reader", "to be another", |now| now.uid() != before.uid()).await;
}

async fn client() -> Client {
    platform().await.plane.client().await.unwrap()
}

async fn make_user(client: &Client, name: &str, spec: Value) {
    make::<DevUser>(&Api::all(client.clone()), json!({"metadata": {"name": name}, "spec": spec})).await;
}

async fn ready(client: &Client, name: &str) -> DevUser {
    make_user(client, name, json!({})).await;
    says(client, name, ConditionType::Ready, "True", Reason::AccessGranted).await;
    Api::all(client.clone()).get(name).await.unwrap()
}

async fn delete(client: &Client, name: &str) {
    let users: Api<DevUser> = Api::all(client.clone());
    users.delete(name, &DeleteParams::default()).await.unwrap();
    gone(&users, name).await;
}

async fn says(client: &Client, name: &str, kind: ConditionType, status: &str, reason: Reason) -> String {
    let said = |user: &DevUser| {
        let conditions = user.status.clone().unwrap_or_default().conditions;
        message(&conditions, user.metadata.generation, kind, status, reason)
    };
    let what = format!("to report {kind}={status} {reason}");
    let user = becomes(&Api::all(client.clone()), name, &what, |user| said(user).is_some()).await;
    said(&user).unwrap()
}

/// Returns whether `user` may `verb` `what` (`group/resource[/subresource]`) in `namespace`; an empty one means all
/// namespaces.
async fn may(client: &Client, user: &str, verb: &str, what: &str, namespace: &str) -> bool {
    let account = format!("system:serviceaccount:dev-{user}:user-{user}");
    allowed(client, &account, verb, what, namespace).await
}

/// Returns whether a ServiceAccount, by its user name, has that right.
async fn allowed(client: &Client, account: &str, verb: &str, what: &str, namespace: &str) -> bool {
    let mut parts = what.split('/');
    let mut part = || parts.next().unwrap_or_default();
    let space = account.split(':').nth(2).unwrap();
    let review: SubjectAccessReview = serde_json::from_value(json!({"spec": {
        "user": account,
        "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{space}"), "system:authenticated"],
        "resourceAttributes": {
            "group": part(), "resource": part(), "subresource": part(), "verb": verb, "namespace": namespace
        }
    }}))
    .unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}
