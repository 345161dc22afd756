//! The lines of `known_hosts` that trust the host authority of a platform, for the hosts of this platform only. Pure.

use devplat_api::BastionHost;

/// The mark of a line that trusts an authority.
const MARK: &str = "@cert-authority";
/// The port of `ssh` without `-p`, which `known_hosts` leaves out.
const SSH: u16 = 22;

/// Returns the line for a user's own `known_hosts`, where the user's other hosts are as well: the authority is trusted
/// for the bastion at this address, and for dev servers behind it by their names `SERVER.USER.PLATFORM`.
pub fn known_hosts_line(authority: &str, platform: &str, bastion: &BastionHost) -> String {
    let BastionHost { name, port } = bastion;
    let bastion = if *port == SSH { name.clone() } else { format!("[{name}]:{port}") };
    format!("{MARK} {bastion},*.*.{platform} {authority}")
}

/// Returns the file beside devplat's own ssh configuration, which is used for hosts of the platform only. It has two more
/// names: the bastion at any port of this machine, for `devplat port-forward --port`, and dev servers without a platform,
/// for `ssh -F … -J demo@devplat mydev`. A negation rejects a whole line, so these names have a line of their own.
pub(super) fn file(authority: &str, platform: &str, address: &str) -> String {
    const LOOPBACK: &str = "127.0.0.1";
    let mut hosts = vec![format!("{address},[{address}]:*")];
    if address != LOOPBACK {
        hosts.push(format!("{LOOPBACK},[{LOOPBACK}]:*"));
    }
    let hosts = hosts.join(",");
    format!("{MARK} {hosts},*.*.{platform},*.dev-* {authority}\n{MARK} *,!*.*,!*:* {authority}\n")
}

#[cfg(test)]
mod tests {
    use devplat_keys::UserKey;
    use devplat_tool::{Command, Surroundings};

    use super::*;

    /// Returns those of the hosts for which OpenSSH itself finds a line.
    async fn matched<'a>(known_hosts: &str, hosts: &[&'a str]) -> Vec<&'a str> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, known_hosts).unwrap();
        let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
        let mut matched = Vec::new();
        for host in hosts {
            let found = Command::new("ssh-keygen", &shell).args(["-F", host, "-f"]).arg(&file).run().await;
            // It fails if no line matches.
            matched.extend(found.is_ok_and(|found| found.stdout.contains(" CA")).then_some(*host));
        }
        matched
    }

    fn authority() -> String {
        UserKey::from_seed([7; 32], "authority").public_text().trim().to_owned()
    }

    #[tokio::test]
    async fn authority_is_trusted_for_hosts_of_its_platform_only() {
        let others =
            ["github.com", "dev.example.com", "[dev.example.com]:22022", "127.0.0.1", "mydev", "a.b.team-b"];
        for (bastion, own) in [
            ("dev.example.com:2222", "[dev.example.com]:2222"),
            ("bastion.example.com", "bastion.example.com"),
            ("[::1]:2222", "[::1]:2222"),
        ] {
            let line = known_hosts_line(&authority(), "team-a", &bastion.parse().unwrap());
            assert_eq!(
                matched(&(line + "\n"), &[&[own, "mydev.alice.team-a"][..], &others].concat()).await,
                [own, "mydev.alice.team-a"]
            );
        }
    }

    #[tokio::test]
    async fn own_file_covers_forwarded_ports_and_short_names_of_dev_servers() {
        let own = [
            "192.0.2.7",
            "[192.0.2.7]:41022",
            "127.0.0.1",
            "[127.0.0.1]:2222",
            "mydev",
            "mydev.dev-alice",
            "mydev.alice.devplat",
        ];
        let others = ["github.com", "192.0.2.8", "[192.0.2.8]:41022", "::1", "[other]:22022", "a.b.team-b"];
        let text = file(&authority(), "devplat", "192.0.2.7");
        assert_eq!(matched(&text, &[&own[..], &others].concat()).await, own);
        let local = file("ssh-ed25519 AAAA", "devplat", "127.0.0.1");
        assert_eq!(
            local,
            "@cert-authority 127.0.0.1,[127.0.0.1]:*,*.*.devplat,*.dev-* ssh-ed25519 AAAA\n\
             @cert-authority *,!*.*,!*:* ssh-ed25519 AAAA\n"
        );
    }
}
