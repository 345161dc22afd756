//! Whose something in a Docker engine is, by its marks.

use std::collections::BTreeMap;

use devplat_plan::{Foreigner, Owner};
use devplat_tool::local::Owner as Mark;

use crate::world::World;

/// The mark of what this run makes.
pub(super) fn own(world: &World) -> Mark {
    Mark { platform: world.platform.to_string(), account: Some(world.account.clone()) }
}

/// Whose something with these labels is. `what` names it for people, such as `Docker network devplat-a`.
pub(super) fn of_labels(what: &str, labels: &BTreeMap<String, String>, world: &World) -> Owner {
    of_mark(what, Mark::of_labels(labels).as_ref(), world)
}

/// Whose something with this mark is.
pub(super) fn of_mark(what: &str, mark: Option<&Mark>, world: &World) -> Owner {
    let Some(Mark { platform, account }) = mark else {
        return Owner::stranger(format!("{what} was not made by devplat"));
    };
    if *platform != world.platform.as_str() {
        return Owner::stranger(format!("{what} belongs to platform {platform}"));
    }
    match account {
        // What an older devplat made names no account.
        None => Owner::Ours,
        // Names of accounts change; numbers do not.
        Some(account) if account.uid == world.account.uid || world.take_over => Owner::Ours,
        Some(account) => Owner::Foreign(Foreigner::Account(format!(
            "{what} belongs to platform {platform} of account {} (uid {}) of this machine",
            account.name, account.uid
        ))),
    }
}
