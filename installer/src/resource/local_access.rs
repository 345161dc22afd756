//! The access to a running kind or k3d cluster, or the reason why it does not answer yet.

use std::time::{Duration, SystemTime};

use devplat_image::Digest;
use devplat_kubernetes::context;
use devplat_tool::{
    docker::Container,
    local::{ClusterContainers, Maker, api},
};

use super::local_tools;
use crate::{
    failure::{Exit, Failure},
    platform_context::{ClusterAccess, PlatformContext},
};

/// Returns the access to a cluster whose containers are running, or why it does not answer yet. `last` holds the access of the
/// last look in the same wait, because fetching it starts a program.
pub(super) async fn awake(
    maker: Maker,
    containers: &ClusterContainers,
    context: &PlatformContext,
    last: &mut Option<ClusterAccess>,
) -> Result<Result<ClusterAccess, UnreadyCluster>, Failure> {
    let access = match known(maker, containers, context, last.take()).await? {
        Some(access) => access,
        None => fetched(maker, context).await?,
    };
    // Before the first call: the client that is kept belongs to an access with these starts.
    let access = with_starts(access, containers);
    match asleep(&access, containers.nodes(), context).await? {
        Asleep::No => return Ok(Ok(access)),
        Asleep::Because(why) => {
            *last = Some(access);
            return Ok(Err(UnreadyCluster::NotYet(why)));
        }
        // The certificate in it has expired or is of another authority; the nodes have the current one.
        Asleep::Unauthorized => {}
    }
    let access = with_starts(fetched(maker, context).await?, containers);
    Ok(match asleep(&access, containers.nodes(), context).await? {
        Asleep::No => Ok(access),
        Asleep::Because(why) => {
            *last = Some(access);
            Err(UnreadyCluster::NotYet(why))
        }
        // The nodes may still get other certificates, so the next look fetches it again.
        Asleep::Unauthorized => Err(UnreadyCluster::Rejected),
    })
}

/// Adds the digest of the containers and of the times at which they were started. A recreated one counts as restarted.
pub(super) fn with_starts(access: ClusterAccess, containers: &ClusterContainers) -> ClusterAccess {
    let starts: Vec<String> = containers
        .all()
        .iter()
        .map(|Container { id, started_at, .. }| {
            format!("{id} {}", started_at.map(|time| time.to_string()).unwrap_or_default())
        })
        .collect();
    ClusterAccess { started: Some(Digest::of(starts.join("\n").as_bytes()).to_string()), ..access }
}

/// The reason why a running cluster does not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnreadyCluster {
    /// A temporary reason.
    #[error("{0}")]
    NotYet(String),
    /// The API server rejects the kubeconfig in its own node, or has a certificate that the kubeconfig does not trust.
    #[error("its API server and the certificates in its own nodes do not accept each other")]
    Rejected,
}

/// Returns the first that leads to the cluster: `last`, the kubeconfig in the state folder, and the one that the program
/// wrote when it created the cluster. Other programs may have added contexts to these files and made one current.
async fn known(
    maker: Maker,
    containers: &ClusterContainers,
    context: &PlatformContext,
    last: Option<ClusterAccess>,
) -> Result<Option<ClusterAccess>, Failure> {
    if let Some(access) = last
        && leads_to(&access, containers).await
    {
        return Ok(Some(access));
    }
    let kept = context.state.kubeconfig();
    let created = maker.writes_kubeconfig().then_some(&context.scratch_kubeconfig);
    for path in [Some(&kept), created].into_iter().flatten() {
        let Some(text) = context.state.read(path)? else { continue };
        let Ok(access) = ClusterAccess::kept(&text) else { continue };
        if leads_to(&access, containers).await {
            return Ok(Some(access));
        }
    }
    Ok(None)
}

async fn leads_to(access: &ClusterAccess, containers: &ClusterContainers) -> bool {
    match access.server() {
        Some(server) => api::leads_to(&server, containers.all()).await,
        None => false,
    }
}

