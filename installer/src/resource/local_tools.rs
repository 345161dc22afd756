//! The programs kind and k3d, with their files in the state folder.

use devplat_tool::{
    docker::Engine,
    local::{ClusterError, Maker, k3d::K3d, kind::Kind},
};

use crate::world::World;

/// Returns kind with its files in the state folder.
pub(super) fn kind<'a>(engine: &'a Engine, world: &'a World) -> Kind<'a> {
    Kind::new(engine, &world.surroundings, &world.scratch_kubeconfig)
}

/// Returns k3d with its files in the state folder.
pub(super) fn k3d<'a>(engine: &'a Engine, world: &'a World) -> K3d<'a> {
    K3d::new(engine, &world.surroundings, &world.scratch_kubeconfig, &world.scratch_folder)
}

/// Returns the kubeconfig of the platform's cluster, as its program prints it.
pub(super) async fn kubeconfig(maker: Maker, engine: &Engine, world: &World) -> Result<String, ClusterError> {
    let name = world.platform.as_str();
    match maker {
        Maker::Kind => kind(engine, world).kubeconfig(name).await,
        Maker::K3d => k3d(engine, world).kubeconfig(name).await,
    }
}
