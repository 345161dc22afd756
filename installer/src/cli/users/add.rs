//! `devplat users add`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use devplat_api::{DevUser, DevUserSpec, condition::ConditionType};
use devplat_keys::AuthorizedKeys;
use devplat_kubernetes::release::ADDED_USERS;
use devplat_profile::UserName;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use tokio::time::Instant;

use super::{
    super::flags::TakeOver,
    change::UserChange,
    invitation::Invitation,
    place::{PlatformFlags, ReachedPlatform, Write, call_failure, refuse_profile_user, write_failure},
    remove::left_servers,
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::PlatformContext,
};

/// How long to wait for the operator.
const ACCESS_PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two reads of the user.
const PERIOD: Duration = Duration::from_millis(200);
/// The size limit of a file with keys, in bytes: some thousand keys.
const MOST: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  devplat users add alice --key ~/.ssh/id_ed25519.pub
  curl -s https://github.com/alice.keys | devplat users add alice --key -";

/// The arguments of `users add`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// The name that they sign in with
    pub(super) user: String,
    /// A file with public keys of theirs, such as `~/.ssh/id_ed25519.pub`; `-` for standard input
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Their full name
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// A group that they are in
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    #[command(flatten)]
    pub(super) take_over: TakeOver,
    #[command(flatten)]
    pub(super) at: PlatformFlags,
}

/// Applies the DevUser, and reports the difference that it made.
pub(super) async fn put(
    reached: &ReachedPlatform,
    user: &UserName,
    add: &Add,
    host: &Host,
) -> Result<(), Failure> {
    let Add { user: _, key, display_name, group, take_over: _, at: _ } = add;
    let (context, api) = (&reached.context, &reached.api);
    let mut ssh_keys = Vec::new();
    for path in key {
        ssh_keys.extend(keys(path, host)?);
    }
    let failed = |error| call_failure(error, &format!("read DevUser {user}"), &context.command("up"));
    let before = api.get_opt(user.as_str()).await.map_err(failed)?;
    match &before {
        Some(before) => check(before, context)?,
        None => refuse_left_servers(user, context).await?,
    }
    let spec =
        DevUserSpec { display_name: display_name.clone(), ssh_keys, groups: group.clone(), limits: None };
    let object = DevUser::new(user.as_str(), spec);
    let params = PatchParams::apply(ADDED_USERS);
    let live = match api.patch(user.as_str(), &params, &Patch::Apply(&object)).await {
        Ok(live) => live,
        Err(kube::Error::Api(status)) if status.code == 409 => {
            return Err(Failure::new(Exit::Usage, format!("user {user} is managed by another tool"))
                .hint("change the user with that tool, or delete the DevUser with it first"));
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("the API server rejects user {user}: {}", status.message),
            )
            .hint("correct the value that it names; `devplat users add --help` shows what a user has"));
        }
        Err(error) => return Err(write_failure(context, Write::Apply, &object, error).await),
    };
    // Its deletion may have begun between the two calls.
    check(&live, context)?;
    await_access(api, &live, context).await?;
    let change = UserChange::between(before.as_ref().map(|before| &before.spec), &live.spec);
    let mut document = serde_json::json!({"is": change.as_str(), "user": user});
    let mut text = change.text(user.as_str());
    // The user exists by now, so a failure here is not one of the command.
    match Invitation::find(context, user).await {
        Ok(Ok(invitation)) => {
            document["ssh"] = invitation.value();
            text = format!("{text}\n\n{}", invitation.text());
        }
        Ok(Err(none)) => host.ui.remark(&format!("there are no lines to send to {user}: {none}")),
        Err(failure) if failure.is_stopped() => return Err(failure),
        Err(failure) => {
            host.ui.remark(&format!("there are no lines to send to {user}: {}", failure.one_line()));
        }
    }
    host.ui.outcome(&text, &document);
    Ok(())
}

