//! Locates an existing platform: by the command line, else by remembered decisions, else by a search for its marks.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::identity;
use devplat_profile::Origin;
use devplat_tool::docker::Engine;

use super::{Asked, Purpose, cluster, engine::local_engine, identity as places, one_cluster, profile, sudo};
use crate::{
    context::{ClusterAccess, NamedCluster, PlatformContext, TakenOver},
    failure::{Exit, Failure},
    host::Host,
    state::{Decisions, Location},
};

/// How long the search for a platform's marks in the contexts of a kubeconfig may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum number of contexts that are searched.
const MOST: usize = 20;

/// A platform that exists, or that must be searched for.
pub struct Standing {
    /// The context to act on.
    pub context: Arc<PlatformContext>,
    /// The remembered decisions.
    pub decisions: Decisions,
    /// Whether the command line or the decisions name its place. Otherwise it is searched for by its marks.
    pub known: bool,
    /// The searched places, for messages.
    pub looked: Vec<String>,
}

/// The place of a platform.
enum Where {
    Named(NamedCluster),
    Engine,
}

/// Locates the platform. Fails if its engine or cluster is not the one that it was created in, or if a change meets one of
/// another account.
pub async fn standing(asked: &Asked, host: &Host, purpose: Purpose) -> Result<Standing, Failure> {
    sudo::remark(host);
    locate(asked, host, purpose).await
}

/// The same without the remark about sudo, for a look before a request, which prints it.
pub async fn locate(asked: &Asked, host: &Host, purpose: Purpose) -> Result<Standing, Failure> {
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
        // Neither the command line nor the decisions name a place, so an absent engine is not an error.
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
    let context = PlatformContext::new(asked.parts(host, state, engine, named))
        .accepting(TakenOver::of(&decisions.taken_over));
    if decisions.place.is_some() && (context.engine.is_some() || context.named.is_some()) {
        let now = places::place(&context).await.map_err(|failure| or_forget(failure, asked))?;
        places::check(&decisions, &now, &context)?;
    }
    places::check_account(&decisions, &context, purpose, host).await?;
    Ok(Standing { context: Arc::new(context), decisions, known, looked })
}

/// Returns the place by the command line, else by the decisions, and whether one of them names it. `None` for an
/// existing cluster without a context.
fn place(asked: &Asked, decisions: &Decisions, host: &Host) -> Result<(Option<Where>, bool), Failure> {
    let named = |context: &String| cluster::named(Some(context.clone()), None, host).map(Where::Named);
    let remembered = |context: &String| named(context).map_err(|failure| or_forget(failure, asked));
    if asked.profile.is_some() {
        let recalled = profile::recall(asked, decisions, host, Purpose::Look)?;
        one_cluster(asked, &recalled.loaded.profile.cluster)?;
        return match recalled.loaded.profile.cluster.origin() {
            Origin::Created(_) => Ok((Some(Where::Engine), true)),
            Origin::Existing(existing) => {
                match (asked.context.as_ref().or(existing.context.as_ref()), &decisions.context) {
                    (Some(context), _) => Ok((Some(named(context)?), true)),
                    (None, Some(context)) => Ok((Some(remembered(context)?), true)),
                    (None, None) => Ok((None, false)),
                }
            }
        };
    }
    if let Some(context) = &asked.context {
        return Ok((Some(named(context)?), true));
    }
    match (&decisions.place, &decisions.context) {
        (Some(Location::Cluster { .. }) | None, Some(context)) => Ok((Some(remembered(context)?), true)),
        (Some(_), _) => Ok((Some(Where::Engine), true)),
        (None, None) => Ok((Some(Where::Engine), decisions.profile.is_some())),
    }
}

/// Adds the hint for an engine or a cluster that no longer exists.
fn or_forget(failure: Failure, asked: &Asked) -> Failure {
    if failure.is_stopped() {
        return failure;
    }
    failure.hint(asked.forget_hint())
}

/// Returns the failure for a profile with an existing cluster but without a context.
async fn unnamed(asked: &Asked, host: &Host) -> Failure {
    match cluster::named(None, None, host) {
        Ok(_) => Failure::new(Exit::Internal, "a cluster without a name was found"),
        Err(failure) => with_carriers(failure, &carriers(asked, host).await, asked, "destroy"),
    }
}

/// Returns the failure of `verb` for a platform that is neither known nor found, with the searched places and the
/// contexts that have its marks.
pub async fn not_found(asked: &Asked, verb: &str, host: &Host, looked: &[String]) -> Failure {
    let name = &asked.name;
    let failure = Failure::new(Exit::Usage, format!("platform {name} is neither known nor found here"))
        .while_looking(looked);
    let carriers = carriers(asked, host).await;
    if carriers.is_empty() {
        return failure
            .hint("if it is in an existing cluster, name its context: --context NAME")
            .hint("if it has another name, add --name NAME");
    }
    with_carriers(failure, &carriers, asked, verb)
}

fn with_carriers(failure: Failure, carriers: &[String], asked: &Asked, verb: &str) -> Failure {
    carriers.iter().fold(failure, |failure, context| {
        let again = Asked { context: Some(context.clone()), ..asked.clone() }.again(verb);
        failure.hint(format!("context {context} has its marks: `{again}`"))
    })
}

/// Returns the contexts of the user's kubeconfig whose clusters have marks of the platform. Clusters that do not answer
/// are skipped.
async fn carriers(asked: &Asked, host: &Host) -> Vec<String> {
    let Ok(kubeconfig) = cluster::user_kubeconfig(host) else { return Vec::new() };
    let contexts = kubeconfig.contexts.iter().take(MOST).map(|context| context.name.clone());
    let asks = contexts.map(|name| async move {
        let named = cluster::named(Some(name.clone()), None, host).ok()?;
        let state = asked.state(host).ok()?;
        let context = PlatformContext::new(asked.parts(host, state, None, Some(named.clone())));
        let answer = async {
            let client = context.client_of(&ClusterAccess::named(&named)).await.ok()?;
            let platforms = identity::platforms(&client).await.ok()?;
            platforms.iter().any(|platform| platform == asked.name.as_str()).then_some(name)
        };
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
    });
    futures::future::join_all(asks).await.into_iter().flatten().collect()
}
