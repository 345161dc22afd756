//! Objects that the CRDs reject, each with a message that names the mistake and a valid value.

use devplat_api::{DevServer, DevServerFlavor, DevUser};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    cluster::platform,
    namespace::{Kind, Namespace},
};

#[tokio::test]
async fn server_name_that_is_too_long_is_rejected() {
    let name = "a".repeat(53);
    assert_eq!(
        refused_server(&name, json!({})).await,
        format!(
            "DevServer.apps.devservers.io \"{name}\" is invalid: <nil>: Invalid value: \"object\": the name of a dev \
             server has at most 52 characters, so that the names made from it fit"
        )
    );
    accepted_server(&name[1..], json!({})).await;
}

#[tokio::test]
async fn server_name_that_is_not_a_label_is_rejected() {
    for name in ["2fast", "a.b"] {
        assert_eq!(
            refused_server(name, json!({})).await,
            format!(
                "DevServer.apps.devservers.io \"{name}\" is invalid: <nil>: Invalid value: \"object\": the name of a \
                 dev server is a DNS label: lowercase letters, digits and '-', starting with a letter and not ending \
                 with '-'"
            )
        );
    }
}

#[tokio::test]
async fn second_server_of_the_same_name_is_rejected() {
    let space = Namespace::new("validation-twin").await;
    space.server("twin", json!({})).await;
    let twin: DevServer = serde_json::from_value(json!({"metadata": {"name": "twin"}, "spec": {}})).unwrap();
    let error = space.api::<DevServer>().create(&PostParams::default(), &twin).await.unwrap_err();
    let kube::Error::Api(status) = error else { panic!("{error}") };
    assert_eq!((status.code, &*status.reason), (409, "AlreadyExists"));
    assert_eq!(status.message, "devservers.apps.devservers.io \"twin\" already exists");
}

#[tokio::test]
async fn size_that_is_not_a_quantity_is_rejected() {
    for size in ["10GB", "-1Gi", "10 Gi", "lots"] {
        let said = refused_server("mydev", json!({"persistentHomeSize": size})).await;
        assert_eq!(
            said,
            format!(
                "DevServer.apps.devservers.io \"mydev\" is invalid: spec.persistentHomeSize: Invalid value: \"{size}\": \
                 spec.persistentHomeSize in body should match \
                 '^[0-9]+(\\.[0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$'"
            )
        );
    }
    for size in [json!("10Gi"), json!("1.5Ti"), json!("1e10"), json!(1_000_000)] {
        accepted_server("mydev", json!({"persistentHomeSize": size})).await;
    }
}

#[tokio::test]
async fn distributed_settings_without_the_mode_are_rejected() {
    let said = refused_server("mydev", json!({"distributed": {"worldSize": 2}})).await;
    assert_eq!(said, invalid_server("spec", "distributed settings need mode: distributed"));
}

#[tokio::test]
async fn unknown_value_is_rejected_with_the_known_ones() {
    let said = refused_server("mydev", json!({"mode": "several"})).await;
    let rest = r#"spec.mode: Unsupported value: "several": supported values: "standalone", "distributed""#;
    assert!(
        said.starts_with(&format!("DevServer.apps.devservers.io \"mydev\" is invalid: [{rest}")),
        "{said}"
    );
    let said = refused_server("mydev", json!({"homeRetention": "Perhaps"})).await;
    let rest = r#"spec.homeRetention: Unsupported value: "Perhaps": supported values: "Retain", "Delete""#;
    assert!(said.contains(rest), "{said}");
}

