//! Where a platform stands that is to be used or deleted: what is named, else what is remembered, else what is found.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::identity;
use devplat_profile::Cluster;
use devplat_tool::docker::Engine;

use super::{Asked, Purpose, cluster, identity as places, local_engine, profile};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::{Decisions, Place, StateFolder},
    world::{ClusterAccess, NamedCluster, Parts, World},
};

/// How long the contexts of a kubeconfig have to answer whether they carry a platform's marks.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most contexts that are asked.
const MOST: usize = 20;

/// A platform that stands, or is to be looked for.
pub struct Standing {
    /// What is acted on.
    pub world: Arc<World>,
    /// What was decided when it was made.
    pub decisions: Decisions,
    /// Whether anything names it: the command line or what is remembered. Otherwise it is looked for by its marks.
    pub known: bool,
    /// Where it was looked for, for people.
    pub looked: Vec<String>,
}

/// Where a platform is looked for.
enum Where {
    Named(NamedCluster),
    Engine,
}

/// Finds out where the platform stands. It fails if that is another engine or cluster than it was made in.
pub async fn standing(asked: &Asked, host: &Host) -> Result<Standing, Failure> {
    let state = asked.state(host)?;
    let decisions = state.decisions()?;
    let (Some(place), known) = place(asked, &decisions, host)? else {
        return Err(unnamed(asked, host).await);
    };
    let mut looked = vec![format!("state folder {}", state.path().display())];
    let (engine, named) = match place {
        Where::Named(named) => {
            looked.push(format!("context {}", named.context.name));
            (None, Some(named))
        }
        Where::Engine if known => {
            let engine = local_engine(host).await?;
            looked.push(format!("Docker engine at {}", engine.endpoint()));
            (Some(engine), None)
        }
        // Nothing names it: an engine that is not there has nothing of it.
        Where::Engine => match Engine::connect(&host.surroundings).await {
            Ok(engine) => {
                looked.push(format!("Docker engine at {}", engine.endpoint()));
                (Some(engine), None)
            }
            Err(error) => {
                looked.push(format!("Docker engine ({error})"));
                (None, None)
            }
        },
    };
    let world = World::new(parts(asked, host, state, engine, named));
    if decisions.place.is_some() && (world.engine.is_some() || world.named.is_some()) {
        let now = places::place(&world).await.map_err(|failure| or_forget(failure, asked))?;
        places::check(&decisions, &now, &world)?;
    }
    Ok(Standing { world: Arc::new(world), decisions, known, looked })
}

fn parts(
    asked: &Asked,
    host: &Host,
    state: StateFolder,
    engine: Option<Engine>,
    named: Option<NamedCluster>,
) -> Parts {
    Parts {
        platform: asked.name.clone(),
        account: host.account.clone(),
        take_over: asked.take_over,
        state,
        stop: host.stop.clone(),
        now: host.now,
        surroundings: host.surroundings.clone(),
        engine,
        named,
        plugins: Arc::clone(&host.plugins),
    }
}

/// The command line first, then what is remembered; and whether either says anything. `None` for a profile of a cluster
/// that exists without a context.
fn place(asked: &Asked, decisions: &Decisions, host: &Host) -> Result<(Option<Where>, bool), Failure> {
    let named = |context: &String| cluster::named(Some(context.clone()), host).map(Where::Named);
    let remembered = |context: &String| named(context).map_err(|failure| or_forget(failure, asked));
    if let Some(context) = &asked.context {
        return Ok((Some(named(context)?), true));
    }
    if asked.profile.is_some() {
        let recalled = profile::recall(asked, decisions, host, Purpose::Look)?;
        return match &recalled.loaded.profile.cluster {
            Cluster::Kind(_) | Cluster::K3d(_) => Ok((Some(Where::Engine), true)),
            Cluster::Existing(existing) => match (&existing.context, &decisions.context) {
                (Some(context), _) => Ok((Some(named(context)?), true)),
                (None, Some(context)) => Ok((Some(remembered(context)?), true)),
                (None, None) => Ok((None, false)),
            },
        };
    }
    match (&decisions.place, &decisions.context) {
        (Some(Place::Cluster { .. }) | None, Some(context)) => Ok((Some(remembered(context)?), true)),
        (Some(_), _) => Ok((Some(Where::Engine), true)),
        (None, None) => Ok((Some(Where::Engine), decisions.profile.is_some())),
    }
}

/// Adds the way out of a failure to reach what a platform was made in.
fn or_forget(failure: Failure, asked: &Asked) -> Failure {
    if failure.is_stopped() {
        return failure;
    }
    failure.hint(format!("if it is gone for good: `{} --forget`", asked.again("destroy")))
}

/// The failure of a profile that says "a cluster that exists" and does not say which.
async fn unnamed(asked: &Asked, host: &Host) -> Failure {
    match cluster::named(None, host) {
        Ok(_) => Failure::new(Exit::Internal, "a cluster without a name was found"),
        Err(failure) => with_carriers(failure, &carriers(asked, host).await, asked),
    }
}

/// The failure of a platform of which nothing is known and nothing is found, with where it was looked for and which
/// contexts carry marks of it.
pub async fn not_found(asked: &Asked, host: &Host, looked: &[String]) -> Failure {
    let name = &asked.name;
    let failure = Failure::new(Exit::Usage, format!("nothing of a platform {name} is known or found here"))
        .while_looking(looked);
    let carriers = carriers(asked, host).await;
    if carriers.is_empty() {
        return failure
            .hint("is it in a cluster that exists? name its context: --context NAME")
            .hint("is it another one? name it: --name NAME");
    }
    with_carriers(failure, &carriers, asked)
}

fn with_carriers(failure: Failure, carriers: &[String], asked: &Asked) -> Failure {
    carriers.iter().fold(failure, |failure, context| {
        let again = Asked { context: Some(context.clone()), ..asked.clone() }.again("destroy");
        failure.hint(format!("context {context} carries marks of it: `{again}`"))
    })
}

/// The contexts of the user's kubeconfig whose clusters carry marks of the platform. One that does not answer has none.
async fn carriers(asked: &Asked, host: &Host) -> Vec<String> {
    let Ok(kubeconfig) = cluster::user_kubeconfig(host) else { return Vec::new() };
    let contexts = kubeconfig.contexts.iter().take(MOST).map(|context| context.name.clone());
    let asks = contexts.map(|name| async move {
        let named = cluster::named(Some(name.clone()), host).ok()?;
        let state = asked.state(host).ok()?;
        let world = World::new(parts(asked, host, state, None, Some(named.clone())));
        let answer = async {
            let client = world.client_of(&ClusterAccess::named(&named)).await.ok()?;
            let platforms = identity::platforms(&client).await.ok()?;
            platforms.iter().any(|platform| platform == asked.name.as_str()).then_some(name)
        };
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
    });
    futures::future::join_all(asks).await.into_iter().flatten().collect()
}
