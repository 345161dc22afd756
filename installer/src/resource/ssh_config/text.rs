//! The text of ssh configurations. Pure.

use std::{fmt::Write as _, path::Path};

use devplat_profile::Exposure;

use crate::{command_line, context::PlatformContext, platform::PlatformInputs, state::StateFolder};

/// The SSH host of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::resource) struct Host {
    /// The alias that users type after the `@`.
    pub(in crate::resource) platform: String,
    /// The bastion's name or address.
    pub(in crate::resource) address: String,
    /// Its port.
    pub(in crate::resource) port: u16,
    /// The public key of the host authority.
    pub(in crate::resource) authority: String,
    /// Users whose keys were generated on this machine.
    pub(in crate::resource) users: Vec<String>,
}

impl Host {
    /// Returns the file for `ssh -F`. Every host in it is the bastion or a dev server behind it.
    pub(in crate::resource) fn config(&self, state: &StateFolder) -> String {
        let Self { platform, address, port, authority: _, users } = self;
        let mut text = String::from("# Written by devplat; `devplat up` writes it again.\n");
        let _ = writeln!(text, "Host {platform}\n  HostName {address}\n  Port {port}");
        for user in users {
            let key = quoted(&state.user_key(user));
            // For `ssh demo@…` and `ssh demo+mydev@…`.
            let _ = writeln!(
                text,
                "Match originalhost {platform} user {user},{user}+*\n  IdentityFile {key}\n  IdentitiesOnly yes"
            );
        }
        // A dev server behind the bastion: `ssh -F … -J demo@devplat mydev`.
        let _ = writeln!(text, "Match !originalhost {platform}\n  User dev");
        for user in users {
            let _ = writeln!(text, "  IdentityFile {}", quoted(&state.user_key(user)));
        }
        let known = quoted(&state.known_hosts());
        let _ = write!(
            text,
            "Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        );
        text
    }

    /// Returns the `known_hosts` beside it.
    pub(in crate::resource) fn known_hosts(&self) -> String {
        format!("@cert-authority * {}\n", self.authority)
    }
}

/// Returns the command line that signs in as a user whose key is on this machine, else as one of the profile's; `None`
/// if the profile names no user.
pub fn ssh_line(inputs: &PlatformInputs, context: &PlatformContext) -> Option<String> {
    let named = || inputs.profile.users.keys().next();
    let user = inputs.users_with_generated_keys().next().or_else(named)?;
    let config = command_line::quoted(&context.state.ssh_config().display().to_string());
    Some(format!("ssh -F {config} {user}@{}", context.platform))
}

/// Returns the next command line: it signs in, or adds a user.
pub fn next_line(inputs: &PlatformInputs, context: &PlatformContext) -> String {
    let Some(ssh) = ssh_line(inputs, context) else {
        return format!("{} YOURNAME --key ~/.ssh/id_ed25519.pub", context.command("users add"));
    };
    match inputs.profile.bastion.exposure {
        Exposure::PortForward => format!("{} -- {ssh}", context.command("port-forward")),
        Exposure::NodePort(_) | Exposure::LoadBalancer => ssh,
    }
}

/// Escapes a path for `ssh_config`, where `%` begins a token and a quote ends a quoted text.
pub(in crate::resource) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        return text;
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '%' => quoted.push_str("%%"),
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use devplat_profile::PlatformName;

    use super::*;

    fn host() -> Host {
        Host {
            platform: "devplat".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 41022,
            authority: "ssh-ed25519 AAAA authority".to_owned(),
            users: vec!["demo".to_owned()],
        }
    }

    #[test]
    fn configuration_covers_the_bastion_and_dev_servers_behind_it() {
        let state = StateFolder::below(Path::new("/home/ada/.local/state/devplat"), &PlatformName::default());
        insta::assert_snapshot!(host().config(&state));
        assert_eq!(host().known_hosts(), "@cert-authority * ssh-ed25519 AAAA authority\n");
    }

    #[test]
    fn paths_are_escaped_as_ssh_reads_them() {
        assert_eq!(quoted(Path::new("/home/ada/state")), "/home/ada/state");
        assert_eq!(quoted(Path::new("/home/%h/a b")), "\"/home/%%h/a b\"");
        assert_eq!(quoted(Path::new("/a\"b")), "\"/a\\\"b\"");
    }
}
