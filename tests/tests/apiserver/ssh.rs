//! The SSH authorities: created once, kept, and the signers of every key of the platform.

use std::time::Duration;

use devplat_api::{DevServer, name};
use devplat_keys::{Certificate, PrivateKey, PublicKey, SessionAuthority, vouch};
use devplat_tests::{control_plane::Token, waiting::until};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Secret},
    },
};
use kube::{Api, Client, ResourceExt, api::DeleteParams};
use serde_json::json;

use super::{
    cluster::{PATIENCE, Quiet, platform, quiet},
    namespace::{Namespace, becomes},
    operator::{self, Operator},
};

const NOW: u64 = 1_800_000_000;
/// Longer than the half minute that a pod hangs before the operator checks its keys.
const LONG: Duration = Duration::from_secs(90);

#[tokio::test]
async fn server_gets_keys_signed_by_the_host_authority() {
    let space = Namespace::new("ssh-server").await;
    let server = space.server("mydev", json!({})).await;
    space.ready("mydev").await;

    let secret = secret_of(&space).await;
    assert_eq!(secret.immutable, Some(true));
    assert_eq!(Some(&secret.owner_references()[0].uid), server.metadata.uid.as_ref());
    let (certificate, key) = identity(&secret);
    let public = public(&space.client).await;
    vouch(&certificate, &public.host, "mydev.ssh-server", NOW).unwrap();
    assert_eq!(certificate.public_key(), key.public_key().key_data());
    assert_eq!(text(&secret, name::SESSION_AUTHORITY), public.session);

    let pod = space.pod("mydev").await.spec.unwrap();
    let command = pod.containers[0].command.as_ref().unwrap();
    assert!(command.ends_with(&["--principal", "ssh-server/mydev"].map(str::to_owned)), "{command:?}");

    // A server of the same name keeps its host key, because clients know it, and no two servers share a key.
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    assert_eq!(space.names::<Secret>().await, [""; 0]);
    space.server("mydev", json!({})).await;
    space.server("other", json!({})).await;
    space.ready("mydev").await;
    space.ready("other").await;
    let again = secret_of(&space).await;
    assert_ne!(again.name_any(), secret.name_any());
    assert_eq!(identity(&again).1, key);
    assert_eq!(space.names::<Secret>().await.len(), 2);
}

#[tokio::test]
async fn certificate_of_a_users_server_names_the_platform() {
    let space = Namespace::new("dev-ssh-name").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let (certificate, _) = identity(&secret_of(&space).await);
    let host = format!("mydev.ssh-name.{}", operator::PLATFORM);
    vouch(&certificate, &public(&space.client).await.host, &host, NOW).unwrap();
}

#[tokio::test]
async fn keys_deleted_before_the_pod_has_them_are_recreated() {
    let space = Namespace::new("ssh-keys-gone").await;
    let flavor = super::server::silent_flavor(&space).await;
    space.server("mydev", json!({"flavor": flavor})).await;
    space.pod("mydev").await;
    let secret = secret_of(&space).await;
    space.delete::<Secret>(&secret.name_any()).await;
    let api = space.api::<Secret>();
    let again = until("the keys", LONG, async || match api.get_opt(&secret.name_any()).await {
        Ok(Some(again)) => Ok(again),
        other => {
            let leads = platform().await.operator.leads().await;
            Err(format!("{other:?}; {leads:?}; {:?}", space.get::<DevServer>("mydev").await.status))
        }
    });
    assert_eq!(again.await.unwrap().data, secret.data);
}

#[tokio::test]
async fn bastion_gets_keys_that_servers_and_clients_trust() {
    let client = platform().await.plane.client().await.unwrap();
    let public = public(&client).await;
    let secret = bastion_keys(&client).await;
    let (certificate, _) = identity(&secret);
    for name in
        ["localhost", "127.0.0.1", "::1", "bastion.devserver-bastion", "bastion.devserver-bastion.svc"]
    {
        vouch(&certificate, &public.host, name, NOW).unwrap();
    }
    let session = SessionAuthority::from_openssh(&text(&secret, name::SESSION_AUTHORITY_KEY)).unwrap();
    assert_eq!(session.public_key().to_openssh().unwrap(), public.session);
}

