//! Checks that the engine or the cluster is still the same one, by its unique id, because names are reused.

use devplat_kubernetes::{context, identity};

use crate::{
    failure::{Exit, Failure},
    state::{Decisions, Place},
    world::{ClusterAccess, World},
};

/// Returns the engine or the cluster of the platform.
pub(super) async fn place(world: &World) -> Result<Place, Failure> {
    if let Some(named) = &world.named {
        let client = world.client_of(&ClusterAccess::named(named)).await?;
        let uid = match identity::cluster_uid(&client).await {
            Ok(uid) => uid,
            // The full check of the cluster gives a better error than this single failed call.
            Err(error) => {
                context::reach(&client, &named.context, world).await?;
                return Err(error.into());
            }
        };
        return Ok(Place::Cluster { uid: uid.to_string(), server: named.context.server.clone() });
    }
    let engine = world.engine()?;
    Ok(Place::Engine { id: engine.info().await?.id, endpoint: engine.endpoint() })
}

/// Fails if the platform was created in another engine or cluster.
pub(super) fn check(before: &Decisions, now: &Place, world: &World) -> Result<(), Failure> {
    let platform = &world.platform;
    let forget = format!("if it no longer exists: `{} --forget`", world.command("destroy"));
    let other_name = "or choose another platform name with --name";
    match (&before.place, now) {
        (Some(Place::Engine { id: was, endpoint: at }), Place::Engine { id, endpoint }) if was != id => {
            let why = format!(
                "platform {platform} was made in the Docker engine {was} at {at}; this one, at {endpoint}, is {id}"
            );
            Err(Failure::new(Exit::Usage, why)
                .hint(format!("name that engine again: DOCKER_HOST={at}, or its Docker context"))
                .hint(forget)
                .hint(other_name))
        }
        (Some(Place::Cluster { uid: was, server: at }), Place::Cluster { uid, server }) if was != uid => {
            let why = format!(
                "platform {platform} was installed into another cluster: its namespace kube-system had UID {was} (at {at}), this one's has {uid} (at {server})"
            );
            Err(Failure::new(Exit::Usage, why)
                .hint(
                    "if the cluster was recreated under the same name, name the context of the right cluster",
                )
                .hint(forget)
                .hint(other_name))
        }
        (Some(Place::Engine { endpoint, .. }), Place::Cluster { .. }) => {
            let why =
                format!("platform {platform} is in a cluster of its own in the Docker engine at {endpoint}");
            Err(Failure::new(Exit::Usage, why)
                .hint(format!("`{}` deletes that one first", world.command("destroy")))
                .hint(other_name))
        }
        (Some(Place::Cluster { server, .. }), Place::Engine { .. }) => {
            let why = format!("platform {platform} is installed in the cluster at {server}");
            Err(Failure::new(Exit::Usage, why)
                .hint(format!("`{}` deletes it from there first", world.command("destroy")))
                .hint(other_name))
        }
        (None, _)
        | (Some(Place::Engine { .. }), Place::Engine { .. })
        | (Some(Place::Cluster { .. }), Place::Cluster { .. }) => Ok(()),
    }
}
