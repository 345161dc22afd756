//! The failures for plans that something stands against, with their remedies.

use std::collections::BTreeSet;

use devplat_plan::{Blocked, Detail, Foreigner, Id, Sights, State, Verdict, live};

use crate::{
    command_line::quoted,
    failure::{Exit, Failure},
    platform_context::PlatformContext,
};

/// Returns the failure for a plan that is blocked.
pub(super) fn refuse(blocked: &[Blocked], sights: &Sights) -> Failure {
    let mut failure = Failure::new(Exit::Usage, "nothing was done");
    failure.causes.extend(blocked.iter().map(ToString::to_string));
    let is = |test: fn(&Blocked) -> bool| blocked.iter().any(test);
    let holder = blocked.iter().find_map(|one| match one {
        Blocked::Foreign { who: Foreigner::Platform(name), .. } => Some(name),
        Blocked::Foreign { .. }
        | Blocked::LosesData { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. }
        | Blocked::Taken { .. } => None,
    });
    if let Some(name) = holder {
        failure = failure.hint(format!(
            "a cluster holds one platform: add --name {name} to continue with that one, or destroy it first"
        ));
    } else if is(|one| matches!(one, Blocked::Foreign { .. })) {
        failure = failure
            .hint("choose another platform name with --name, or delete the resource that has its name");
    }
    if is(|one| matches!(one, Blocked::Foreign { who: Foreigner::Account(_), .. })) {
        failure = failure.hint("add --take-over to continue with the platform of the other account");
    }
    let losses: BTreeSet<&Id> = blocked
        .iter()
        .filter_map(|one| match one {
            Blocked::LosesData { id, why: _, loss: _ } => Some(id),
            Blocked::Foreign { .. }
            | Blocked::Cannot { .. }
            | Blocked::Unfit { .. }
            | Blocked::Taken { .. } => None,
        })
        .collect();
    if !losses.is_empty() {
        let flags: Vec<String> =
            losses.iter().map(|id| format!("--lose {}", quoted(&id.to_string()))).collect();
        let by_profile = losses.iter().any(|id| !is_damaged(id, sights));
        let or = if by_profile { ", or change the profile back" } else { "" };
        failure = failure.hint(format!("add {} to lose that data{or}", flags.join(" ")));
    }
    if is(|one| matches!(one, Blocked::Cannot { .. } | Blocked::Unfit { .. })) {
        failure = failure.hint("change the resources above, or the profile where it names or needs them");
    }
    failure.with_hints(blocked.iter().flat_map(remedies).cloned())
}

/// Returns the remedies that a reason against a plan brings along.
fn remedies(blocked: &Blocked) -> &[String] {
    match blocked {
        Blocked::Taken { remedies, .. } => remedies,
        Blocked::Foreign { .. }
        | Blocked::LosesData { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. } => &[],
    }
}

/// Returns whether a resource differs only because a part of it is gone, such as a node that was deleted by hand, and not
/// because the profile was changed.
fn is_damaged(id: &Id, sights: &Sights) -> bool {
    let Some(sight) = sights.get(id).and_then(|all| all.get(live(all)?)) else { return false };
    let Some(Verdict::Differs(changes)) = &sight.verdict else { return false };
    matches!(sight.state, State::Degraded(_))
        && changes.iter().all(|change| matches!(change.detail, Detail::Other(_)))
}

/// Returns the failure for a deletion that is blocked.
pub(super) fn refuse_removal(blocked: &[Blocked], context: &PlatformContext) -> Failure {
    let mut failure = Failure::new(Exit::Usage, "nothing was deleted");
    failure.causes.extend(blocked.iter().map(|one| match one {
        Blocked::LosesData { id: _, why: _, loss } => format!("users still have {loss}"),
        Blocked::Foreign { .. } | Blocked::Cannot { .. } | Blocked::Unfit { .. } | Blocked::Taken { .. } => {
            one.to_string()
        }
    }));
    failure.hint(format!(
        "ask the users to delete them first, or run `{} --lose-data`, which deletes dev servers and users; homes stay, except those whose homeRetention is Delete",
        context.command("destroy")
    ))
}

#[cfg(test)]
mod tests {
    use devplat_plan::{Change, Loss, Owner, Sight};

    use super::*;
    use crate::resource;

    fn named(text: &str) -> Option<Id> {
        resource::KINDS.iter().find_map(|kind| kind.name.parse(text))
    }

    fn foreign(who: Foreigner) -> Blocked {
        Blocked::Foreign { id: named("network").unwrap(), who }
    }

    #[test]
    fn other_platform_of_the_cluster_is_named_in_the_hint() {
        let holder = foreign(Foreigner::Platform("team-a".to_owned()));
        let stranger = foreign(Foreigner::Stranger("its name is taken".to_owned()));
        let another = "choose another platform name with --name, or delete the resource that has its name";
        let there =
            "a cluster holds one platform: add --name team-a to continue with that one, or destroy it first";
        for (blocked, hint) in [
            (vec![holder.clone()], there),
            // Another name would lead to the same platform of the cluster.
            (vec![stranger.clone(), holder], there),
            (vec![stranger], another),
        ] {
            assert_eq!(refuse(&blocked, &Sights::new()).hints, [hint], "{blocked:?}");
        }
    }

    #[test]
    fn profile_is_not_blamed_for_a_deleted_node() {
        let id = named("cluster").unwrap();
        let hint = |state: State, change: Change| {
            let verdict = Some(Verdict::Differs(vec![change]));
            let sight = Sight { state, verdict, ..resource::tests::sight() };
            let lost = Blocked::LosesData { id: id.clone(), why: String::new(), loss: Loss(String::new()) };
            // A foreign one with its name is not the one that the plan keeps.
            let theirs = Sight { owner: Owner::stranger("of team-b"), ..resource::tests::sight() };
            refuse(&[lost], &Sights::from([(id.clone(), vec![sight, theirs])])).hints
        };
        let missing = Change::old_first("a-worker is missing");
        let degraded = State::Degraded(vec!["a-worker is missing".to_owned()]);
        assert_eq!(hint(degraded.clone(), missing.clone()), ["add --lose cluster to lose that data"]);
        let both = ["add --lose cluster to lose that data, or change the profile back"];
        assert_eq!(hint(State::Ready, missing.clone()), both);
        let (name, was, wanted) = ("cluster.kind.workers".to_owned(), Some("1".to_owned()), None);
        let changed = Change { detail: Detail::Field { name, was, wanted }, ..missing };
        assert_eq!(hint(degraded, changed), both);
    }
}
