//! The programs kind and k3d, with their files in the state folder.

use devplat_tool::{
    docker::Engine,
    local::{ClusterError, Maker, k3d::K3dCommand, kind::KindCommand},
};

use crate::platform_context::PlatformContext;

/// Returns kind with its files in the state folder.
pub(super) fn kind<'a>(engine: &'a Engine, context: &'a PlatformContext) -> KindCommand<'a> {
    KindCommand::new(engine, &context.surroundings, &context.scratch_kubeconfig)
}

/// Returns k3d with its files in the state folder.
pub(super) fn k3d<'a>(engine: &'a Engine, context: &'a PlatformContext) -> K3dCommand<'a> {
    K3dCommand::new(engine, &context.surroundings, &context.scratch_kubeconfig, &context.scratch_folder)
}

/// Returns the kubeconfig of the platform's cluster, as its program prints it.
pub(super) async fn kubeconfig(
    maker: Maker,
    engine: &Engine,
    context: &PlatformContext,
) -> Result<String, ClusterError> {
    let name = context.platform.as_str();
    match maker {
        Maker::Kind => kind(engine, context).kubeconfig(name).await,
        Maker::K3d => k3d(engine, context).kubeconfig(name).await,
    }
}
