//! `devplat users`: who may come in, besides those whom the profile names.

mod remove;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use devplat_api::{DevUser, DevUserSpec};
use devplat_keys::AuthorizedKeys;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde::Serialize;

use super::{Global, settings};
use crate::{
    failure::{Exit, Failure},
    ui::Ui,
};

/// Who writes these users: not a release, which would take them away again.
const FIELD_MANAGER: &str = "devplat-users";

/// What is done about users.
#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// Let somebody in, or give them other keys
    Add(Add),
    /// Show who may come in
    List,
    /// Keep somebody out, and delete their dev servers; homes stay, but those that were to go with their dev server
    Remove {
        /// Their name
        user: String,
    },
}

/// Whom to let in.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name that they sign in with
    user: String,
    /// A file with public keys of theirs, such as `~/.ssh/id_ed25519.pub`; `-` for standard input
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Their name for people
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// A group they are in
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
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

pub(super) async fn run(global: &Global, users: &Users, ui: &Ui) -> Result<(), Failure> {
    let world = settings::standing(global)?;
    let api: Api<DevUser> = Api::all(world.client().await?);
    match users {
        Users::Add(add) => put(&api, add, ui).await,
        Users::List => list(&api, ui).await,
        Users::Remove { user } => remove::remove(global, &world, &api, user, ui).await,
    }
}

async fn put(api: &Api<DevUser>, add: &Add, ui: &Ui) -> Result<(), Failure> {
    let Add { user, key, display_name, group } = add;
    let mut ssh_keys = Vec::new();
    for path in key {
        let text = read(path)?;
        let (keys, wrong) = AuthorizedKeys::parse(text.lines());
        if let Some(line) = wrong.first() {
            return Err(Failure::new(Exit::Usage, format!("{}:{line} is no public key", path.display()))
                .hint("take the file that ends in .pub; `ssh-keygen -t ed25519` makes a pair"));
        }
        if keys.is_empty() {
            return Err(Failure::new(Exit::Usage, format!("{} has no key in it", path.display())));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        ssh_keys.extend(lines.map(str::to_owned));
    }
    let spec =
        DevUserSpec { display_name: display_name.clone(), ssh_keys, groups: group.clone(), limits: None };
    let object = DevUser::new(user, spec);
    let params = PatchParams::apply(FIELD_MANAGER);
    api.patch(user, &params, &Patch::Apply(&object)).await.map_err(|error| refused(&error, user))?;
    ui.say(&format!("user {user} may come in"));
    Ok(())
}

fn read(path: &std::path::Path) -> Result<String, Failure> {
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| {
        Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read {}", path.display()))
            .hint("name the file with the public key; `ssh-keygen -t ed25519` makes a pair")
    })
}

async fn list(api: &Api<DevUser>, ui: &Ui) -> Result<(), Failure> {
    let all = api.list(&ListParams::default()).await.map_err(|error| call_failed(&error))?;
    let rows: Vec<Listed> = all.items.into_iter().map(listed).collect();
    if ui.is_json() {
        ui.document(&rows);
        return Ok(());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([
        "USER",
        "KEYS",
        "NAMESPACE",
        "READY",
        "REASON",
    ]);
    for Listed { name, keys, namespace, ready, reason } in rows {
        let ready = if ready { "yes" } else { "no" };
        table.add_row([name, keys.to_string(), namespace.unwrap_or_default(), ready.to_owned(), reason]);
    }
    ui.say(&table.to_string());
    Ok(())
}

fn listed(user: DevUser) -> Listed {
    let name = user.name_any();
    let status = user.status.unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    Listed {
        name,
        keys: user.spec.ssh_keys.len(),
        namespace: status.namespace,
        ready: ready.is_some_and(|ready| ready.status == "True"),
        reason: ready.map_or("not seen by the operator yet".to_owned(), |ready| ready.reason.clone()),
    }
}

fn refused(error: &kube::Error, user: &str) -> Failure {
    if let kube::Error::Api(status) = error {
        if status.code == 409 {
            return Failure::new(Exit::Usage, format!("user {user} is managed by something else"))
                .hint("where the profile names them, change the profile and run `devplat up`");
        }
        if status.code == 422 || status.code == 400 {
            return Failure::new(Exit::Usage, format!("user {user} is refused: {}", status.message));
        }
    }
    call_failed(error)
}

fn call_failed(error: &kube::Error) -> Failure {
    Failure::of(Exit::PartWay, error).hint("does the cluster answer? `devplat status` tells")
}