#[tokio::test]
async fn new_operator_keeps_the_authorities() {
    let quiet = quiet().await;
    let client = quiet.client().await;
    let first = leading(&quiet, &["a.example.com"]).await;
    let before = signed_for(&client, "a.example.com").await;
    let seed = seed(&client).await.data;
    first.stop();

    // A changed list of names gets a new signature, the key stays, and deleted objects are recreated.
    authorities(&client).delete(name::AUTHORITIES_CONFIG_MAP, &DeleteParams::default()).await.unwrap();
    let second = leading(&quiet, &["b.example.com"]).await;
    let after = signed_for(&client, "b.example.com").await;
    assert_eq!(text(&after, name::HOST_KEY), text(&before, name::HOST_KEY));
    let (certificate, _) = identity(&after);
    assert!(vouch(&certificate, &public(&client).await.host, "a.example.com", NOW).is_err());
    assert_eq!(self::seed(&client).await.data, seed);
    second.stop();
}

#[tokio::test]
async fn invalid_seed_is_not_changed_and_blocks_new_keys() {
    let quiet = quiet().await;
    let client = quiet.client().await;
    let seeds: Api<Secret> = Api::namespaced(client.clone(), operator::NAMESPACE);
    let _ = seeds.delete(name::HOST_AUTHORITY_SECRET, &DeleteParams::default()).await;
    let broken =
        json!({"metadata": {"name": name::HOST_AUTHORITY_SECRET}, "data": {"seed": ByteString(vec![1])}});
    super::namespace::make(&seeds, broken).await;
    let operator = leading(&quiet, &[]).await;
    let space = Namespace::on(client.clone(), "ssh-seed").await;
    space.server("mydev", json!({})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    assert_eq!(seed(&client).await.data.unwrap()[name::SEED].0, [1]);
    seeds.delete(name::HOST_AUTHORITY_SECRET, &DeleteParams::default()).await.unwrap();
    space.ready("mydev").await;
    assert_eq!(seed(&client).await.data.unwrap()[name::SEED].0.len(), 32);
    operator.stop();
}

/// The public keys of the platform.
struct Public {
    host: PublicKey,
    session: String,
}

async fn public(client: &Client) -> Public {
    let map = becomes(&authorities(client), name::AUTHORITIES_CONFIG_MAP, "to be there", |_| true).await;
    let data = map.data.unwrap();
    Public {
        host: PublicKey::from_openssh(&data[name::HOST_AUTHORITY]).unwrap(),
        session: data[name::SESSION_AUTHORITY].clone(),
    }
}

fn authorities(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), name::BASTION_NAMESPACE)
}

async fn bastion_keys(client: &Client) -> Secret {
    let api = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    becomes(&api, name::BASTION_KEYS_SECRET, "to be there", |_| true).await
}

/// Waits until the bastion's certificate is valid for `host`, and returns its Secret.
async fn signed_for(client: &Client, host: &str) -> Secret {
    let authority = public(client).await.host;
    let api = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let good = |secret: &Secret| vouch(&identity(secret).0, &authority, host, NOW).is_ok();
    becomes(&api, name::BASTION_KEYS_SECRET, &format!("to be valid for {host}"), good).await
}

async fn seed(client: &Client) -> Secret {
    let api: Api<Secret> = Api::namespaced(client.clone(), operator::NAMESPACE);
    api.get(name::HOST_AUTHORITY_SECRET).await.unwrap()
}

/// Returns the Secret that the Deployment of `mydev` names.
async fn secret_of(space: &Namespace) -> Secret {
    let deployment: Deployment = space.get("mydev").await;
    let volumes = deployment.spec.unwrap().template.spec.unwrap().volumes.unwrap();
    let names: Vec<String> = volumes.into_iter().filter_map(|volume| volume.secret?.secret_name).collect();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    space.get(name).await
}

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

fn identity(secret: &Secret) -> (Certificate, PrivateKey) {
    let certificate = Certificate::from_openssh(&text(secret, name::HOST_CERTIFICATE)).unwrap();
    (certificate, PrivateKey::from_openssh(text(secret, name::HOST_KEY)).unwrap())
}

async fn leading(quiet: &Quiet, names: &[&str]) -> Operator {
    let kubeconfig = quiet.plane.kubeconfig_with(&Token::of("operator-a"));
    let operator = Operator::start_with(kubeconfig, "operator-a", operator::defaults(), names);
    until("it to lead", PATIENCE, async || operator.leads().await).await.unwrap();
    operator
}
