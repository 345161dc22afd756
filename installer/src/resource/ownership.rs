//! The owner of a Docker object, by its marks.

use std::collections::BTreeMap;

use devplat_plan::{Foreigner, Owner};
use devplat_tool::local::Owner as Mark;

use crate::world::World;

/// Returns the mark of this run's objects.
pub(super) fn own(world: &World) -> Mark {
    Mark { platform: world.platform.to_string(), account: Some(world.account.clone()) }
}

/// Returns the owner of an object with these labels. `what` names it in messages, such as `Docker network devplat-a`.
pub(super) fn of_labels(what: &str, labels: &BTreeMap<String, String>, world: &World) -> Owner {
    of_mark(what, Mark::of_labels(labels).as_ref(), world)
}

/// Returns the owner of an object with this mark.
pub(super) fn of_mark(what: &str, mark: Option<&Mark>, world: &World) -> Owner {
    let Some(Mark { platform, account }) = mark else {
        return Owner::stranger(format!("{what} was not created by devplat"));
    };
    if *platform != world.platform.as_str() {
        return Owner::stranger(format!("{what} belongs to platform {platform}"));
    }
    match account {
        // Objects of an older devplat name no account.
        None => Owner::Ours,
        // Compare user IDs, because names of accounts can change.
        Some(account) if account.uid == world.account.uid || world.take_over => Owner::Ours,
        Some(account) => Owner::Foreign(Foreigner::Account(format!(
            "{what} belongs to platform {platform} of account {} (uid {}) of this machine",
            account.name, account.uid
        ))),
    }
}
