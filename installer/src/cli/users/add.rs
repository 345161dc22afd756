//! `devplat users add`.

use std::path::{Path, PathBuf};

use clap::Args;
use devplat_api::{DevUser, DevUserSpec};
use devplat_keys::AuthorizedKeys;
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use super::place::{Where, Write, write_failure};
use crate::{
    context::PlatformContext,
    failure::{Exit, Failure},
    host::Host,
};

/// The field manager of these users. A release has another one, and does not prune them.
const FIELD_MANAGER: &str = "devplat-users";
/// The size limit of a file with keys: some thousand keys.
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
    user: String,
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
    pub(super) at: Where,
}

pub(super) async fn put(
    context: &PlatformContext,
    api: &Api<DevUser>,
    add: &Add,
    host: &Host,
) -> Result<(), Failure> {
    let Add { user, key, display_name, group, at: _ } = add;
    let mut ssh_keys = Vec::new();
    for path in key {
        ssh_keys.extend(keys(path, host)?);
    }
    let spec =
        DevUserSpec { display_name: display_name.clone(), ssh_keys, groups: group.clone(), limits: None };
    let object = DevUser::new(user, spec);
    let params = PatchParams::apply(FIELD_MANAGER);
    match api.patch(user, &params, &Patch::Apply(&object)).await {
        Ok(live) if live.metadata.deletion_timestamp.is_some() => {
            return Err(Failure::new(Exit::PartWay, format!("user {user} is still being deleted")).hint(
                format!(
                    "run the same command again once `{}` no longer has the user",
                    context.command("users list")
                ),
            ));
        }
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            return Err(Failure::new(Exit::Usage, format!("user {user} is managed by another tool")).hint(
                format!("if the profile names them, change the profile and run `{}`", context.command("up")),
            ));
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("the API server rejects user {user}: {}", status.message),
            ));
        }
        Err(error) => return Err(write_failure(context, Write::Apply, &object, error).await),
    }
    host.ui.outcome(&format!("added user {user}"), &serde_json::json!({"is": "added", "user": user}));
    Ok(())
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
    use std::io::Read;
    if path.as_os_str() == "-" {
        return host.standard_input(MOST);
    }
    let mut text = String::new();
    let file = std::fs::File::open(host.folder.join(path));
    let read = file.and_then(|file| file.take(MOST).read_to_string(&mut text));
    match read {
        Ok(bytes) if (bytes as u64) < MOST => Ok(text),
        Ok(_) => {
            Err(Failure::new(Exit::Usage, format!("{} is larger than {} KiB", path.display(), MOST >> 10))
                .hint("name a file that has only public keys"))
        }
        Err(error) => Err(Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read {}", path.display()))
            .hint("name the file with the public key; `ssh-keygen -t ed25519` makes a pair")),
    }
}
