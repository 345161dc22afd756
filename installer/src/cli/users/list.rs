//! `devplat users list`.

use clap::Args;
use devplat_api::DevUser;
use devplat_kubernetes::proof;
use kube::{ResourceExt, api::ListParams};
use serde::Serialize;

use super::place::{PlatformFlags, ReachedPlatform, call_failure};
use crate::{failure::Failure, host::Host};

/// The arguments of `users list`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  devplat users list --output json")]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) at: PlatformFlags,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    keys: usize,
    namespace: Option<String>,
    ready: bool,
    reason: String,
}

pub(super) async fn list(reached: &ReachedPlatform, host: &Host) -> Result<(), Failure> {
    let all = reached.api.list(&ListParams::default()).await;
    let failed = |error| call_failure(error, "list DevUsers", &reached.context.command("up"));
    let all = all.map_err(failed)?;
    // The proof deletes its user without waiting until it is gone.
    let users = all.items.into_iter().filter(|user| user.name_any() != proof::NAME);
    let rows: Vec<Listed> = users.map(listed).collect();
    if host.ui.is_json() {
        host.ui.document(&rows);
        return Ok(());
    }
    let mut table = comfy_table::Table::new();
    let header = ["USER", "KEYS", "NAMESPACE", "READY", "REASON"];
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for Listed { name, keys, namespace, ready, reason } in rows {
        let ready = if ready { "yes" } else { "no" };
        table.add_row([name, keys.to_string(), namespace.unwrap_or_default(), ready.to_owned(), reason]);
    }
    host.ui.say(&table.to_string());
    Ok(())
}

fn listed(user: DevUser) -> Listed {
    let name = user.name_any();
    let leaves = user.metadata.deletion_timestamp.is_some();
    let status = user.status.unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    Listed {
        name,
        keys: user.spec.ssh_keys.len(),
        namespace: status.namespace,
        ready: !leaves && ready.is_some_and(|ready| ready.status == "True"),
        reason: match ready {
            _ if leaves => "Terminating".to_owned(),
            Some(ready) => ready.reason.clone(),
            None => "not seen by the operator yet".to_owned(),
        },
    }
}
