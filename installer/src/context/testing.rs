//! A context for unit tests.

use std::{path::Path, sync::Arc};

use devplat_kubernetes::connect::NoPlugins;
use devplat_profile::PlatformName;
use devplat_tool::{Surroundings, local::Account};

use super::{Parts, PlatformContext, Stop};
use crate::{command_line::CommandLine, state::StateFolder};

/// Returns the context of account ada, uid 1000, with platform devplat and without an engine; its state folder is below
/// `folder`.
pub(crate) fn context(folder: &Path) -> PlatformContext {
    let platform = PlatformName::default();
    PlatformContext::new(Parts {
        state: StateFolder::below(folder, &platform),
        platform,
        account: Account { uid: 1000, name: "ada".to_owned() },
        take_over: false,
        command_line: CommandLine::default(),
        stop: Stop::default(),
        now: Arc::new(jiff::Timestamp::now),
        surroundings: Surroundings::new([("PATH", "/usr/bin")], None),
        engine: None,
        named: None,
        plugins: Arc::new(NoPlugins),
    })
}
