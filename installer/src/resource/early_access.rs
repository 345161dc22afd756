//! The access to a kind or k3d cluster whose program is still creating it. Its API server answers seconds before the
//! program ends, and the releases can be applied meanwhile.

use std::time::Duration;

use devplat_kubernetes::context;
use devplat_tool::{docker::Engine, local::Maker};

use super::{
    CLUSTER, Cx,
    local_access::{fetched, with_starts},
};
use crate::{failure::Failure, platform_context::ClusterAccess};

/// The period between two looks.
const PERIOD: Duration = Duration::from_millis(200);

/// A look at a cluster that is being created.
pub(super) struct EarlyAccess<'a> {
    maker: Maker,
    engine: &'a Engine,
    cx: &'a Cx,
    /// Whether the cluster is used before its creation has ended.
    early: bool,
}

impl<'a> EarlyAccess<'a> {
    /// Prepares to look at a cluster with this number of nodes. Call it before the creation begins.
    pub(super) async fn new(
        maker: Maker,
        nodes: usize,
        engine: &'a Engine,
        cx: &'a Cx,
    ) -> Result<Self, Failure> {
        // The program starts further nodes, or devplat restarts all of them. A node that is there already is of an
        // interrupted run, and will be replaced.
        let early = nodes == 1 && maker.nodes(engine, cx.context.platform.as_str()).await?.is_empty();
        Ok(Self { maker, engine, cx, early })
    }

    /// Waits until the API server answers, and reports to the apply that the cluster is usable. May end without that: the
    /// creation itself reports why the API server does not answer. May be dropped at any time.
    pub(super) async fn tell(&self) {
        if !self.early {
            return;
        }
        let mut known = None;
        loop {
            match self.look(&mut known).await {
                Ok(Some(access)) => return self.cx.is_usable(CLUSTER, access),
                Ok(None) => {}
                Err(failure) => tracing::debug!(why = %failure.one_line(), "the cluster is not usable yet"),
            }
            if self.cx.pause(PERIOD).await.is_err() {
                return;
            }
        }
    }

    /// Returns the access once the API server answers and lets its user in. `known` holds it as soon as the node has it.
    async fn look(&self, known: &mut Option<ClusterAccess>) -> Result<Option<ClusterAccess>, Failure> {
        let Self { maker, engine, cx, early: _ } = self;
        if known.is_none() {
            let containers = maker.containers(engine, cx.context.platform.as_str()).await?;
            let [node] = containers.nodes() else { return Ok(None) };
            if !node.running || !maker.has_kubeconfig(engine, &node.name).await? {
                return Ok(None);
            }
            *known = Some(with_starts(fetched(*maker, &cx.context).await?, &containers));
        }
        let Some(access) = known else { return Ok(None) };
        let client = cx.context.client_of(access).await?;
        if let Err(error) = context::answer(&client).await {
            tracing::debug!(%error, "the API server does not answer yet");
            cx.context.forget_client(access).await;
            return Ok(None);
        }
        // kubeadm gives the user of the kubeconfig its rights later.
        Ok(context::may_do_everything(&client).await?.then(|| access.clone()))
    }
}
