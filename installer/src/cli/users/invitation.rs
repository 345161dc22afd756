//! The lines that a platform engineer sends to a developer: the trust in the platform, and the first logins.

use std::net::IpAddr;

use devplat_api::BastionHost;
use devplat_kubernetes::bastion;
use devplat_profile::UserName;
use serde_json::{Value, json};

use crate::{
    failure::{Exit, Failure},
    platform_context::PlatformContext,
    resource::{known_hosts_line, written_host},
};

/// The lines for one developer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invitation {
    user: UserName,
    host: BastionHost,
    reach: Reach,
    /// The line for `known_hosts`.
    known_hosts: String,
}

/// The machines that the lines work on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// Every machine that reaches the host that the profile names.
    Network,
    ThisMachine,
    /// This machine, while this command line is running.
    PortForward(String),
}

/// The reason why there are no lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoLines {
    /// The operator has not published the key that clients trust.
    #[error("the operator has not published the host authority yet")]
    Authority,
    /// No file of `devplat up` is here.
    #[error("this machine does not know the address of the bastion; `devplat up` writes it")]
    Address,
    /// The host certificate is not valid for the address.
    #[error(
        "the host certificate of the bastion is not valid for its address {0}; name the host that developers use in \
         bastion.hostNames"
    )]
    Unnamed(String),
}

impl Invitation {
    /// Reads the facts of the platform, or returns why there are no lines.
    pub(super) async fn find(
        context: &PlatformContext,
        user: &UserName,
    ) -> Result<Result<Self, NoLines>, Failure> {
        let client = context.client().await?;
        let Some(authority) = bastion::host_authority(&client, context).await? else {
            return Ok(Err(NoLines::Authority));
        };
        let authority = authority.to_openssh().map_err(|error| Failure::of(Exit::Internal, &error))?;
        let public = bastion::public_host(&client, context).await?;
        let forward = context.named.as_ref().map(|_| context.command("port-forward"));
        let reached = reach(public, written_host(&context.state)?, forward);
        Ok(reached.map(|(host, reach)| {
            let known_hosts = known_hosts_line(&authority, context.platform.as_str(), &host);
            Self { user: user.clone(), host, reach, known_hosts }
        }))
    }

    /// Returns the lines to type on the developer's machine.
    fn commands(&self) -> [String; 3] {
        let Self { user, host, reach: _, known_hosts } = self;
        [
            format!("echo '{known_hosts}' >> ~/.ssh/known_hosts"),
            format!("{} create mydev --wait", host.ssh(user.as_str())),
            host.ssh(&format!("{user}+mydev")),
        ]
    }

    /// Returns the text for people.
    pub(super) fn text(&self) -> String {
        let user = &self.user;
        let here = "The profile gives the bastion no address for other machines, so these lines work on this machine only";
        let meant = match &self.reach {
            Reach::Network => format!("Send these lines to {user}, who types them in a shell:"),
            Reach::ThisMachine => format!("{here}:"),
            Reach::PortForward(forward) => format!("{here},\nwhile `{forward}` is running:"),
        };
        format!("{meant}\n\n  {}", self.commands().join("\n  "))
    }

    /// Returns the value for programs.
    pub(super) fn value(&self) -> Value {
        let Self { user: _, host: BastionHost { name, port }, reach, known_hosts } = self;
        let from = match reach {
            Reach::Network => "network",
            Reach::ThisMachine => "thisMachine",
            Reach::PortForward(_) => "portForward",
        };
        json!({
            "host": name, "port": port, "knownHosts": known_hosts, "reachedFrom": from,
            "commands": self.commands(),
        })
    }
}

/// Returns the host for the lines. The host certificate is valid for loopback addresses and for the names of the profile,
/// of which `public` is one; `forward` is the command line of a port forward, if devplat did not make the cluster.
fn reach(
    public: Option<BastionHost>,
    written: Option<BastionHost>,
    forward: Option<String>,
) -> Result<(BastionHost, Reach), NoLines> {
    if let Some(host) = public {
        return Ok((host, Reach::Network));
    }
    let host = written.ok_or(NoLines::Address)?;
    if !host.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Err(NoLines::Unnamed(host.name));
    }
    Ok((host, forward.map_or(Reach::ThisMachine, Reach::PortForward)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> BastionHost {
        text.parse().unwrap()
    }

    fn invitation(public: Option<BastionHost>, written: Option<BastionHost>, named: bool) -> Invitation {
        let (host, reach) = reach(public, written, named.then(|| "devplat port-forward".to_owned())).unwrap();
        let known_hosts = known_hosts_line("ssh-ed25519 AAAA", "devplat", &host);
        Invitation { user: "alice".parse().unwrap(), host, reach, known_hosts }
    }

    #[test]
    fn lines_for_a_developer_are_as_reviewed() {
        let all = [
            invitation(Some(host("dev.example.com:2222")), Some(host("127.0.0.1:2222")), true),
            invitation(Some(host("dev.example.com")), None, true),
            invitation(None, Some(host("127.0.0.1:41022")), false),
            invitation(None, Some(host("127.0.0.1:2222")), true),
        ];
        let texts: Vec<String> = all.iter().map(Invitation::text).collect();
        insta::assert_snapshot!(texts.join("\n\n---\n\n"));
    }

    #[test]
    fn address_without_a_valid_certificate_is_not_handed_over() {
        assert_eq!(reach(None, None, None), Err(NoLines::Address));
        let unnamed = reach(None, Some(host("192.0.2.1:22")), None);
        assert_eq!(unnamed, Err(NoLines::Unnamed("192.0.2.1".to_owned())));
    }

    #[test]
    fn programs_get_each_part_of_the_lines() {
        let value = invitation(Some(host("dev.example.com:2222")), None, true).value();
        assert_eq!((&value["host"], &value["port"]), (&json!("dev.example.com"), &json!(2222)));
        assert_eq!(
            value["knownHosts"],
            "@cert-authority [dev.example.com]:2222,*.*.devplat ssh-ed25519 AAAA"
        );
        assert_eq!(value["reachedFrom"], "network");
        assert_eq!(value["commands"][2], "ssh -p 2222 alice+mydev@dev.example.com");
    }
}
