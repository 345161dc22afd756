//! Specs that the CRD accepts and the operator rejects, each with the field and the remedy.

use devplat_api::{
    DevServer,
    condition::{ConditionType, Reason},
    server::Phase,
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::PersistentVolumeClaim};
use serde_json::json;

use super::super::namespace::{self, Namespace, becomes, message};

#[tokio::test]
async fn unsupported_fields_are_rejected_by_name() {
    let space = Namespace::new("refusal-spec").await;
    for (name, spec, field) in [
        (
            "several",
            json!({"mode": "distributed", "distributed": {"worldSize": 2}}),
            "spec.mode: distributed",
        ),
        ("idle", json!({"lifecycle": {"idleTimeout": 60}}), "spec.lifecycle.idleTimeout"),
        (
            "dated",
            json!({"lifecycle": {"expirationTime": "2040-01-01T00:00:00Z"}}),
            "spec.lifecycle.expirationTime",
        ),
        ("mortal", json!({"lifecycle": {"timeToLive": "8h"}}), "spec.lifecycle.timeToLive"),
    ] {
        space.server(name, spec).await;
        let said = space.says(name, ConditionType::Accepted, "False", Reason::NotSupportedYet).await;
        assert_eq!(said, format!("{field} is not supported yet; remove it from the spec"));
        let server: DevServer = space.get(name).await;
        assert_eq!(server.status.unwrap().phase, Phase::Failed);
    }
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    assert_eq!(space.names::<PersistentVolumeClaim>().await, [""; 0]);
}

#[tokio::test]
async fn rejected_server_is_created_once_its_spec_is_valid() {
    let space = Namespace::new("refusal-mended").await;
    space.server("mydev", json!({"lifecycle": {"autoShutdown": true}})).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::NotSupportedYet).await;
    assert_eq!(said, "spec.lifecycle.autoShutdown is not supported yet; remove it from the spec");
    space.change::<DevServer>("mydev", json!({"spec": {"lifecycle": null}})).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn rejected_server_can_be_deleted() {
    let space = Namespace::new("refusal-end").await;
    space.server("mydev", json!({"lifecycle": {"autoShutdown": true}})).await;
    space.says("mydev", ConditionType::Ready, "False", Reason::NotSupportedYet).await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
}

#[tokio::test]
async fn flavor_with_gpus_and_its_servers_are_rejected() {
    let space = Namespace::new("refusal-gpu").await;
    let name = "refusal-gpu";
    namespace::flavor(&space.client, name, json!({"gpu": {"count": 1}})).await;
    let flavors = kube::Api::all(space.client.clone());
    becomes(&flavors, name, "to be rejected", |flavor: &devplat_api::DevServerFlavor| {
        let conditions = flavor.status.clone().unwrap_or_default().conditions;
        let generation = flavor.metadata.generation;
        let said =
            message(&conditions, generation, ConditionType::Accepted, "False", Reason::NotSupportedYet);
        said.as_deref() == Some("spec.gpu is not supported yet; remove it from the spec")
    })
    .await;
    space.server("mydev", json!({"flavor": name})).await;
    let said = space.says("mydev", ConditionType::FlavorResolved, "False", Reason::FlavorNotAccepted).await;
    assert!(
        said.starts_with(r#"flavor "refusal-gpu" is not accepted: spec.gpu is not supported yet; "#),
        "{said}"
    );
}
