//! The text of ssh configurations. Pure.

use std::{fmt::Write as _, path::Path};

use super::known_hosts;
use crate::{command_line, state::StateFolder};

/// The SSH host of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::resource) struct SshHost {
    /// The alias that users type after the `@`.
    pub(in crate::resource) platform: String,
    /// The bastion's name or address.
    pub(in crate::resource) address: String,
    pub(in crate::resource) port: u16,
    /// The public key of the host authority.
    pub(in crate::resource) authority: String,
    /// Users whose keys were generated on this machine.
    pub(in crate::resource) users: Vec<String>,
}

/// The start of the lines that only the file for `ssh -F` has, after the hosts.
const OTHER_HOSTS: &str = "Match !originalhost ";

impl SshHost {
    /// Returns the hosts: the bastion has the platform's name, and dev servers behind it have names
    /// `SERVER.USER.PLATFORM`. The name of a platform has no dot, so hosts of two platforms never clash.
    pub(in crate::resource) fn hosts(&self, state: &StateFolder) -> String {
        let Self { platform, address, port, authority: _, users } = self;
        let trust = trust(state);
        let mut text = String::from("# Written by devplat; `devplat up` writes it again.\n");
        let _ = write!(text, "Host {platform}\n  HostName {address}\n  Port {port}\n");
        // For `ssh devplat list`. With several users, the line to type names one of them.
        if let [user] = users.as_slice() {
            let _ = writeln!(text, "  User {user}");
        }
        text.push_str(&trust);
        for user in users {
            let key = quoted(&state.user_key(user));
            // For `ssh demo@…` and `ssh demo+mydev@…`.
            let _ = write!(
                text,
                "Match originalhost {platform} user {user},{user}+*\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
            );
            let _ = write!(
                text,
                "Host *.{user}.{platform}\n  User dev\n  ProxyJump {user}@{platform}\n  IdentityFile {key}\n  IdentitiesOnly yes\n{trust}"
            );
        }
        // All other users have their own keys, and may be added at any time, also from another machine.
        // An older OpenSSH allows a single quote in a host, such as one of a Git URL, and it would end the quoting in the line.
        let jump = jump(platform, "");
        let _ = write!(text, "Host *.*.{platform} \"!*'*\"\n  User dev\n{jump}{trust}");
        text
    }

    /// Returns the file for `ssh -F`: the hosts, and dev servers without the platform in their names. The file is of one
    /// platform, so every other host in it is a dev server behind the bastion.
    pub(in crate::resource) fn config(&self, state: &StateFolder) -> String {
        let Self { platform, address: _, port: _, authority: _, users } = self;
        let hosts = self.hosts(state);
        let mut text = hosts.replacen(&jump(platform, ""), &jump(platform, &with_file(state)), 1);
        // A dev server behind the bastion: `ssh -F … -J demo@devplat mydev`.
        let _ = writeln!(text, "{OTHER_HOSTS}{platform}\n  User dev");
        for user in users {
            let _ = writeln!(text, "  IdentityFile {}", quoted(&state.user_key(user)));
        }
        let _ = write!(text, "Host *\n{}", trust(state));
        text
    }

    /// Returns the `known_hosts` beside it.
    pub(in crate::resource) fn known_hosts(&self) -> String {
        let Self { platform, address, port: _, authority, users: _ } = self;
        known_hosts::file(authority, platform, address)
    }
}

/// Returns the line that connects to a dev server through the bastion as the user in the name of the host. `ProxyJump` has
/// no token for a part of the name. `options` are those of the `ssh` that connects to the bastion.
fn jump(platform: &str, options: &str) -> String {
    // `%%` is a percent sign: the shell removes `.PLATFORM`, then everything up to the last dot.
    format!(
        "  ProxyCommand sh -c 'u=${{1%%.*}}; exec ssh {options}-W \"[$1]:$2\" -- \"${{u##*.}}@{platform}\"' ssh '%h' '%p'\n"
    )
}

/// Returns the option with which `ssh` reads the file for `ssh -F`, for a shell in single quotes.
fn with_file(state: &StateFolder) -> String {
    let path = state.ssh_config().display().to_string().replace('%', "%%");
    // A quoted path is within `sh -c '…'`.
    format!("-F {} ", command_line::quoted(&path).replace('\'', "'\\''"))
}

/// Returns whether the file for `ssh -F` begins with exactly these hosts, but for the option that names the file itself.
pub(in crate::resource) fn follows(hosts: &str, config: &str, state: &StateFolder) -> bool {
    let platform = state.platform();
    let jump = |options: &str| jump(platform.as_str(), options);
    let config = config.replacen(&jump(&with_file(state)), &jump(""), 1);
    config.strip_prefix(hosts).is_some_and(|rest| rest.starts_with(OTHER_HOSTS))
}

/// Returns the lines that make `ssh` trust the host authority of the platform and no other key.
fn trust(state: &StateFolder) -> String {
    let known = quoted(&state.known_hosts());
    format!("  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n")
}

/// Escapes a path for `ssh_config`, where `%` begins a token and a quote ends a quoted text.
fn quoted(path: &Path) -> String {
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

    fn host() -> SshHost {
        SshHost {
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
    }

    #[test]
    fn hosts_are_compared_with_a_configuration_as_a_whole() {
        let state = StateFolder::below(Path::new("/state"), &PlatformName::default());
        let (hosts, config) = (host().hosts(&state), host().config(&state));
        assert!(follows(&hosts, &config, &state));
        let others = [
            SshHost { port: 22, ..host() },
            SshHost { address: "192.0.2.1".to_owned(), ..host() },
            SshHost { users: vec!["bob".to_owned(), "demo".to_owned()], ..host() },
        ];
        for other in others {
            assert!(!follows(&other.hosts(&state), &config, &state), "{other:?}");
        }
        // An older devplat wrote names without the platform.
        let older = hosts.replace("*.demo.devplat", "*.dev-demo");
        assert!(!follows(&older, &config, &state) && !follows("", &config, &state));
    }

    #[test]
    fn paths_are_escaped_as_ssh_reads_them() {
        assert_eq!(quoted(Path::new("/home/ada/state")), "/home/ada/state");
        assert_eq!(quoted(Path::new("/home/%h/a b")), "\"/home/%%h/a b\"");
        assert_eq!(quoted(Path::new("/a\"b")), "\"/a\\\"b\"");
    }
}
