//! The route to the bastion from this machine, and the authority that signs its host key.

mod host;
pub mod ssh;

pub use host::{is_installed, public_host};

use std::time::Duration;

use devplat_api::name;
use devplat_keys::PublicKey;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{
    CallError, Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, Class, ObjectDamage, if_there},
    lasting,
    pace::{Stopped, stoppable},
};

/// How long opening a TCP connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The route to the bastion from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// At an address.
    Address {
        /// Host name or address.
        host: String,
        port: u16,
    },
    /// Only through the API server.
    PortForward,
}

/// Bytes in both directions.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// The reason why the bastion is not reachable.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The address does not answer.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// Host name or address.
        host: String,
        port: u16,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// No replica is ready.
    #[error("no pod of the bastion in namespace {} is ready", name::BASTION_NAMESPACE)]
    NoPod,
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Error> for RouteError {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Call(error),
            Error::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

impl Route {
    /// Opens a connection.
    pub async fn connect(&self, client: &Client, pace: &dyn Pace) -> Result<Box<dyn Bytes>, RouteError> {
        match self {
            Self::Address { host, port } => {
                let failed = |source| RouteError::Connect { host: host.clone(), port: *port, source };
                let connect = TcpStream::connect((host.as_str(), *port));
                let stream = match stoppable(pace, tokio::time::timeout(CONNECT, connect)).await? {
                    Ok(outcome) => outcome.map_err(failed)?,
                    Err(elapsed) => return Err(failed(elapsed.into())),
                };
                // SSH mostly sends small packets, each of which waits for an answer, so Nagle's algorithm would delay
                // them.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            Self::PortForward => forwarded(ApiServer { client, pace }).await,
        }
    }
}

/// The address that the cluster's cloud gave to the bastion's load balancer; `None` while it has none.
pub async fn load_balancer(client: &Client, pace: &dyn Pace) -> Result<Option<String>, Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let object = ObjectRef::new("v1", "Service", Some(name::BASTION_NAMESPACE), name::BASTION);
    let call = Call::new(CallVerb::Read, &object);
    let attempt = || async { if_there(services.get(name::BASTION).await) };
    let service = ApiServer { client, pace }.call(&call, attempt).await?;
    let ingress = service.and_then(|service| service.status?.load_balancer?.ingress).unwrap_or_default();
    Ok(ingress.into_iter().find_map(|one| one.hostname.or(one.ip)))
}

/// The public key of the platform's host authority; `None` while the operator has not created it, or creates another one
/// because its seed was deleted. Fails with [`Class::Damaged`] if it does not parse.
pub async fn host_authority(client: &Client, pace: &dyn Pace) -> Result<Option<PublicKey>, Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let object = ObjectRef::config_map(name::BASTION_NAMESPACE, name::AUTHORITIES_CONFIG_MAP);
    let call = Call::new(CallVerb::Read, &object);
    let attempt = || async { if_there(maps.get(name::AUTHORITIES_CONFIG_MAP).await) };
    let server = ApiServer { client, pace };
    let map = server.call(&call, attempt).await?;
    // An older operator does not name the seed.
    let made_from = map.as_ref().and_then(|map| map.annotations().get(name::SEED_UID).cloned());
    if made_from.is_some() && made_from != lasting::uid(server, &seed()).await? {
        return Ok(None);
    }
    let Some(line) = map.and_then(|map| map.data?.remove(name::HOST_AUTHORITY)) else { return Ok(None) };
    match PublicKey::from_openssh(line.trim()) {
        Ok(key) => Ok(Some(key)),
        Err(error) => Err(call.error(Class::Damaged(ObjectDamage::HostAuthority(Box::new(error)))).into()),
    }
}

/// Returns the reference to the Secret with the seed of the authority.
fn seed() -> ObjectRef {
    ObjectRef::new("v1", "Secret", Some(name::OPERATOR_NAMESPACE), name::HOST_AUTHORITY_SECRET)
}

