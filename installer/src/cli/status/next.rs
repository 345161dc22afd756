//! The line to type next, and what keeps `up` from bringing the platform to the profile. Pure.

use devplat_plan::{Blocked, Foreigner};

use crate::{failure::Failure, journal, planning, request::Asked, state::LockHolder};

/// The facts that decide on the next line.
pub(super) struct Situation<'a> {
    /// The command line of a platform that is ready.
    pub(super) ready: Option<String>,
    /// Another run that is working on the platform, so that every change is refused.
    pub(super) run: Option<&'a LockHolder>,
    /// Why the journal cannot be used, without which nothing is changed.
    pub(super) journal: Option<&'a journal::Error>,
    /// The reasons against the plan of `up`.
    pub(super) blocked: &'a [Blocked],
}

/// Returns a command line that is not refused.
pub(super) fn next_command(asked: &Asked, situation: Situation<'_>) -> String {
    let Situation { ready, run, journal, blocked } = situation;
    if run.is_some() {
        return asked.again("status");
    }
    if let Some(ready) = ready {
        return ready;
    }
    if let Some(unusable) = journal {
        return planning::deletion_of(unusable).unwrap_or_else(|| asked.again("plan"));
    }
    let mut again = asked.clone();
    for reason in blocked {
        match reason {
            Blocked::LosesData { id, .. } => again.lose.push(id.to_string()),
            Blocked::Foreign { who: Foreigner::Account(_), .. } => again.take_over = true,
            Blocked::Foreign { who: Foreigner::Platform(name), .. } => again.name = name.parse().ok(),
            Blocked::Foreign { who: Foreigner::Stranger(_), .. }
            | Blocked::Cannot { .. }
            | Blocked::Unfit { .. }
            | Blocked::Taken { .. } => {}
        }
    }
    again.lose.dedup();
    // A plan shows what would be lost, or every reason with its remedy.
    again.again(if blocked.is_empty() { "up" } else { "plan" })
}

/// Returns the lines about a failure with which `up` would end.
pub(super) fn lines(failure: &Failure) -> Vec<String> {
    let Failure { exit: _, message: _, causes, hints, cause: _ } = failure;
    let hints = hints.iter().map(|hint| format!("hint: {hint}"));
    causes.iter().cloned().chain(hints).collect()
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
    use crate::{failure::Exit, resource::CLUSTER};

    fn loses() -> Blocked {
        Blocked::LosesData { id: CLUSTER.single(), why: "x".to_owned(), loss: Loss("y".to_owned()) }
    }

    fn next(
        ready: bool,
        run: Option<&LockHolder>,
        journal: Option<&journal::Error>,
        blocked: &[Blocked],
    ) -> String {
        let asked = Asked { profile: Some("k3d".to_owned()), ..Asked::default() };
        let ready = ready.then(|| "ssh demo@devplat".to_owned());
        next_command(&asked, Situation { ready, run, journal, blocked })
    }

    #[test]
    fn next_command_is_never_one_that_is_refused() {
        let foreign = |who| Blocked::Foreign { id: CLUSTER.single(), who };
        let account = foreign(Foreigner::Account("of ada".to_owned()));
        let platform = foreign(Foreigner::Platform("team-a".to_owned()));
        let stranger = foreign(Foreigner::Stranger("of kind".to_owned()));
        for (blocked, line) in [
            (vec![], "devplat up --profile k3d"),
            (vec![loses(), loses()], "devplat plan --profile k3d --lose cluster"),
            (vec![account], "devplat plan --profile k3d --take-over"),
            (vec![platform], "devplat plan --name team-a --profile k3d"),
            (vec![stranger], "devplat plan --profile k3d"),
        ] {
            assert_eq!(next(false, None, None, &blocked), line);
        }
        let run = LockHolder::of(4711, &["devplat", "up"]);
        assert_eq!(next(false, Some(&run), None, &[]), "devplat status --profile k3d");
        assert_eq!(next(true, Some(&run), None, &[]), "devplat status --profile k3d");
        assert_eq!(next(true, None, None, &[]), "ssh demo@devplat");
    }

    #[test]
    fn damaged_journal_is_deleted_next() {
        let damaged = journal::Error::Newer { path: "/my state/journal.jsonl".into(), found: 9 };
        assert_eq!(next(false, None, Some(&damaged), &[]), "rm '/my state/journal.jsonl'");
        assert_eq!(next(true, None, Some(&damaged), &[]), "ssh demo@devplat");
    }

    #[test]
    fn refusal_is_shown_with_its_reasons_and_remedies() {
        let failure = Failure::new(Exit::Usage, "nothing was done").hint("add --lose cluster");
        let failure = Failure { causes: vec!["cluster: it is of k3d".to_owned()], ..failure };
        assert_eq!(lines(&failure), ["cluster: it is of k3d", "hint: add --lose cluster"]);
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
