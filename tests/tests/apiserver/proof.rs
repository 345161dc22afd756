//! The proof that a platform works, and one that does not.

use std::time::Duration;

use devplat_api::{DevServer, DevUser};
use devplat_kubernetes::{
    door::Door,
    proof::{self, NAME, Patience, ProofError, Way},
};
use devplat_tests::{control_plane, port};
use kube::Api;

use super::cluster::platform;

const PATIENCE: Patience = Patience { seen: Duration::from_mins(1), ready: Duration::from_mins(1) };

#[tokio::test]
async fn a_platform_that_nobody_gets_into_is_not_proved_and_the_proofs_server_goes() {
    let platform = platform().await;
    let client = platform.plane.client().await.unwrap();
    let key = proof::begin(&client, "proved", "cpu-small", PATIENCE, &|_| ()).await.unwrap();

    let entries = platform.plane.audit().entries().unwrap();
    let made = entries.iter().find(|entry| {
        let what = &entry.object_ref;
        entry.verb == "create" && what.resource == "devservers" && what.namespace == "dev-devplat-proof"
    });
    // The administrator asks, with the rights of the user alone.
    let made = made.expect("somebody made the proof's server");
    assert_eq!(made.response_status.code, 201);
    let asked = made.impersonated_user.as_ref().map(|user| user.username.as_str());
    assert_eq!(asked, Some("system:serviceaccount:dev-devplat-proof:user-devplat-proof"));

    let [free] = port::free().unwrap();
    let door = Door::Address { host: "127.0.0.1".to_owned(), port: free.port() };
    let way = Way { door: &door, host: "localhost" };
    let error = proof::finish(&client, "proved", way, &key, &|_| ()).await.unwrap_err();
    assert!(matches!(&error, ProofError::Ssh { user, source: _ } if user == NAME), "{error:?}");
    let servers: Api<DevServer> = Api::namespaced(client.clone(), "dev-devplat-proof");
    assert!(servers.get_opt(NAME).await.unwrap().is_none(), "it is left");
    let users: Api<DevUser> = Api::all(control_plane::client(platform.plane.kubeconfig()).await.unwrap());
    let user = users.get_opt(NAME).await.unwrap();
    assert!(user.is_none_or(|user| user.metadata.deletion_timestamp.is_some()), "its user stays");
}
