//! The owner of a Docker object, by its marks.

use std::collections::BTreeMap;

use devplat_plan::{Foreigner, Owner};
use devplat_tool::local::Mark;

use super::Cx;
use crate::{
    failure::{Exit, Failure},
    platform_context::PlatformContext,
};

/// The label with the generation of an object that has replaced another one.
const GENERATION_LABEL: &str = "dev.devplat.generation";

/// Returns the mark of this run's objects.
pub(super) fn own(context: &PlatformContext) -> Mark {
    Mark { platform: context.platform.to_string(), account: Some(context.account.clone()) }
}

/// Returns the labels of an object that a step creates: its mark, and its generation unless that is 0.
pub(super) fn labels(cx: &Cx) -> Vec<(String, String)> {
    let generation = Some(cx.generation()).filter(|generation| *generation > 0);
    let generation = generation.map(|generation| (GENERATION_LABEL.to_owned(), generation.to_string()));
    own(&cx.context).labels().into_iter().chain(generation).collect()
}

/// Returns the generation of an object with these labels.
pub(super) fn generation_of(labels: &BTreeMap<String, String>) -> u32 {
    labels.get(GENERATION_LABEL).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Returns the owner of an object with these labels. `what` names it in messages, such as `Docker network devplat-a`.
pub(super) fn of_labels(what: &str, labels: &BTreeMap<String, String>, context: &PlatformContext) -> Owner {
    of_mark(what, Mark::of_labels(labels).as_ref(), context)
}

/// Returns the owner of an object with this mark.
pub(super) fn of_mark(what: &str, mark: Option<&Mark>, context: &PlatformContext) -> Owner {
    let Some(Mark { platform, account }) = mark else {
        return Owner::stranger(format!("{what} was not created by devplat"));
    };
    if *platform != context.platform.as_str() {
        return Owner::stranger(format!("{what} belongs to platform {platform}"));
    }
    match account {
        // Objects of an older devplat name no account.
        None => Owner::Ours,
        Some(account) if account.uid == context.account.uid || context.takes_over(account) => Owner::Ours,
        Some(account) => Owner::Foreign(Foreigner::Account(format!(
            "{what} belongs to platform {platform} of account {} (uid {}) of this machine",
            account.name, account.uid
        ))),
    }
}

/// Returns the failure for a resource that is not this platform's or not this account's.
pub(super) fn refusal(whose: &Foreigner, context: &PlatformContext) -> Failure {
    let failure = Failure::new(Exit::Usage, whose.to_string());
    match whose {
        Foreigner::Account(_) => failure.hint(format!(
            "`{} --take-over` continues with the platform of the other account",
            context.command("up")
        )),
        Foreigner::Stranger(_) | Foreigner::Platform(_) => failure.hint("name another platform with --name"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use devplat_tool::local::Account;

    use super::*;
    use crate::platform_context::{TakenOver, testing};

    /// Returns the context of account ada, uid 1000, with platform devplat.
    fn context(take_over: bool) -> PlatformContext {
        let mut context = testing::context(Path::new("/nowhere"));
        context.take_over = take_over;
        context
    }

    fn mark(account: Option<(u32, &str)>) -> Mark {
        let account = account.map(|(uid, name)| Account { uid, name: name.to_owned() });
        Mark { platform: "devplat".to_owned(), account }
    }

    #[test]
    fn object_of_another_account_is_foreign_until_taken_over() {
        let owner = |account, take_over| of_mark("network a", Some(&mark(account)), &context(take_over));
        let Owner::Foreign(Foreigner::Account(why)) = owner(Some((4242, "other")), false) else {
            panic!("it is not another account's")
        };
        assert!(why.contains("account other (uid 4242)"), "{why}");
        assert_eq!(owner(Some((4242, "other")), true), Owner::Ours);
        // A renamed account, and an object of an older devplat.
        assert_eq!(owner(Some((1000, "ada-b")), false), Owner::Ours);
        assert_eq!(owner(None, false), Owner::Ours);
    }

    #[test]
    fn account_that_was_taken_over_is_accepted_in_later_runs() {
        let first = context(true);
        assert_eq!(of_mark("network a", Some(&mark(Some((4242, "other")))), &first), Owner::Ours);
        assert_eq!(first.taken_over.texts(), ["4242:other"]);
        let later = context(false).accepting(TakenOver::of(&first.taken_over.texts()));
        assert_eq!(of_mark("network a", Some(&mark(Some((4242, "renamed")))), &later), Owner::Ours);
        let third = of_mark("network a", Some(&mark(Some((4343, "third")))), &later);
        assert!(matches!(third, Owner::Foreign(Foreigner::Account(_))), "{third:?}");
    }

    #[test]
    fn object_without_our_mark_is_always_foreign() {
        let other = Mark { platform: "team-b".to_owned(), ..mark(Some((1000, "ada"))) };
        for take_over in [false, true] {
            for mark in [None, Some(&other)] {
                let owner = of_mark("network a", mark, &context(take_over));
                assert!(matches!(owner, Owner::Foreign(_)), "{owner:?}");
            }
        }
    }
}
