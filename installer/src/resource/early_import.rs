//! The import of images into the nodes of a cluster that is still being created. The images' own steps wait for it, and
//! import what it could not.

use std::collections::BTreeSet;

use devplat_image::{ImageName, Stored};
use devplat_tool::{
    docker::{Container, Engine},
    local::Maker,
};
use tokio::sync::watch;

use super::{Cx, node_import::bring_in};
use crate::{
    failure::Failure,
    platform::{ChosenDelivery, PlatformInputs},
};

/// The image that is larger than the others together.
const LARGEST: ImageName = ImageName::Base;

/// The images that the creation of the cluster has not imported yet.
type Left = BTreeSet<ImageName>;

/// Waits until the creation of the cluster no longer imports `image`, if it does.
pub(super) async fn until_ended(image: ImageName, cx: &Cx) {
    let mut left = cx.context.early_import.subscribe();
    // An error would mean that the sender is gone, but the context keeps it.
    let _ = left.wait_for(|left| !left.contains(&image)).await;
}

/// An early import, which may be dropped. A failure is only reported, because the images' own steps check the nodes again.
pub(super) struct EarlyImport<'a> {
    inputs: &'a PlatformInputs,
    maker: Maker,
    /// The least number of nodes that the cluster will have.
    count: usize,
    /// The nodes, once containerd answers in all of them.
    nodes: Vec<Container>,
    left: Unimported,
}

/// The images that are not imported yet. Their own steps no longer wait for them once it is dropped.
struct Unimported(watch::Sender<Left>);

impl Unimported {
    fn new(images: Left, cx: &Cx) -> Self {
        let left = cx.context.early_import.clone();
        left.send_replace(images);
        Self(left)
    }
}

impl Drop for Unimported {
    fn drop(&mut self) {
        self.0.send_replace(Left::new());
    }
}

impl<'a> EarlyImport<'a> {
    /// Returns the import of the images that the profile brings into the nodes, and lets their own steps wait for it.
    pub(super) fn new(inputs: &'a PlatformInputs, maker: Maker, count: usize, cx: &Cx) -> Self {
        let images = match &inputs.delivery {
            ChosenDelivery::Nodes(_) => inputs.images(),
            ChosenDelivery::LocalRegistry(_) | ChosenDelivery::Registry(_) => Vec::new(),
        };
        let left = Unimported::new(images.into_iter().collect(), cx);
        Self { inputs, maker, count, nodes: Vec::new(), left }
    }

    /// Returns whether no image is left.
    pub(super) fn is_done(&self) -> bool {
        self.left.0.borrow().is_empty()
    }

    /// Lets the images' own steps import what is left.
    pub(super) fn end(self) {
        drop(self);
    }

    /// Imports images that are assembled, if containerd answers in every node: all small ones, or else the largest.
    /// Returns whether it tried to import one.
    pub(super) async fn import(&mut self, engine: &Engine, cx: &Cx) -> bool {
        if self.nodes.is_empty() {
            match self.nodes_with_containerd(engine).await {
                Ok(nodes) => self.nodes = nodes,
                Err(failure) => tracing::debug!(why = %failure.one_line(), "the nodes were not searched"),
            }
        }
        if self.nodes.is_empty() {
            return false;
        }
        let left = self.left.0.borrow().clone();
        let mut assembled: Vec<Stored> = Vec::new();
        for image in left {
            match self.inputs.stored(image) {
                Ok(stored) => assembled.extend(stored),
                Err(failure) => tracing::debug!(%image, why = %failure.one_line(), "the image was not read"),
            }
        }
        let images = next(assembled, |stored| stored.name);
        if images.is_empty() {
            return false;
        }
        let names: Vec<ImageName> = images.iter().map(|stored| stored.name).collect();
        if let Err(failure) = bring_in(images, engine, &self.nodes, cx).await {
            cx.report(format!("importing images later: {}", failure.one_line()));
            tracing::debug!(why = %failure.one_line(), "images were not imported early");
        }
        self.left.0.send_modify(|left| left.retain(|image| !names.contains(image)));
        true
    }

    /// Returns the nodes; none before containerd answers in all of them.
    async fn nodes_with_containerd(&self, engine: &Engine) -> Result<Vec<Container>, Failure> {
        let nodes = self.maker.nodes(engine, self.inputs.platform.as_str()).await?;
        if nodes.len() < self.count {
            return Ok(Vec::new());
        }
        let looks = nodes.iter().map(|node| self.maker.containerd_is_up(engine, &node.name));
        let up = futures::future::try_join_all(looks).await?;
        Ok(if up.into_iter().all(|up| up) { nodes } else { Vec::new() })
    }
}

/// Returns the images to import next among those that are assembled. The operator needs a small one first, and the import
/// of the largest takes longer than the others together.
fn next<T>(assembled: Vec<T>, name: impl Fn(&T) -> ImageName) -> Vec<T> {
    let (large, small): (Vec<T>, Vec<T>) = assembled.into_iter().partition(|image| name(image) == LARGEST);
    if small.is_empty() { large } else { small }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use devplat_plan::Action;
    use futures::FutureExt;

    use super::*;
    use crate::{
        platform_context::testing,
        resource::{CLUSTER, tests::step_alone},
    };

    #[test]
    fn small_images_are_imported_before_the_largest() {
        use ImageName::{Agent, Base, Operator};
        let next = |assembled: &[ImageName]| next(assembled.to_vec(), |image| *image);
        assert_eq!(next(&[Operator, Base, Agent]), [Operator, Agent]);
        assert_eq!(next(&[Base]), [Base]);
        assert_eq!(next(&[]), []);
    }

    #[tokio::test]
    async fn step_of_an_image_waits_for_its_early_import() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(testing::context(folder.path()));
        let cx = step_alone(&context, CLUSTER.single(), Action::Create);
        until_ended(ImageName::Base, &cx).await;

        let left = Unimported::new(Left::from([ImageName::Operator, ImageName::Base]), &cx);
        left.0.send_replace(Left::from([ImageName::Base]));
        until_ended(ImageName::Operator, &cx).await;
        assert_eq!(until_ended(ImageName::Base, &cx).now_or_never(), None, "it is still being imported");
        drop(left);
        until_ended(ImageName::Base, &cx).await;
    }
}