#[tokio::test]
async fn unknown_field_is_rejected_by_name() {
    let said =
        match try_make_with(&servers().await, "fieldValidation=Strict", "mydev", json!({"flavour": "x"}))
            .await
        {
            Err(kube::Error::Api(status)) => status.message,
            other => panic!("{other:?}"),
        };
    assert!(said.contains(r#"strict decoding error: unknown field "spec.flavour""#), "{said}");
}

#[tokio::test]
async fn change_of_an_immutable_field_is_rejected_with_a_remedy() {
    let space = Namespace::new("validation-change").await;
    space.server("mydev", json!({"owner": "alice", "persistentHomeSize": "10Gi"})).await;
    for (change, message) in [
        (json!({"mode": "distributed"}), "mode cannot be changed; make another dev server"),
        (json!({"owner": "bob"}), "owner cannot be changed"),
        (json!({"owner": null}), "owner cannot be changed"),
        (json!({"persistentHomeSize": "9.9Gi"}), "persistentHomeSize can only grow"),
        (json!({"persistentHomeSize": "10G"}), "persistentHomeSize can only grow"),
    ] {
        let error = try_change(&space, &change).await.unwrap_err();
        let kube::Error::Api(status) = error else { panic!("{error}") };
        assert_eq!(status.message, invalid_server("spec", message), "{change}");
    }
    for change in [json!({"persistentHomeSize": "10240Mi"}), json!({"persistentHomeSize": "11Gi"})] {
        try_change(&space, &change).await.unwrap();
    }
}

#[tokio::test]
async fn flavor_with_a_request_above_its_limit_is_rejected() {
    let flavor = |request: &str, limit: &str| json!({"resources": {"requests": {"memory": request}, "limits": {"memory": limit}}});
    assert_eq!(
        refused::<DevServerFlavor>(Api::all(client().await), "huge", flavor("2Gi", "2G")).await,
        "DevServerFlavor.apps.devservers.io \"huge\" is invalid: spec.resources: Invalid value: \"object\": a request \
         must not be above its limit"
    );
    accepted::<DevServerFlavor>(Api::all(client().await), "fair", flavor("1024Mi", "1Gi")).await;
}

#[tokio::test]
async fn flavor_name_that_is_too_long_is_rejected() {
    let name = "a".repeat(64);
    assert_eq!(
        refused::<DevServerFlavor>(Api::all(client().await), &name, json!({"resources": {}})).await,
        format!(
            "DevServerFlavor.apps.devservers.io \"{name}\" is invalid: <nil>: Invalid value: \"object\": the name of a \
             flavor has at most 63 characters"
        )
    );
}

#[tokio::test]
async fn flavor_amount_that_is_not_a_quantity_is_rejected_with_its_place() {
    let spec = json!({"resources": {"limits": {"cpu": "two"}}});
    let said = refused::<DevServerFlavor>(Api::all(client().await), "words", spec).await;
    assert!(said.contains("spec.resources.limits.cpu: Invalid value: \"two\""), "{said}");
}

#[tokio::test]
async fn key_with_options_is_rejected() {
    let said = refused::<DevUser>(
        Api::all(client().await),
        "alice",
        json!({"sshKeys": ["command=\"sh\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 alice"]}),
    )
    .await;
    assert!(said.contains("spec.sshKeys[0]: Invalid value: "), "{said}");
    let key = json!({"sshKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 alice"]});
    accepted::<DevUser>(Api::all(client().await), "alice", key).await;
}

async fn client() -> Client {
    platform().await.plane.client().await.unwrap()
}

async fn servers() -> Api<DevServer> {
    Api::namespaced(client().await, "default")
}

fn invalid_server(field: &str, message: &str) -> String {
    format!(
        "DevServer.apps.devservers.io \"mydev\" is invalid: {field}: Invalid value: \"object\": {message}"
    )
}

async fn refused_server(name: &str, spec: Value) -> String {
    refused::<DevServer>(servers().await, name, spec).await
}

async fn accepted_server(name: &str, spec: Value) {
    accepted::<DevServer>(servers().await, name, spec).await;
}

/// Returns the API server's message for an object that it rejects.
async fn refused<K: Kind>(api: Api<K>, name: &str, spec: Value) -> String {
    match try_make(&api, name, spec).await {
        Err(kube::Error::Api(status)) => {
            assert_eq!((status.code, &*status.reason), (422, "Invalid"), "{status:?}");
            status.message
        }
        other => panic!("{other:?}"),
    }
}

async fn accepted<K: Kind>(api: Api<K>, name: &str, spec: Value) {
    try_make(&api, name, spec).await.unwrap();
}

/// Creates an object by dry run, as JSON, because the types do not allow invalid values.
async fn try_make<K: Kind>(api: &Api<K>, name: &str, spec: Value) -> kube::Result<Value> {
    try_make_with(api, "fieldValidation=Ignore", name, spec).await
}

async fn try_make_with<K: Kind>(
    api: &Api<K>,
    parameter: &str,
    name: &str,
    spec: Value,
) -> kube::Result<Value> {
    let kind = K::kind(&());
    let object = json!({
        "apiVersion": "apps.devservers.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec
    });
    let request = http::Request::post(format!("{}?dryRun=All&{parameter}", api.resource_url()))
        .header("content-type", "application/json")
        .body(object.to_string().into_bytes())
        .unwrap();
    api.clone().into_client().request(request).await
}

async fn try_change(space: &Namespace, spec: &Value) -> kube::Result<DevServer> {
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    space.api().patch("mydev", &params, &Patch::Merge(json!({"spec": spec}))).await
}
