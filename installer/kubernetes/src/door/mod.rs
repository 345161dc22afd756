//! How the bastion is reached from here, and what its host key is vouched for by.

pub mod ssh;

use devplat_api::name;
use devplat_keys::PublicKey;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::{Api, Client, api::ListParams};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::call::{Error, if_there, retried};

/// How the bastion is reached from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// At an address.
    Address {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Through the API server, and nowhere else.
    PortForward,
}

/// Bytes in both directions.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// Why the bastion is not reached.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Nobody answers.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// Where.
        host: String,
        /// On which port.
        port: u16,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No replica is ready.
    #[error("no pod of the bastion in namespace {} is ready", name::BASTION_NAMESPACE)]
    NoPod,
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl Door {
    /// Opens a connection.
    pub async fn connect(&self, client: &Client) -> Result<Box<dyn Bytes>, DoorError> {
        match self {
            Self::Address { host, port } => {
                let failed = |source| DoorError::Connect { host: host.clone(), port: *port, source };
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                // Small packets that wait for each other are what SSH mostly sends.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            Self::PortForward => forwarded(client).await,
        }
    }
}

/// The address that the cluster's cloud gave to the bastion's load balancer; nothing while it has none.
pub async fn load_balancer(client: &Client) -> Result<Option<String>, Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let what = || format!("read Service {}/{}", name::BASTION_NAMESPACE, name::BASTION);
    let service = retried(what, || async { if_there(services.get(name::BASTION).await) }).await?;
    let ingress = service.and_then(|service| service.status?.load_balancer?.ingress).unwrap_or_default();
    Ok(ingress.into_iter().find_map(|one| one.hostname.or(one.ip)))
}

/// The public key of the platform's host authority; nothing while the operator has not made it.
pub async fn host_authority(client: &Client) -> Result<Option<PublicKey>, Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let what = || format!("read ConfigMap {}/{}", name::BASTION_NAMESPACE, name::AUTHORITIES_CONFIG_MAP);
    let map = retried(what, || async { if_there(maps.get(name::AUTHORITIES_CONFIG_MAP).await) }).await?;
    let line = map.and_then(|map| map.data?.remove(name::HOST_AUTHORITY));
    Ok(line.and_then(|line| PublicKey::from_openssh(line.trim()).ok()))
}

/// A connection to a replica that is ready, through the API server.
async fn forwarded(client: &Client) -> Result<Box<dyn Bytes>, DoorError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/name={}", name::BASTION));
    let what = || format!("list pods of the bastion in namespace {}", name::BASTION_NAMESPACE);
    let all = retried(what, || async { pods.list(&ours).await }).await?;
    let pod = all.items.iter().find(|pod| ready(pod)).ok_or(DoorError::NoPod)?;
    let pod = pod.metadata.name.clone().unwrap_or_default();
    let what = || format!("forward a port to pod {}/{pod}", name::BASTION_NAMESPACE);
    let mut forwarder =
        retried(what, || async { pods.portforward(&pod, &[name::SSH_TARGET_PORT]).await }).await?;
    let stream = forwarder.take_stream(name::SSH_TARGET_PORT).ok_or(DoorError::NoPod)?;
    Ok(Box::new(stream))
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