/// Fetches the kubeconfig from the nodes.
pub(super) async fn fetched(maker: Maker, context: &PlatformContext) -> Result<ClusterAccess, Failure> {
    let text = local_tools::kubeconfig(maker, context.engine()?, context).await?;
    // With one line feed at the end, as in the file that kind writes when it creates the cluster.
    let text = format!("{}\n", text.trim_end());
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
    let client = match context.client_of(access).await {
        Ok(client) => client,
        // An expired certificate is found before any call.
        Err(failure) if failure.is_login() => return Ok(Asleep::Unauthorized),
        Err(failure) => return Err(failure),
    };
    if let Err(error) = context::answer(&client).await {
        // Its connections may lead to a node that has been restarted since, and its credentials may be outdated.
        context.forget_client(access).await;
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

#[cfg(test)]
mod tests {
    use devplat_tool::docker::Binding;
    use serde_json::json;

    use super::*;
    use crate::platform_context::testing;

    /// Returns a kubeconfig that leads to a port of this machine.
    fn kubeconfig(port: u16, token: &str) -> String {
        let cluster = json!({"name": "a", "cluster": {"server": format!("https://127.0.0.1:{port}")}});
        let context = json!({"name": "a", "context": {"cluster": "a", "user": "a"}});
        let user = json!({"name": "a", "user": {"token": token}});
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "a",
            "clusters": [cluster], "contexts": [context], "users": [user]})
        .to_string()
    }

    /// Returns a container of a kind cluster that publishes this port of the API server.
    fn container(role: &str, port: Option<u16>) -> Container {
        let binding = port.map(|port| Binding { address: "127.0.0.1".parse().unwrap(), port });
        Container {
            labels: [("io.x-k8s.kind.role".to_owned(), role.to_owned())].into(),
            configured: [(6443, binding.into_iter().collect())].into(),
            ..Container::default()
        }
    }

    #[tokio::test]
    async fn kubeconfig_is_fetched_only_if_no_known_one_leads_to_the_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let context = testing::context(folder.path());
        let nodes = ClusterContainers::of(vec![container("control-plane", Some(6550))]);
        let found = async |maker: Maker, last: Option<&str>| {
            let last = last.map(|text| ClusterAccess::kept(text).unwrap());
            known(maker, &nodes, &context, last).await.unwrap().and_then(|access| access.kept)
        };
        let [last, kept, created] = ["last", "kept", "created"].map(|token| kubeconfig(6550, token));
        let elsewhere = kubeconfig(6551, "elsewhere");
        assert_eq!(found(Maker::Kind, None).await, None);

        context.make_scratch().unwrap();
        context.state.write(&context.scratch_kubeconfig, &created).unwrap();
        context.state.write(&context.state.kubeconfig(), &elsewhere).unwrap();
        assert_eq!(found(Maker::Kind, None).await.as_deref(), Some(created.as_str()));
        assert_eq!(found(Maker::K3d, None).await, None, "k3d writes none");
        assert_eq!(found(Maker::Kind, Some(last.as_str())).await.as_deref(), Some(last.as_str()));

        context.state.write(&context.state.kubeconfig(), &kept).unwrap();
        assert_eq!(found(Maker::Kind, Some(elsewhere.as_str())).await.as_deref(), Some(kept.as_str()));
    }
    /// kind publishes the port of several API servers only on the load balancer in front of them.
    #[tokio::test]
    async fn kubeconfig_of_several_control_planes_leads_to_their_load_balancer() {
        let folder = tempfile::tempdir().unwrap();
        let context = testing::context(folder.path());
        let node = || container("control-plane", None);
        let balancer = container("external-load-balancer", Some(6550));
        let containers = ClusterContainers::of(vec![balancer, node(), node()]);
        let text = kubeconfig(6550, "last");
        let last = Some(ClusterAccess::kept(&text).unwrap());
        assert!(known(Maker::Kind, &containers, &context, last).await.unwrap().is_some());
    }
}
