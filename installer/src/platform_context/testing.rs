//! A context for unit tests.

use std::{path::Path, sync::Arc};

use devplat_kubernetes::connect::NoPlugins;
use devplat_profile::PlatformName;
use devplat_tool::{Surroundings, local::Account, registry::RegistryClients};
use tokio::sync::watch;

use super::{ClusterCache, PlatformContext, Stop, TakenOver};
use crate::{command_line::CommandLine, state::StateFolder};

/// Returns the context of account ada, uid 1000, with platform devplat and without an engine; its state folder is below
/// `folder`.
pub(crate) fn context(folder: &Path) -> PlatformContext {
    let platform = PlatformName::default();
    let state = StateFolder::below(folder, &platform);
    PlatformContext {
        platform,
        account: Account { uid: 1000, name: "ada".to_owned() },
        take_over: false,
        taken_over: TakenOver::default(),
        command_line: CommandLine::default(),
        scratch_folder: state.scratch(),
        scratch_kubeconfig: state.scratch_kubeconfig(),
        state,
        outputs: Arc::default(),
        early_import: watch::Sender::default(),
        stop: Stop::default(),
        now: Arc::new(jiff::Timestamp::now),
        remark: Arc::new(|_| {}),
        surroundings: Surroundings::new([("PATH", "/usr/bin")], None),
        engine: None,
        named: None,
        plugins: Arc::new(NoPlugins),
        registries: RegistryClients::default(),
        cache: ClusterCache::default(),
    }
}
