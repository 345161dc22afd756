//! The choice of a platform's place: a Docker engine, or a cluster that the user names.

use std::collections::BTreeMap;

use devplat_profile::{Cluster, ExistingCluster, LocalCluster, Origin};
use devplat_tool::local::Maker;

use super::{
    Asked, Purpose, Run, cluster, detect,
    profile::{Recalled, recall},
    refusal::not_created_yet,
};
use crate::{
    failure::{Exit, Failure},
    platform::maker,
    platform_context::NamedCluster,
    state::{Decisions, Location},
};

/// The place of a platform.
pub(super) enum PlatformPlace {
    Named(NamedCluster),
    Engine,
}

/// The reason for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The profile wants it.
    Profile,
    /// The command line or the decisions name it.
    Name,
    /// Nothing names a place, so the platform is searched for by its marks.
    Marks,
}

/// A place by name.
pub(super) struct Named {
    pub(super) place: PlatformPlace,
    pub(super) by: By,
    /// The program that creates the cluster of the profile, if the command line names one.
    pub(super) maker: Option<Maker>,
}

/// Chooses the profile and the place that it wants, for a verb that creates or compares.
pub(super) async fn by_profile(run: &mut Run<'_>) -> Result<(Recalled, PlatformPlace), Failure> {
    if let Some(profile) = Box::pin(detect::profile(run)).await? {
        run.decisions.profile = Some(profile);
    }
    let (asked, host) = (run.asked, run.host);
    let recalled = recall(asked, &run.decisions, host, run.purpose)?;
    for remark in &recalled.loaded.remarks {
        host.ui.remark(remark);
    }
    let wanted = &recalled.loaded.profile.cluster;
    let place = match usable(asked, wanted)? {
        Usable::Created(_) => PlatformPlace::Engine,
        Usable::Existing(existing) => {
            let named = asked.context.clone().or_else(|| existing.context.clone());
            let kind = Some("kind".to_owned());
            let new = Asked { name: asked.name.clone(), profile: kind, ..Asked::default() }.again("up");
            let named = named.or_else(|| run.decisions.context.clone());
            PlatformPlace::Named(cluster::named(named, Some(&new), host)?)
        }
    };
    Ok((recalled, place))
}

/// Returns the place by the command line, else by the decisions, with the reason for it. A remembered profile is not
/// read, because it may be unreadable by now. `None` for an existing cluster without a context.
pub(super) fn by_name(run: &Run<'_>) -> Result<Option<Named>, Failure> {
    let (asked, host, decisions) = (run.asked, run.host, &run.decisions);
    let of = |place: PlatformPlace, by: By| Named { place, by, maker: None };
    let named = |context: &String| {
        let named = cluster::named(Some(context.clone()), None, host)?;
        Ok::<_, Failure>(Some(of(PlatformPlace::Named(named), By::Name)))
    };
    let remembered = |context: &String| named(context).map_err(|failure| or_forget(failure, asked));
    if asked.profile.is_some() {
        // A remembered value that is wrong by now must not keep a platform from being deleted.
        let without = || Decisions { set: Vec::new(), variables: BTreeMap::new(), ..decisions.clone() };
        let recalled = recall(asked, decisions, host, Purpose::Look)
            .or_else(|mistakes| recall(asked, &without(), host, Purpose::Look).map_err(|_| mistakes))?;
        let wanted = &recalled.loaded.profile.cluster;
        return match usable(asked, wanted)? {
            Usable::Created(local) => {
                let maker = Some(maker(local.provider));
                Ok(Some(Named { maker, ..of(PlatformPlace::Engine, By::Name) }))
            }
            Usable::Existing(existing) => {
                match (asked.context.as_ref().or(existing.context.as_ref()), &decisions.context) {
                    (Some(context), _) => named(context),
                    (None, Some(context)) => remembered(context),
                    (None, None) => Ok(None),
                }
            }
        };
    }
    if let Some(context) = &asked.context {
        return named(context);
    }
    match (&decisions.place, &decisions.context) {
        (Some(Location::Cluster { .. }) | None, Some(context)) => remembered(context),
        (Some(_), _) => Ok(Some(of(PlatformPlace::Engine, By::Name))),
        (None, None) => {
            let by = if decisions.profile.is_some() { By::Name } else { By::Marks };
            Ok(Some(of(PlatformPlace::Engine, by)))
        }
    }
}

/// Adds the hint for an engine or a cluster that no longer exists.
pub(super) fn or_forget(failure: Failure, asked: &Asked) -> Failure {
    if failure.is_stopped() {
        return failure;
    }
    failure.hint(asked.forget_hint())
}

/// A cluster that a platform can be in.
enum Usable<'a> {
    /// devplat creates it on this machine.
    Created(LocalCluster<'a>),
    /// It exists already.
    Existing(&'a ExistingCluster),
}

/// Returns the cluster of the profile. Fails if the command line names an existing cluster and the profile creates one,
/// because devplat cannot know which one is meant, and if this devplat cannot create it.
fn usable<'a>(asked: &Asked, cluster: &'a Cluster) -> Result<Usable<'a>, Failure> {
    match (cluster.origin(), &asked.context) {
        (Origin::Existing(existing), _) => Ok(Usable::Existing(existing)),
        (Origin::Created(local), None) => Ok(Usable::Created(local)),
        (Origin::Eks(_), _) => Err(not_created_yet()),
        (Origin::Created(_), Some(_)) => {
            let provider = cluster.provider();
            let why =
                format!("--context names an existing cluster, but the profile creates one with {provider}");
            Err(Failure::new(Exit::Usage, why).hint("leave --context out, or use --profile existing"))
        }
    }
}
