//! The pull of the image of dev servers by the nodes of devplat's own cluster, while the rest of the platform starts. The
//! image is the largest one, and the first dev server would wait for it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use devplat_image::ImageName;
use devplat_plan::{Action, Edges, Facts, Id, KindName, Physical, Requirement, Verdict};
use devplat_tool::{
    docker::Engine,
    local::{Maker, containerd},
};
use futures::{StreamExt, stream::FuturesUnordered};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::PUSH,
    proof::{Proved, proved},
};
use crate::{
    context::{PlatformContext, Ref},
    failure::Failure,
    platform::{Delivery, PlatformInputs},
};

/// The image to pull.
const IMAGE: ImageName = ImageName::Base;
/// The period between two looks at a cluster that is being created.
const EARLY_PERIOD: Duration = Duration::from_secs(1);

/// A pull by all nodes.
#[derive(Clone)]
pub(crate) struct Prefetch {
    /// The program that creates the nodes.
    maker: Maker,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for Prefetch {
    const NAME: KindName = KindName::new("pull of {}");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|prefetch, cx| Box::pin(prefetch.pull(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|prefetch, cx| Box::pin(prefetch.pull(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = None;
    type Fields = Proved;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let (Delivery::LocalRegistry(_), Some(maker)) = (&inputs.delivery, inputs.maker()) else {
            return Ok(Vec::new());
        };
        if !inputs.images().contains(&IMAGE) {
            return Ok(Vec::new());
        }
        Ok(vec![Self { maker, inputs: Arc::clone(inputs) }])
    }

    fn id(&self) -> Id {
        Self::NAME.named(IMAGE.as_str())
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        let needs = [PUSH.named(IMAGE.as_str()), cluster.clone()].into_iter();
        Edges {
            needs: needs.chain(edges::pulled_through(&self.inputs)).collect(),
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(6)).requiring([Requirement::Engine])
    }

    /// Nodes delete images that they do not use, so only the proof shows whether a dev server has started with it.
    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(prefetch) = wanted.of::<Self>().pop() else { return Ok(Vec::new()) };
        let proved = proved(&prefetch.inputs, context).await?;
        let seen = Seen::ours(prefetch.id(), IMAGE.as_str(), proved, Some(()));
        Ok(if proved == Proved::Never { Vec::new() } else { vec![seen] })
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        seen.fields.verdict()
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Pulls in a cluster that is still being created, in each of its `nodes` nodes as soon as the image is in the registry
/// and containerd runs, if the profile wants that. It may be dropped: the pulls continue, and the image's own step waits for their end.
pub(super) async fn start_early(inputs: &Arc<PlatformInputs>, nodes: usize, cx: &Cx) {
    let wanted = Prefetch::wanted(inputs).ok().and_then(|mut wanted| wanted.pop());
    let Some(Prefetch { maker, inputs }) = wanted else { return };
    let pushed = Ref::<()>::to(PUSH.named(IMAGE.as_str()));
    let Ok(engine) = cx.context.engine() else { return };
    let (mut started, mut pulls) = (BTreeSet::new(), FuturesUnordered::new());
    while started.len() < nodes || !pulls.is_empty() {
        tokio::select! {
            Some(()) = pulls.next() => continue,
            paused = cx.pause(EARLY_PERIOD) => if paused.is_err() { return },
        }
        let Some(()) = cx.context.outputs.get(&pushed) else { continue };
        let found = async {
            let reference = reference(&inputs)?;
            Ok::<_, Failure>((reference, maker.nodes(engine, inputs.platform.as_str()).await?))
        };
        let (reference, found) = match found.await {
            Ok(found) => found,
            Err(failure) => {
                tracing::debug!(why = %failure.one_line(), "no node pulls the image yet");
                continue;
            }
        };
        for node in found.into_iter().filter(|node| node.running) {
            if started.contains(&node.name) {
                continue;
            }
            match maker.containerd_is_up(engine, &node.name).await {
                Ok(true) => {
                    started.insert(node.name.clone());
                    pulls.push(pull(node.name, reference.clone(), engine, cx));
                }
                Ok(false) => {}
                Err(error) => tracing::debug!(node = node.name, %error, "it does not pull the image yet"),
            }
        }
    }
}

fn reference(inputs: &PlatformInputs) -> Result<String, Failure> {
    Ok(inputs.reference(&inputs.needed(IMAGE)?))
}

/// Pulls the image in one node. A failure is only reported: not every node needs the image, and the proof shows whether
/// those that do can pull it.
async fn pull(node: String, reference: String, engine: &Engine, cx: &Cx) {
    let pull = containerd::pull(engine, &node, &reference);
    let physical = Some(Physical(reference.clone()));
    if let Err(failure) = cx.call(format!("pull image {IMAGE} in {node}"), |()| physical, pull).await {
        cx.report(format!("{node} has not pulled it: {}", failure.one_line()));
    }
}

impl Prefetch {
    async fn pull(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let reference = reference(&self.inputs)?;
        let nodes = self.maker.nodes(engine, self.inputs.platform.as_str()).await?;
        let pulls = nodes.into_iter().map(|node| pull(node.name, reference.clone(), engine, cx));
        futures::future::join_all(pulls).await;
        Ok(Physical(reference))
    }
}
