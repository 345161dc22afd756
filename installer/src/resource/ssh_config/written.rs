//! The address of the bastion in the files that `devplat up` has written, for commands that read no profile.

use devplat_api::BastionHost;
use devplat_profile::PlatformName;

use crate::{failure::Failure, state::StateFolder};

/// Returns the address of the last `up` on this machine; `None` without its files.
pub fn written_host(state: &StateFolder) -> Result<Option<BastionHost>, Failure> {
    Ok(state.read(&state.ssh_config())?.and_then(|config| parse(&state.platform(), &config)))
}

/// Reads the first host of a configuration, which is the bastion.
fn parse(platform: &PlatformName, config: &str) -> Option<BastionHost> {
    let mut lines = config.lines().skip_while(|line| *line != format!("Host {platform}")).skip(1);
    let name = lines.next()?.strip_prefix("  HostName ")?.to_owned();
    let port = lines.next()?.strip_prefix("  Port ")?.parse().ok()?;
    Some(BastionHost { name, port })
}

#[cfg(test)]
mod tests {
    use super::{super::SshHost, *};

    #[test]
    fn address_is_read_as_it_was_written() {
        let platform = PlatformName::default();
        let state = StateFolder::below(std::path::Path::new("/state"), &platform);
        let host = SshHost {
            platform: platform.to_string(),
            address: "dev.example.com".to_owned(),
            port: 2222,
            authority: "ssh-ed25519 AAAA".to_owned(),
            users: vec!["demo".to_owned()],
        };
        let read = parse(&platform, &host.config(&state)).map(|host| host.to_string());
        assert_eq!(read.as_deref(), Some("dev.example.com:2222"));
        assert_eq!(parse(&platform, "Host other\n"), None);
    }
}
