//! The access to a running kind or k3d cluster, or the reason why it does not answer yet.

use std::time::{Duration, SystemTime};

use devplat_image::Digest;
use devplat_kubernetes::context;
use devplat_tool::{
    docker::Container,
    local::{Maker, api},
};

use super::local_tools;
use crate::{
    context::{ClusterAccess, PlatformContext},
    failure::{Exit, Failure},
};

/// Returns the access to a cluster whose nodes are running, or why it does not answer yet.
pub(super) async fn awake(
    maker: Maker,
    nodes: &[Container],
    context: &PlatformContext,
) -> Result<Result<ClusterAccess, Unready>, Failure> {
    let access = match kept(nodes, context).await? {
        Some(access) => access,
        None => fetched(maker, context).await?,
    };
    match asleep(&access, nodes, context).await? {
        Asleep::No => return Ok(Ok(with_starts(access, nodes))),
        Asleep::Because(why) => return Ok(Err(Unready::NotYet(why))),
        // The certificate in the state folder has expired or is of another authority; the nodes have the current one.
        Asleep::Unauthorized => {}
    }
    let access = fetched(maker, context).await?;
    Ok(match asleep(&access, nodes, context).await? {
        Asleep::No => Ok(with_starts(access, nodes)),
        Asleep::Because(why) => Err(Unready::NotYet(why)),
        Asleep::Unauthorized => Err(Unready::Rejected),
    })
}

/// Adds the digest of the nodes and of the times at which they were started. A recreated node counts as restarted.
fn with_starts(access: ClusterAccess, nodes: &[Container]) -> ClusterAccess {
    let starts: Vec<String> = nodes
        .iter()
        .map(|Container { id, started_at, .. }| {
            format!("{id} {}", started_at.map(|time| time.to_string()).unwrap_or_default())
        })
        .collect();
    ClusterAccess { started: Some(Digest::of(starts.join("\n").as_bytes()).to_string()), ..access }
}

/// The reason why a running cluster does not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unready {
    /// A temporary reason.
    #[error("{0}")]
    NotYet(String),
    /// The API server rejects the kubeconfig in its own node, or has a certificate that the kubeconfig does not trust.
    #[error("its API server and the certificates in its own nodes do not accept each other")]
    Rejected,
}

/// Returns the kubeconfig in the state folder, if it leads to the cluster. Other programs may have added contexts to it
/// and made one current.
async fn kept(nodes: &[Container], context: &PlatformContext) -> Result<Option<ClusterAccess>, Failure> {
    let Some(text) = context.state.read(&context.state.kubeconfig())? else { return Ok(None) };
    let Ok(access) = ClusterAccess::kept(&text) else { return Ok(None) };
    let Some(server) = access.server() else { return Ok(None) };
    Ok(api::leads_to(&server, nodes).await.then_some(access))
}

/// Fetches the kubeconfig from the nodes.
async fn fetched(maker: Maker, context: &PlatformContext) -> Result<ClusterAccess, Failure> {
    let text = local_tools::kubeconfig(maker, context.engine()?, context).await?;
    ClusterAccess::kept(&text).map_err(|error| {
        Failure::of(Exit::Internal, &error)
            .while_doing(format!("{} gave a kubeconfig that does not parse", maker.name()))
    })
}

/// Whether a running cluster answers.
enum Asleep {
    /// It answers.
    No,
    /// It does not answer, for this reason.
    Because(String),
    /// It rejects the credentials, or has a certificate that they do not trust.
    Unauthorized,
}

async fn asleep(
    access: &ClusterAccess,
    nodes: &[Container],
    context: &PlatformContext,
) -> Result<Asleep, Failure> {
    let client = match access.connect(&context.surroundings, &context.plugins, context.clock()).await {
        Ok(client) => client,
        // An expired certificate is found before any call.
        Err(failure) if failure.is_login() => return Ok(Asleep::Unauthorized),
        Err(failure) => return Err(failure),
    };
    if let Err(error) = context::answer(&client).await {
        let rejected = error.is_login() || error.is_untrusted();
        return Ok(if rejected {
            Asleep::Unauthorized
        } else {
            Asleep::Because("its API server is not ready".to_owned())
        });
    }
    for node in nodes {
        let Some(started) = node.started_at else { continue };
        let since_epoch = Duration::from_millis(u64::try_from(started.as_millisecond()).unwrap_or_default());
        let started = SystemTime::UNIX_EPOCH + since_epoch;
        match context::kubelet_spoke(&client, &node.name, started).await {
            Ok(true) => {}
            Ok(false) => {
                return Ok(Asleep::Because(format!(
                    "the kubelet of {} has not reported since it was started",
                    node.name
                )));
            }
            Err(error) => return Ok(Asleep::Because(error.to_string())),
        }
    }
    Ok(Asleep::No)
}
