//! The line to type next, and what keeps `up` from bringing the platform to the profile. Pure.

use devplat_plan::{Blocked, Foreigner};

use crate::{
    failure::Failure,
    journal,
    planning::{self, Refusal},
    request::Asked,
    state::LockHolder,
};

/// The facts that decide on the next line.
pub(super) struct Situation<'a> {
    /// The command line of a platform that is ready.
    pub(super) ready: Option<String>,
    /// Another run that is working on the platform, so that every change is refused.
    pub(super) run: Option<&'a LockHolder>,
    /// Why the journal cannot be used, without which nothing is changed.
    pub(super) journal: Option<&'a journal::Error>,
    /// The failure with which `up` would end before its first step.
    pub(super) refusal: Option<&'a Refusal>,
}

/// Returns the command line that goes on. If the user has to do something else first, it is the `plan` that names that with
/// the remedies.
pub(super) fn next_command(asked: &Asked, situation: Situation<'_>) -> String {
    let Situation { ready, run, journal, refusal } = situation;
    if run.is_some() {
        return asked.again("status");
    }
    if let Some(ready) = ready {
        return ready;
    }
    if let Some(unusable) = journal {
        return planning::deletion_of(unusable).unwrap_or_else(|| asked.again("plan"));
    }
    let Some(Refusal { failure: _, blocked, keeping }) = refusal else { return asked.again("up") };
    let mut again = asked.clone();
    again.set.extend(keeping.iter().cloned());
    for reason in blocked {
        match reason {
            Blocked::LosesData { .. } if !keeping.is_empty() => {}
            Blocked::LosesData { id, .. } => {
                let id = id.to_string();
                if !again.lose.contains(&id) {
                    again.lose.push(id);
                }
            }
            Blocked::Foreign { who: Foreigner::Account(_), .. } => again.take_over = true,
            Blocked::Foreign { who: Foreigner::Platform(name), .. } => {
                // A name that cannot be given must not lead to the default platform.
                if let Ok(name) = name.parse() {
                    again.name = Some(name);
                }
            }
            Blocked::Foreign { who: Foreigner::Stranger(_), .. }
            | Blocked::Cannot { .. }
            | Blocked::Unfit { .. }
            | Blocked::Prevented { .. }
            | Blocked::Taken { .. } => {}
        }
    }
    again.again("plan")
}

/// Returns the lines about a refusal. The message of a refused plan is only that nothing was done.
pub(super) fn lines_of(refusal: &Refusal) -> Vec<String> {
    let Refusal { failure, blocked, keeping: _ } = refusal;
    let message = if blocked.is_empty() { Some(failure.message.clone()) } else { None };
    lines(message.into_iter().chain(failure.causes.iter().cloned()), failure)
}

/// Returns the lines about a journal that cannot be used.
pub(super) fn damaged(error: journal::Error) -> Vec<String> {
    let failure = Failure::from(error);
    lines([failure.one_line()], &failure)
}

fn lines(reasons: impl IntoIterator<Item = String>, failure: &Failure) -> Vec<String> {
    let hints = failure.hints.iter().map(|hint| format!("hint: {hint}"));
    reasons.into_iter().chain(hints).collect()
}

/// Returns the remark for a profile that is not the one of the last `up`, which the platform was brought to.
pub(super) fn other_profile(before: Option<&str>, now: &str, asked: &Asked, unset: &str) -> Option<String> {
    let before = before.filter(|before| asked.profile.is_some() && *before != now)?;
    let without = Asked { profile: None, set: Vec::new(), ..asked.clone() }.again("status");
    Some(format!(
        "hint: the last `devplat up` used profile {before}; `{unset}{without}` compares the platform with that"
    ))
}

#[cfg(test)]
mod tests {
    use devplat_plan::Loss;

    use super::*;
    use crate::{
        failure::Exit,
        resource::{CLUSTER, KindWith},
    };

    fn loses(kind: KindWith<()>) -> Blocked {
        Blocked::LosesData { id: kind.single(), why: "x".to_owned(), loss: Loss("y".to_owned()) }
    }