/// A connection to a ready replica, through the API server.
async fn forwarded(server: ApiServer<'_>) -> Result<Box<dyn Bytes>, RouteError> {
    let (pods, ours) = pods(server.client);
    let list = Call::new(CallVerb::List, &ObjectRef::all("v1", "Pod", Some(name::BASTION_NAMESPACE)));
    let all = server.call(&list, || async { pods.list(&ours).await }).await?;
    let pod = all.items.iter().find(|pod| ready(pod)).ok_or(RouteError::NoPod)?;
    let pod = pod.metadata.name.clone().unwrap_or_default();
    let object = ObjectRef::new("v1", "Pod", Some(name::BASTION_NAMESPACE), &pod);
    let forward = Call::new(CallVerb::ForwardPort, &object);
    let attempt = || async { pods.portforward(&pod, &[name::SSH_TARGET_PORT]).await };
    let mut forwarder = server.call(&forward, attempt).await?;
    let stream = forwarder.take_stream(name::SSH_TARGET_PORT).ok_or(RouteError::NoPod)?;
    Ok(Box::new(stream))
}

/// Returns the API of the bastion's pods, and the parameters that list them.
pub(crate) fn pods(client: &Client) -> (Api<Pod>, ListParams) {
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/name={}", name::BASTION));
    (Api::namespaced(client.clone(), name::BASTION_NAMESPACE), ours)
}

/// Returns whether the pod is ready and not being deleted.
pub(crate) fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

#[cfg(test)]
mod tests {
    use devplat_keys::UserKey;
    use serde_json::json;

    use super::*;
    use crate::{Steady, call::tests::client};

    /// Reads the authority from a ConfigMap with this data.
    async fn authority(data: serde_json::Value) -> Result<Option<PublicKey>, Error> {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name::AUTHORITIES_CONFIG_MAP}, "data": data});
        host_authority(&client(move |_| (200, map.clone())), &Steady).await
    }

    #[tokio::test]
    async fn authority_of_a_deleted_seed_is_not_used() {
        let key = UserKey::from_seed([7; 32], "authority").public_text();
        let read = async |made_from: Option<&str>, seed: Option<&str>| {
            let annotations = made_from.map(|uid| json!({(name::SEED_UID): uid}));
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name::AUTHORITIES_CONFIG_MAP, "annotations": annotations},
                "data": {(name::HOST_AUTHORITY): key}});
            let seed = seed.map(str::to_owned);
            let client = client(move |request| match (request.uri().path().rsplit('/').next(), &seed) {
                (Some(name::AUTHORITIES_CONFIG_MAP), _) => (200, map.clone()),
                (Some(name::HOST_AUTHORITY_SECRET), Some(uid)) => (200, json!({"metadata": {"uid": uid}})),
                (Some(name::OPERATOR_NAMESPACE), _) => (200, json!({"metadata": {"uid": "n"}})),
                _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "no"})),
            });
            host_authority(&client, &Steady).await.unwrap().is_some()
        };
        assert!(read(Some("a"), Some("a")).await);
        assert!(!read(Some("a"), Some("b")).await, "the operator makes new keys");
        assert!(!read(Some("a"), None).await);
        assert!(read(None, None).await, "an older operator");
    }

    #[tokio::test]
    async fn damaged_host_authority_is_not_an_absent_one() {
        let key = UserKey::from_seed([7; 32], "authority").public_text();
        assert!(authority(json!({(name::HOST_AUTHORITY): key})).await.unwrap().is_some());
        assert!(authority(json!({})).await.unwrap().is_none());
        let Err(Error::Call(error)) = authority(json!({(name::HOST_AUTHORITY): "ssh-ed25519 AAAA"})).await
        else {
            panic!("it is damaged")
        };
        assert!(matches!(*error.class, Class::Damaged(ObjectDamage::HostAuthority(_))), "{error:?}");
        assert!(error.hints()[0].contains("if the operator has not written the key again"), "{error:?}");
    }
}
