//! The edges that several kinds of resources have in common.

use devplat_image::ImageName;
use devplat_plan::Id;

use super::{
    CLUSTER,
    names::{IMPORT, PUSH},
    node_registry,
};
use crate::{
    platform::{ChosenDelivery, PlatformInputs},
    platform_context::PlatformContext,
};

/// Returns the resource that delivers an image to the nodes.
pub(super) fn delivered(inputs: &PlatformInputs, image: ImageName) -> Id {
    match inputs.delivery {
        ChosenDelivery::Nodes(_) => IMPORT.named(image.as_str()),
        ChosenDelivery::LocalRegistry(_) | ChosenDelivery::Registry(_) => PUSH.named(image.as_str()),
    }
}

/// Returns the resource that must be ready before nodes can pull: for devplat's own registry, its address in the nodes.
pub(super) fn pulled_through(inputs: &PlatformInputs) -> Option<Id> {
    node_registry::wanted_id(inputs)
}

/// Returns the cluster if its deletion deletes the resources in it, which holds if devplat created it.
pub(super) fn deleted_with(inputs: &PlatformInputs) -> Option<Id> {
    inputs.profile.cluster.local().map(|_| CLUSTER.single())
}

/// Returns the cluster if its deletion deletes the found resources in it, without a profile.
pub(super) fn deleted_with_of(context: &PlatformContext) -> Option<Id> {
    context.named.is_none().then(|| CLUSTER.single())
}
