//! The Docker network of a platform's cluster: one of its own, so that it goes when the platform goes.

use std::time::Duration;

use devplat_profile::PlatformName;

use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::docker,
    world::World,
};

pub(super) const USUAL: Duration = Duration::from_secs(1);

/// A Docker network.
#[derive(Debug, Clone)]
pub struct Network {
    name: String,
}

impl Network {
    pub(super) fn of(platform: &PlatformName) -> Self {
        Self { name: super::network_name(platform) }
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        Ok(match docker::network(&self.name).await? {
            None => Verdict::Absent,
            Some(network) if network.platform.as_deref() == Some(world.platform.as_str()) => Verdict::Same,
            Some(_) => Verdict::Foreign(format!("Docker network {} was made by somebody else", self.name)),
        })
    }

    pub(super) async fn create(&self, world: &World) -> Result<(), Failure> {
        if self.observe(world).await? == Verdict::Same {
            return Ok(());
        }
        docker::create_network(&self.name, world.platform.as_str()).await
    }

    pub(super) async fn delete(&self, world: &World) -> Result<(), Failure> {
        if self.observe(world).await? != Verdict::Same {
            return Ok(());
        }
        // The cluster's own node is gone by now: who is in there still is somebody else's.
        let users = docker::containers_in(&self.name).await?;
        if !users.is_empty() {
            let users = users.join(", ");
            return Err(Failure::new(Exit::Left, format!("still used by container {users}")).hint(format!(
                "stop it, or `docker network disconnect {} CONTAINER`, then run `{}` again",
                self.name,
                world.command("destroy")
            )));
        }
        docker::delete_network(&self.name).await
    }
}
