//! The command lines that sign in.

use devplat_api::DevUser;
use devplat_kubernetes::proof;
use devplat_profile::Exposure;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{command_line, platform::PlatformInputs, platform_context::PlatformContext};

/// Returns the command line that signs in as a user whose key is on this machine, else as one of the profile's; `None`
/// if the profile names no user. It names the configuration, so that it also works for a program without a home folder.
pub fn ssh_line(inputs: &PlatformInputs, context: &PlatformContext) -> Option<String> {
    login(inputs, context).map(|login| ssh(&login, context))
}

fn ssh(login: &str, context: &PlatformContext) -> String {
    let config = command_line::quoted(&context.state.ssh_config().display().to_string());
    format!("ssh -F {config} {login}")
}

/// Returns a user that `users add` has added. Without an answer of the API server there is none: the line is only a hint.
async fn added_user(context: &PlatformContext) -> Option<String> {
    let client = context.client().await.ok()?;
    let users = Api::<DevUser>::all(client).list(&ListParams::default()).await.ok()?;
    first_added(&users.items)
}

/// Returns the first user by name that stays, without the proof's.
fn first_added(users: &[DevUser]) -> Option<String> {
    let stays = |user: &&DevUser| user.metadata.deletion_timestamp.is_none();
    let names = users.iter().filter(stays).map(ResourceExt::name_any);
    names.filter(|name| name != proof::NAME).min()
}

/// Returns the user and the ssh host of that command line.
fn login(inputs: &PlatformInputs, context: &PlatformContext) -> Option<String> {
    let named = || inputs.profile.users.keys().next();
    let user = inputs.users_with_generated_keys().next().or_else(named)?;
    Some(format!("{user}@{}", context.platform))
}

/// Returns the next command line: it signs in as a user of the profile, else as one that `users add` has added, or adds the
/// first user. With the block of `devplat ssh-config`, `ssh` finds the platform without `-F`.
pub async fn next_line(inputs: &PlatformInputs, context: &PlatformContext) -> String {
    let login = match login(inputs, context) {
        Some(login) => Some(login),
        None => added_user(context).await.map(|user| format!("{user}@{}", context.platform)),
    };
    let with_file =
        |login: String| if inputs.ssh_block { format!("ssh {login}") } else { ssh(&login, context) };
    let Some(ssh) = login.map(with_file) else {
        return format!("{} YOURNAME --key ~/.ssh/id_ed25519.pub", context.command("users add"));
    };
    match inputs.profile.bastion.exposure {
        Exposure::PortForward => format!("{} -- {ssh}", context.command("port-forward")),
        Exposure::NodePort(_) | Exposure::LoadBalancer => ssh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_line_is_for_a_user_that_exists() {
        let user = |name: &str| DevUser::new(name, devplat_api::DevUserSpec::default());
        assert_eq!(first_added(&[user(proof::NAME)]), None);
        let users = [user("carol"), user(proof::NAME), user("bob")];
        assert_eq!(first_added(&users).as_deref(), Some("bob"));
    }
}
