//! The failures for plans that something stands against, with their remedies.

use std::collections::BTreeSet;

use devplat_plan::{Blocked, Detail, Foreigner, Id, Sights, State, Verdict, live};

use crate::{
    command_line::quoted,
    failure::{Exit, Failure},
    platform_context::PlatformContext,
};

/// Returns the failure for a plan that is blocked.
pub(super) fn refuse(message: &str, blocked: &[Blocked], sights: &Sights) -> Failure {
    let mut failure = Failure::new(Exit::Usage, message);
    let is = |test: fn(&Blocked) -> bool| blocked.iter().any(test);
    let holder = blocked.iter().find_map(|one| match one {
        Blocked::Foreign { who: Foreigner::Platform(name), .. } => Some(name),
        Blocked::Foreign { .. }
        | Blocked::LosesData { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. }
        | Blocked::Prevented { .. }
        | Blocked::Taken { .. } => None,
    });
    failure.causes.extend(causes(blocked, holder));
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
    let losses: BTreeSet<&Id> = lost(blocked).collect();
    // The safe way comes first.
    let keeping = keeping(blocked, sights);
    failure = failure.maybe_hint(keeping_hint(&keeping));
    if !losses.is_empty() {
        let flags: Vec<String> =
            losses.iter().map(|id| format!("--lose {}", quoted(&id.to_string()))).collect();
        let by_profile = losses.iter().any(|id| !is_damaged(id, sights));
        let or = if by_profile && keeping.is_empty() { ", or change the profile back" } else { "" };
        failure = failure.hint(format!("add {} to lose that data{or}", flags.join(" ")));
    }
    if is(|one| matches!(one, Blocked::Cannot { .. } | Blocked::Unfit { .. })) {
        failure = failure.hint("change the resources above, or the profile where it names or needs them");
    }
    failure.with_hints(blocked.iter().flat_map(remedies).cloned())
}

/// Returns the values, as `--set` takes them, with which nothing is lost: those that the resources were created with. None
/// if one of them differs in something else than values of the profile.
pub(super) fn keeping(blocked: &[Blocked], sights: &Sights) -> Vec<String> {
    let values = lost(blocked).map(|id| {
        let sight = sights.get(id).and_then(|all| all.get(live(all)?))?;
        let Some(Verdict::Differs(changes)) = &sight.verdict else { return None };
        let lossy = changes.iter().filter(|change| change.loses.is_some());
        lossy.map(|change| kept_value(&change.detail)).collect::<Option<Vec<_>>>()
    });
    values.collect::<Option<Vec<_>>>().unwrap_or_default().concat()
}

/// Returns the resources that would lose data.
fn lost(blocked: &[Blocked]) -> impl Iterator<Item = &Id> {
    blocked.iter().filter_map(|one| match one {
        Blocked::LosesData { id, why: _, loss: _ } => Some(id),
        Blocked::Foreign { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. }
        | Blocked::Prevented { .. }
        | Blocked::Taken { .. } => None,
    })
}

/// Returns the found value of a field as `--set` takes it; `None` for lists and for fields that are not of the profile.
fn kept_value(detail: &Detail) -> Option<String> {
    let Detail::Field { name, was, wanted } = detail else { return None };
    // The record has this value of another part of the profile, and the digest of a file.
    let name = match name.rsplit_once('.')?.1 {
        // Without one of the ports, another exposure differs, of which the record has nothing.
        "bastionPort" if was.is_none() || wanted.is_none() => return None,
        "bastionPort" => "bastion.nodePort",
        "configFile" => return None,
        _ => name,
    };
    let value = match was.as_deref().map(serde_json::from_str) {
        None => "null".to_owned(),
        Some(Ok(serde_json::Value::String(text))) => text,
        Some(Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)))) => value.to_string(),
        Some(_) => return None,
    };
    Some(format!("{name}={value}"))
}

fn keeping_hint(values: &[String]) -> Option<String> {
    let flags: Vec<String> = values.iter().map(|value| format!("--set {}", quoted(value))).collect();
    (!flags.is_empty()).then(|| format!("add {} to keep it as it is, with that data", flags.join(" ")))
}

/// Returns the reasons as texts. The other platform of a cluster, `holder`, is one reason, in how many resources it ever shows.
fn causes(blocked: &[Blocked], holder: Option<&String>) -> Vec<String> {
    let of_holder = |one: &&Blocked| match one {
        Blocked::Foreign { who: Foreigner::Platform(name), .. } => Some(name) == holder,
        Blocked::Foreign { .. }
        | Blocked::LosesData { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. }
        | Blocked::Prevented { .. }
        | Blocked::Taken { .. } => false,
    };
    let there = holder.map(|name| format!("the cluster has another platform: {name}"));
    let others = blocked.iter().filter(|one| !of_holder(one)).map(ToString::to_string);
    there.into_iter().chain(others).collect()
}

