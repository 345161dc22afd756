//! The failures for a platform that is not found, with the contexts of the user's kubeconfig that have its marks.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::{context, identity};
use kube::config::Kubeconfig;

use super::{Asked, Looked, cluster};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::{ClusterAccess, NamedCluster},
};

/// How long the search for a platform's marks in the contexts of a kubeconfig may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum number of contexts that are searched.
const MOST: usize = 20;

/// Returns the failure for a profile with an existing cluster but without a context.
pub(super) async fn unnamed(asked: &Asked, host: &Host) -> Failure {
    let kubeconfig = match cluster::user_kubeconfig(host) {
        Ok(kubeconfig) => Arc::new(kubeconfig),
        Err(unread) => return unread,
    };
    let searched = Searched::of(&kubeconfig, asked, host).await;
    let failure = cluster::unnamed(&kubeconfig, host);
    with_carriers(Looked::add_to(&searched.others(), failure), &searched.carriers, asked, "destroy")
}

/// Returns the failure of `verb` for a platform that is not known here and that has marks in a context of the
/// kubeconfig; `None` if no context that can be asked has them.
pub(super) async fn elsewhere(asked: &Asked, verb: &str, host: &Host) -> Result<Option<Failure>, Failure> {
    let kubeconfig = Arc::new(cluster::user_kubeconfig(host)?);
    let searching = async { Ok(Searched::of(&kubeconfig, asked, host).await) };
    let searched = host.or_stopped(searching).await?;
    if searched.carriers.is_empty() {
        searched.unasked().iter().for_each(|why| host.ui.remark(&format!("note: not searched: {why}")));
        return Ok(None);
    }
    let why = format!("platform {} is not known here, and no context is named", asked.platform());
    Ok(Some(with_carriers(Failure::new(Exit::Usage, why), &searched.carriers, asked, verb)))
}

/// Returns the failure of `verb` for a platform that is neither known nor found in the searched places. If the
/// place where it would be by default could not be asked, the failure has the kind of that place's; the contexts of a kubeconfig
/// are only a guess. The second value is whether a context has its marks.
pub(super) async fn not_found(asked: &Asked, verb: &str, host: &Host, looked: &[Looked]) -> (Failure, bool) {
    let name = asked.platform();
    let why = format!("platform {name} is neither known nor found here");
    let failure = Looked::add_to(looked, Failure::new(Exit::Usage, why));
    let (carriers, others) = match cluster::user_kubeconfig(host) {
        Ok(kubeconfig) => {
            let searched = Searched::of(&Arc::new(kubeconfig), asked, host).await;
            let others = searched.others();
            (searched.carriers, others)
        }
        Err(unread) => (Vec::new(), vec![Looked::NotReached(without_hints(unread))]),
    };
    let failure = Looked::add_to(&others, failure);
    if carriers.is_empty() {
        let exit = Looked::exit(looked);
        let failure = Failure { exit, ..failure };
        let others = asked.state(host).ok().and_then(|state| state.others().ok()).unwrap_or_default();
        let known: Vec<String> = others.iter().map(|known| known.platform.to_string()).collect();
        let known = if known.is_empty() { "NAME".to_owned() } else { known.join(" or ") };
        let failure = failure
            .hint("if it is in an existing cluster, name its context: --context NAME")
            .hint(format!("if it has another name, add --name {known}"));
        return (failure, false);
    }
    (with_carriers(failure, &carriers, asked, verb), true)
}

fn with_carriers(failure: Failure, carriers: &[String], asked: &Asked, verb: &str) -> Failure {
    carriers.iter().fold(failure, |failure, context| {
        let again = Asked { context: Some(context.clone()), ..asked.clone() }.again(verb);
        failure.hint(format!("context {context} has its marks: `{again}`"))
    })
}

/// The contexts of a kubeconfig, after a search for a platform's marks in their clusters.
#[derive(Debug, Default)]
struct Searched {
    /// Those with its marks.
    carriers: Vec<String>,
    /// Those without.
    without: Vec<String>,
    /// Those that could not be asked, each with the reason.
    failed: Vec<Failure>,
    /// Those after the first ones, which were not asked.
    skipped: Vec<String>,
}