/// Waits until the operator gives access to the user, so that the printed lines work immediately. Without an operator it never
/// does, so this only reports it.
async fn await_access(api: &Api<DevUser>, live: &DevUser, context: &PlatformContext) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut seen = Some(live.clone());
    while !seen.is_some_and(|user| has_access(&user)) {
        if begun.elapsed() > ACCESS_PATIENCE {
            (context.remark)(&format!(
                "note: the operator has not given access to the user after {} s; `{}` shows why",
                ACCESS_PATIENCE.as_secs(),
                context.command("status")
            ));
            return Ok(());
        }
        context.pause(PERIOD).await?;
        // A failure is one of a moment, or the time ends.
        seen = api.get_opt(&live.name_any()).await.ok().flatten();
    }
    Ok(())
}

/// Returns whether the operator has given access to the user as they are now.
fn has_access(user: &DevUser) -> bool {
    let Some(status) = &user.status else { return false };
    let is_current = status.observed_generation >= user.metadata.generation;
    is_current
        && status
            .conditions
            .iter()
            .any(|condition| condition.type_ == ConditionType::Ready.as_str() && condition.status == "True")
}

/// Fails if the existing user is not one to change.
fn check(live: &DevUser, context: &PlatformContext) -> Result<(), Failure> {
    refuse_profile_user(live, context)?;
    if live.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    let why = format!("user {} is still being deleted", live.name_any());
    Err(Failure::new(Exit::PartWay, why).hint(format!(
        "run the same command again once `{}` no longer has the user",
        context.command("users list")
    )))
}

/// Fails if an earlier user of that name has left running dev servers, into which the new keys would let.
async fn refuse_left_servers(user: &UserName, context: &PlatformContext) -> Result<(), Failure> {
    let Some((_, left)) = left_servers(user.as_str(), context).await? else { return Ok(()) };
    let names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
    let why = format!("an earlier user {user} still has dev servers: {}", names.join(", "));
    let remove = context.command("users remove");
    Err(Failure::new(Exit::Usage, why).hint(format!("`{remove} {user}` deletes them; homes stay")))
}

/// Reads the keys of a file. Every line must be a key.
fn keys(path: &Path, host: &Host) -> Result<Vec<String>, Failure> {
    let text = read(path, host)?;
    let (keys, wrong) = AuthorizedKeys::parse(text.lines());
    if let Some(line) = wrong.first() {
        return Err(Failure::new(
            Exit::Usage,
            format!("line {line} of {} is not a public key", path.display()),
        )
        .hint("name the file that ends in .pub; `ssh-keygen -t ed25519` makes a pair"));
    }
    if keys.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} has no key in it", path.display()))
            .hint("name the file that ends in .pub; `ssh-keygen -t ed25519` makes a pair"));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

fn read(path: &Path, host: &Host) -> Result<String, Failure> {
    if path.as_os_str() == "-" {
        return host.standard_input(MOST);
    }
    host.text_of(&host.folder.join(path), MOST)?.map_err(|error| {
        Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read {}", path.display()))
            .maybe_hint(error.hint())
            .hint("name the file with the public key; `ssh-keygen -t ed25519` makes a pair")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn access_is_given_for_the_newest_keys() {
        let user = |generation: i64, observed: i64, ready: &str| {
            let condition = json!({"type": "Ready", "status": ready, "reason": "x", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"});
            let user = json!({"apiVersion": "apps.devservers.io/v1", "kind": "DevUser",
                "metadata": {"name": "alice", "generation": generation}, "spec": {"sshKeys": []},
                "status": {"observedGeneration": observed, "conditions": [condition]}});
            has_access(&serde_json::from_value(user).unwrap())
        };
        assert!(user(2, 2, "True"));
        assert!(!user(2, 1, "True") && !user(2, 2, "False"));
        assert!(!has_access(&DevUser::new("alice", DevUserSpec::default())));
    }
}