/// Returns the remedies that a reason against a plan brings along.
fn remedies(blocked: &Blocked) -> &[String] {
    match blocked {
        Blocked::Taken { remedies, .. } | Blocked::Prevented { remedies, .. } => remedies,
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
        Blocked::LosesData { id: _, why: _, loss } => format!("the cluster still has {loss}"),
        Blocked::Foreign { .. }
        | Blocked::Cannot { .. }
        | Blocked::Unfit { .. }
        | Blocked::Prevented { .. }
        | Blocked::Taken { .. } => one.to_string(),
    }));
    failure.hint(format!(
        "delete dev servers first, and users with `{}`, or run `{} --lose-data`, which deletes dev servers and users; homes stay, except those whose homeRetention is Delete",
        context.command("users remove"),
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
            assert_eq!(refuse("x", &blocked, &Sights::new()).hints, [hint], "{blocked:?}");
        }
    }

    #[test]
    fn other_platform_is_one_reason_for_all_its_resources() {
        let holder = || foreign(Foreigner::Platform("team-a".to_owned()));
        let (id, why, remedies) = (named("cluster").unwrap(), "x".to_owned(), vec!["remove y".to_owned()]);
        let prevented = Blocked::Prevented { id, why, remedies };
        let failure = refuse("x", &[holder(), holder(), prevented], &Sights::new());
        assert_eq!(failure.causes, ["the cluster has another platform: team-a", "cluster cannot succeed: x"]);
        assert_eq!(failure.hints.last().map(String::as_str), Some("remove y"));
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
            refuse("x", &[lost], &Sights::from([(id.clone(), vec![sight, theirs])])).hints
        };
        let missing = Change::old_first("a-worker is missing");
        let degraded = State::Degraded(vec!["a-worker is missing".to_owned()]);
        assert_eq!(hint(degraded.clone(), missing.clone()), ["add --lose cluster to lose that data"]);
        let both = ["add --lose cluster to lose that data, or change the profile back"];
        assert_eq!(hint(State::Ready, missing.clone()), both);
        let (name, was, wanted) = ("cluster.kind.workers".to_owned(), Some("1".to_owned()), None);
        let detail = Detail::Field { name, was, wanted };
        let changed = Change { detail, ..missing }.losing("homes");
        let hints = hint(degraded, changed);
        assert_eq!(
            hints,
            [
                "add --set 'cluster.kind.workers=1' to keep it as it is, with that data",
                "add --lose cluster to lose that data"
            ]
        );
    }

    #[test]
    fn values_that_keep_the_data_come_before_its_loss() {
        let id = named("cluster").unwrap();
        let field = |name: &str, was: Option<&str>| {
            let detail = Detail::Field { name: name.to_owned(), was: was.map(str::to_owned), wanted: None };
            Change { detail, ..Change::old_first("").losing("homes") }
        };
        let lost = || Blocked::LosesData { id: id.clone(), why: String::new(), loss: Loss(String::new()) };
        let hints = |changes: Vec<Change>| {
            let verdict = Some(Verdict::Differs(changes));
            let sight = Sight { verdict, ..resource::tests::sight() };
            refuse("x", &[lost()], &Sights::from([(id.clone(), vec![sight])])).hints
        };
        let (port, address) = ("cluster.k3d.sshPort", "cluster.k3d.sshAddress");
        assert_eq!(
            hints(vec![field(port, Some("23457")), field(address, Some("\"0.0.0.0\""))]),
            [
                "add --set 'cluster.k3d.sshPort=23457' --set 'cluster.k3d.sshAddress=0.0.0.0' to keep it as it \
                 is, with that data",
                "add --lose cluster to lose that data",
            ]
        );
        let bastion = |wanted: Option<&str>| {
            let (name, was) = ("cluster.k3d.bastionPort".to_owned(), Some("30022".to_owned()));
            let detail = Detail::Field { name, was, wanted: wanted.map(str::to_owned) };
            Change { detail, ..Change::old_first("").losing("homes") }
        };
        let keep = hints(vec![field(port, None), bastion(Some("30023"))]);
        assert!(keep[0].contains("sshPort=null") && keep[0].contains("bastion.nodePort=30022"), "{keep:?}");
        // Not all of them are values that a command line can give.
        for other in [
            field("cluster.k3d.portMappings", Some("[]")),
            // Another exposure than nodePort.
            bastion(None),
            field("cluster.k3d.configFile", Some("\"x\"")),
            Change::old_first("a node is missing").losing("homes"),
        ] {
            let hints = hints(vec![field(port, Some("1")), other]);
            assert_eq!(hints, ["add --lose cluster to lose that data, or change the profile back"]);
        }
    }
}
