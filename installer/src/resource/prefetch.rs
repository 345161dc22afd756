//! The pull of the image of dev servers by the nodes of devplat's own cluster, while the rest of the platform starts. The
//! image is the largest one, and the first dev server would wait for it. A k3d cluster that is still being created also
//! pulls the smaller images early, so that operator and bastion do not wait for theirs; the kubelets pull the images that
//! are still absent when pods need them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use devplat_image::ImageName;
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Requirement, Verdict};
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
    failure::Failure,
    platform::{ChosenDelivery, PlatformInputs},
    platform_context::PlatformContext,
};

/// The image of the step.
const IMAGE: ImageName = ImageName::Base;
/// The period between two looks at a cluster that is being created.
const EARLY_PERIOD: Duration = Duration::from_millis(200);

/// A pull by all nodes.
#[derive(Clone)]
pub(crate) struct Prefetch {
    /// The program that creates the nodes.
    maker: Maker,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for Prefetch {
    const NAME: super::KindWith<Self::Output> = super::KindWith::new("pull of {}");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|prefetch, cx| Box::pin(prefetch.pull(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|prefetch, cx| Box::pin(prefetch.pull(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    type Fields = Proved;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let maker = pulling(inputs).filter(|_| inputs.images().contains(&IMAGE));
        Ok(maker.map(|maker| Self { maker, inputs: Arc::clone(inputs) }).into_iter().collect())
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
        compare(seen.fields)
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Compares by the last proof. Another platform may use the same image, but only a pull shows that the nodes still have it.
fn compare(proved: Proved) -> Verdict {
    match proved {
        Proved::AsItIs => Verdict::Same,
        Proved::Before | Proved::Unknown | Proved::BeforeRestart | Proved::Never => {
            let why = "the next proof needs it, and nodes delete images that they do not use";
            Verdict::Differs(vec![Change::in_place(why)])
        }
    }
}

/// Returns the program that creates the nodes, if they pull from the platform's own registry.
fn pulling(inputs: &PlatformInputs) -> Option<Maker> {
    match inputs.delivery {
        ChosenDelivery::LocalRegistry(_) => inputs.maker(),
        ChosenDelivery::Nodes(_) | ChosenDelivery::Registry(_) => None,
    }
}

/// Pulls in a cluster that is still being created, if it pulls from a local registry: each of its `nodes` nodes pulls one
/// image after the other, once containerd is running there and the image is in the registry. It may be dropped: the pulls
/// continue, the step of the largest image waits for the end of its pull, and kubelets wait for the others.
pub(super) async fn start_early(inputs: &PlatformInputs, nodes: usize, cx: &Cx) {
    let (Some(maker), Ok(engine)) = (pulling(inputs), cx.context.engine()) else { return };
    let images = largest_last(inputs.images());
    let is_pushed = |image: ImageName| cx.context.outputs.named(PUSH, image.as_str()).is_some();
    // By node with containerd: the images that it has not begun to pull.
    let mut left: BTreeMap<String, Vec<ImageName>> = BTreeMap::new();
    let mut busy: BTreeSet<String> = BTreeSet::new();
    let mut pulls = FuturesUnordered::new();
    while left.len() < nodes || left.values().any(|images| !images.is_empty()) || !pulls.is_empty() {
        tokio::select! {
            Some(node) = pulls.next() => {
                busy.remove(&node);
            }
            paused = cx.pause(EARLY_PERIOD) => {
                if paused.is_err() {
                    return;
                }
                if left.len() < nodes && images.iter().any(|image| is_pushed(*image)) {
                    let new = with_containerd(maker, engine, inputs, &left).await;
                    left.extend(new.into_iter().map(|node| (node, images.clone())));
                }
            }
        }
        for (node, images) in &mut left {
            if busy.contains(node) {
                continue;
            }
            let Some(image) = take_next(images, is_pushed) else { continue };
            match reference(inputs, image) {
                Ok(reference) => {
                    let node = node.clone();
                    busy.insert(node.clone());
                    pulls.push(async move {
                        pull(image, &node, &reference, engine, cx).await;
                        node
                    });
                }
                Err(failure) => {
                    tracing::debug!(%image, why = %failure.one_line(), "no node pulls the image early");
                }
            }
        }
    }
}

/// Returns the images in the order in which a node pulls them: pods need the small ones first.
fn largest_last(mut images: Vec<ImageName>) -> Vec<ImageName> {
    images.sort_by_key(|image| *image == IMAGE);
    images
}

/// Takes the image that a node pulls next: the first of `left` that is in the registry.
fn take_next(left: &mut Vec<ImageName>, is_pushed: impl Fn(ImageName) -> bool) -> Option<ImageName> {
    let index = left.iter().position(|image| is_pushed(*image))?;
    Some(left.remove(index))
}

/// Returns the nodes in which containerd is running, without those that are `known`.
async fn with_containerd(
    maker: Maker,
    engine: &Engine,
    inputs: &PlatformInputs,
    known: &BTreeMap<String, Vec<ImageName>>,
) -> Vec<String> {
    let found = match maker.nodes(engine, inputs.platform.as_str()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "no further node pulls images yet");
            return Vec::new();
        }
    };
    let new = found.into_iter().filter(|node| node.running && !known.contains_key(&node.name));
    let looks = new.map(|node| async move {
        match maker.containerd_is_up(engine, &node.name).await {
            Ok(is_up) => is_up.then_some(node.name),
            Err(error) => {
                tracing::debug!(node = node.name, %error, "it does not pull images yet");
                None
            }
        }
    });
    futures::future::join_all(looks).await.into_iter().flatten().collect()
}

fn reference(inputs: &PlatformInputs, image: ImageName) -> Result<String, Failure> {
    Ok(inputs.reference(&inputs.needed(image)?))
}

/// Pulls an image in one node. A failure is only reported: not every node needs the image, and the proof shows whether
/// those that do can pull it.
async fn pull(image: ImageName, node: &str, reference: &str, engine: &Engine, cx: &Cx) {
    let pull = containerd::pull(engine, node, reference);
    let physical = Some(Physical(reference.to_owned()));
    if let Err(failure) = cx.call(format!("pull image {image} in {node}"), |()| physical, pull).await {
        cx.report(format!("{node} has not pulled image {image}: {}", failure.one_line()));
    }
}

impl Prefetch {
    async fn pull(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let reference = reference(&self.inputs, IMAGE)?;
        let nodes = self.maker.nodes(engine, self.inputs.platform.as_str()).await?;
        let pulls = nodes.iter().map(|node| pull(IMAGE, &node.name, &reference, engine, cx));
        futures::future::join_all(pulls).await;
        Ok(Physical(reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_are_pulled_first_without_waiting_for_a_push() {
        let mut left = largest_last(vec![ImageName::Base, ImageName::Operator, ImageName::Bastion]);
        let is_pushed = |image: ImageName| image != ImageName::Operator;
        assert_eq!(take_next(&mut left, is_pushed), Some(ImageName::Bastion));
        assert_eq!(take_next(&mut left, is_pushed), Some(ImageName::Base));
        assert_eq!(take_next(&mut left, is_pushed), None);
        assert_eq!(take_next(&mut left, |_| true), Some(ImageName::Operator));
        assert_eq!(take_next(&mut left, |_| true), None);
    }
}