    fn refusal(blocked: Vec<Blocked>) -> Refusal {
        let failure = Failure::new(Exit::Usage, "nothing was done").hint("add --lose cluster");
        Refusal {
            failure: Failure { causes: vec!["cluster: it is of k3d".to_owned()], ..failure },
            blocked,
            keeping: Vec::new(),
        }
    }

    fn next(
        ready: bool,
        run: Option<&LockHolder>,
        journal: Option<&journal::Error>,
        refusal: Option<&Refusal>,
    ) -> String {
        let name = Some("team-b".parse().unwrap());
        let asked = Asked { name, profile: Some("k3d".to_owned()), ..Asked::default() };
        let ready = ready.then(|| "ssh demo@devplat".to_owned());
        next_command(&asked, Situation { ready, run, journal, refusal })
    }

    #[test]
    fn next_command_goes_on_or_names_what_to_do_first() {
        let foreign = |who| Blocked::Foreign { id: CLUSTER.single(), who };
        let account = foreign(Foreigner::Account("of ada".to_owned()));
        let platform = foreign(Foreigner::Platform("team-a".to_owned()));
        let no_name = foreign(Foreigner::Platform("No Name".to_owned()));
        let stranger = foreign(Foreigner::Stranger("of kind".to_owned()));
        let (one, two) = (KindWith::new("network"), KindWith::new("cluster"));
        for (blocked, end) in [
            (vec![loses(one), loses(two), loses(one)], " --lose network --lose cluster"),
            (vec![account], " --take-over"),
            (vec![stranger], ""),
            (vec![no_name], ""),
            // This machine lacks something, or a kind could not be searched.
            (vec![], ""),
        ] {
            let line = format!("devplat plan --name team-b --profile k3d{end}");
            assert_eq!(next(false, None, None, Some(&refusal(blocked))), line);
        }
        let of_another = refusal(vec![platform]);
        assert_eq!(next(false, None, None, Some(&of_another)), "devplat plan --name team-a --profile k3d");
        assert_eq!(next(false, None, None, None), "devplat up --name team-b --profile k3d");
        let keeping = vec!["cluster.k3d.sshPort=23457".to_owned()];
        let kept = Refusal { keeping, ..refusal(vec![loses(two)]) };
        let safe = "devplat plan --name team-b --profile k3d --set 'cluster.k3d.sshPort=23457'";
        assert_eq!(next(false, None, None, Some(&kept)), safe);
        let run = LockHolder::of(4711, &["devplat", "up"]);
        for ready in [false, true] {
            let line = "devplat status --name team-b --profile k3d";
            assert_eq!(next(ready, Some(&run), None, None), line);
        }
        assert_eq!(next(true, None, None, None), "ssh demo@devplat");
    }

    #[test]
    fn damaged_journal_is_deleted_next() {
        let damaged = journal::Error::Newer { path: "/my state/journal.jsonl".into(), found: 9 };
        assert_eq!(next(false, None, Some(&damaged), None), "rm '/my state/journal.jsonl'");
        assert_eq!(next(true, None, Some(&damaged), None), "ssh demo@devplat");
    }

    #[test]
    fn refusal_is_shown_with_its_reasons_and_remedies() {
        let reasons = ["cluster: it is of k3d", "hint: add --lose cluster"];
        assert_eq!(lines_of(&refusal(vec![loses(KindWith::new("cluster"))])), reasons);
        let lack = Failure::new(Exit::Missing, "kind is not installed").hint("install kind");
        let lack = Refusal { failure: lack, blocked: Vec::new(), keeping: Vec::new() };
        assert_eq!(lines_of(&lack), ["kind is not installed", "hint: install kind"]);
    }

    #[test]
    fn other_profile_than_the_last_one_is_named_with_the_way_back() {
        let asked = Asked { profile: Some("k3d".to_owned()), ..Asked::default() };
        let told = other_profile(Some("kind"), "k3d", &asked, "env -u DEVPLAT_PROFILE ").unwrap();
        assert!(told.contains("used profile kind; `env -u DEVPLAT_PROFILE devplat status`"), "{told}");
        assert_eq!(other_profile(Some("k3d"), "k3d", &asked, ""), None);
        assert_eq!(other_profile(Some("kind"), "k3d", &Asked::default(), ""), None);
        assert_eq!(other_profile(None, "k3d", &asked, ""), None);
    }
}
