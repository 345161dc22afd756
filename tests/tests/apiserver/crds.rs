//! Deleted CRDs: the operator works without them, and again once they are created again.

use devplat_api::{DevServer, DevServerFlavor, DevUser};
use devplat_tests::{
    control_plane::{ControlPlane, Parts},
    waiting::until,
};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, CustomResourceExt, api::DeleteParams};
use serde_json::json;

use super::{
    cluster::PATIENCE,
    namespace::{becomes, gone, make},
    operator::{self, Operator},
    releases,
};

#[tokio::test]
async fn operator_works_without_crds_and_with_new_ones() {
    let plane = ControlPlane::start(Parts::Cleaning).await.unwrap();
    let client = plane.client().await.unwrap();
    releases::install(&client).await;
    let token = operator::token(&client).await;
    let start = || Operator::start(plane.kubeconfig_with(&token), "crds", operator::defaults());
    let first = start();
    ready_user(&client, "lovelace").await;

    // The operator looks for the dev servers of a user before it releases the user.
    delete::<DevServer>(&client).await;
    delete::<DevUser>(&client).await;
    delete::<DevServerFlavor>(&client).await;
    gone::<Namespace>(&Api::all(client.clone()), "dev-lovelace").await;
    first.stop();

    // An operator that is restarted meanwhile must not wait for the CRDs, because `devplat up` waits for the operator.
    let second = start();
    until("it to lead", PATIENCE, async || second.leads().await).await.unwrap();
    until("it to be ready", PATIENCE, async || match second.get("/readyz").await? {
        (200, _) => Ok(()),
        (_, said) => Err(said),
    })
    .await
    .unwrap();
    releases::install(&client).await;
    ready_user(&client, "noether").await;
    second.stop();
}

/// Creates a user and waits until the operator has granted access.
async fn ready_user(client: &Client, name: &str) {
    let users: Api<DevUser> = Api::all(client.clone());
    make(&users, json!({"metadata": {"name": name}, "spec": {}})).await;
    let ready = |user: &DevUser| {
        let mut conditions = user.status.iter().flat_map(|status| &status.conditions);
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    becomes(&users, name, "to be ready", ready).await;
}

/// Deletes the CRD of a kind and waits until it is gone.
async fn delete<K: CustomResourceExt>(client: &Client) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.delete(K::crd_name(), &DeleteParams::default()).await.unwrap();
    gone(&crds, K::crd_name()).await;
}