impl Searched {
    async fn of(kubeconfig: &Arc<Kubeconfig>, asked: &Asked, host: &Host) -> Self {
        let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        let (first, skipped) = names.split_at(names.len().min(MOST));
        let asks = first.iter().map(|name| async move {
            let answer = tokio::time::timeout(PATIENCE, carries(kubeconfig, name, asked, host)).await;
            answer.unwrap_or_else(|_| {
                let why = format!("its cluster did not answer within {} s", PATIENCE.as_secs());
                Err(Failure::new(Exit::PartWay, why))
            })
        });
        let mut searched =
            Self { skipped: skipped.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() };
        for (name, answer) in first.iter().zip(futures::future::join_all(asks).await) {
            match answer {
                Ok(true) => searched.carriers.push((*name).to_owned()),
                Ok(false) => searched.without.push((*name).to_owned()),
                Err(why) => searched.failed.push(why.while_doing(format!("context {name}"))),
            }
        }
        searched
    }

    /// Returns the contexts that were not asked, each with the reason.
    fn unasked(&self) -> Vec<String> {
        let Self { carriers: _, without: _, failed, skipped } = self;
        let skipped = list(skipped)
            .map(|contexts| format!("{contexts}: only the first {MOST} of the kubeconfig are asked"));
        failed.iter().map(Failure::one_line).chain(skipped).collect()
    }

    /// Returns the contexts in which the platform was not found, for messages.
    fn others(&self) -> Vec<Looked> {
        let Self { carriers: _, without, failed, skipped } = self;
        let without = list(without).map(Looked::In);
        // The hints of many contexts would hide the ones about this platform.
        let failed = failed.iter().cloned().map(without_hints).map(Looked::NotReached);
        let skipped = list(skipped).map(|contexts| {
            let why = format!("{contexts}: only the first {MOST} of the kubeconfig are asked");
            Looked::NotReached(Failure::new(Exit::Usage, why))
        });
        without.into_iter().chain(failed).chain(skipped).collect()
    }
}

fn list(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!("context {name}")),
        all => Some(format!("contexts {}", all.join(", "))),
    }
}

fn without_hints(failure: Failure) -> Failure {
    Failure { hints: Vec::new(), ..failure }
}

/// Returns whether the cluster of a context has marks of the platform.
async fn carries(
    kubeconfig: &Arc<Kubeconfig>,
    name: &str,
    asked: &Asked,
    host: &Host,
) -> Result<bool, Failure> {
    let context = context::find(kubeconfig, Some(name))?;
    let context = context.ok_or_else(|| Failure::new(Exit::Usage, "it names no cluster"))?;
    let named = NamedCluster { context, kubeconfig: Arc::clone(kubeconfig) };
    let context = asked.platform_context(host, asked.state(host)?, None, Some(named.clone()));
    let client = context.client_of(&ClusterAccess::named(&named)).await?;
    let platforms = identity::platforms(&client).await.map_err(|error| {
        if error.is_without_answer() {
            named.context.without_answer(error).into()
        } else {
            Failure::from(error)
        }
    })?;
    Ok(platforms.iter().any(|platform| platform == asked.platform().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_without_the_platform_is_named() {
        let names = |all: &[&str]| all.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let failed = Failure::new(Exit::PartWay, "its cluster did not answer within 3 s").hint("start it");
        let searched = Searched {
            carriers: names(&["here"]),
            without: names(&["a", "b"]),
            failed: vec![failed.while_doing("context slow")],
            skipped: names(&["late"]),
        };
        let failure = Looked::add_to(&searched.others(), Failure::new(Exit::Usage, "not found"));
        assert_eq!(
            failure.causes,
            [
                "not found in contexts a, b",
                "not searched: context slow: its cluster did not answer within 3 s",
                "not searched: context late: only the first 20 of the kubeconfig are asked",
            ]
        );
        assert_eq!((failure.exit, failure.hints), (Exit::Usage, Vec::new()));
        assert!(Searched::default().others().is_empty());
    }
}
