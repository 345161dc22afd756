//! The lines that a platform engineer sends to a developer: the trust in the platform, and the first logins.

use std::net::IpAddr;

use devplat_api::BastionHost;
use devplat_kubernetes::bastion;
use devplat_profile::UserName;
use devplat_tool::local::Maker;
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
    /// This machine. Has the command line of `up`, and the program that made the cluster.
    ThisMachine { up: String, maker: Maker },
    /// This machine, while the command line `forward` is running.
    PortForward { forward: String, up: String },
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
        let up = context.command("up");
        let here = match &context.named {
            None => Reach::ThisMachine { up, maker: maker(context) },
            Some(_) => Reach::PortForward { forward: context.command("port-forward"), up },
        };
        let reached = reach(public, written_host(&context.state)?, here);
        Ok(reached.map(|(host, reach)| {
            let known_hosts = known_hosts_line(&authority, context.platform.as_str(), &host);
            Self { user: user.clone(), host, reach, known_hosts }
        }))
    }

    /// Returns the lines to type on the developer's machine.
    fn commands(&self) -> [String; 3] {
        let Self { user, host, reach: _, known_hosts } = self;
        [
            format!("mkdir -p -m 700 ~/.ssh && echo '{known_hosts}' >> ~/.ssh/known_hosts"),
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
            Reach::ThisMachine { up: _, maker: _ } => format!("{here}:"),
            Reach::PortForward { forward, up: _ } => format!("{here},\nwhile `{forward}` is running:"),
        };
        let remedy = match &self.reach {
            Reach::Network => String::new(),
            Reach::ThisMachine { up, maker } => format!(
                "\n\nThe line below is for a platform that other machines reach by the name HOST. A cluster keeps its\n\
                 address, so the line replaces the cluster, and deletes the homes in it:\n\n  {up} \
                 --set 'bastion.hostNames=[HOST]' --set cluster.{}.sshAddress=0.0.0.0 --lose cluster",
                maker.name()
            ),
            Reach::PortForward { forward: _, up } => format!(
                "\n\nHOST below is the name of the load balancer that the bastion then has; the other way is\n\
                 bastion.exposure=nodePort:\n\n  {up} --set bastion.exposure=loadBalancer \
                 --set 'bastion.hostNames=[HOST]'"
            ),
        };
        format!("{meant}\n\n  {}{remedy}", self.commands().join("\n  "))
    }

    /// Returns the value for programs.
    pub(super) fn value(&self) -> Value {
        let Self { user: _, host: BastionHost { name, port }, reach, known_hosts } = self;
        let from = match reach {
            Reach::Network => "network",
            Reach::ThisMachine { up: _, maker: _ } => "thisMachine",
            Reach::PortForward { forward: _, up: _ } => "portForward",
        };
        json!({
            "host": name, "port": port, "knownHosts": known_hosts, "reachedFrom": from,
            "commands": self.commands(),
        })
    }
}

/// Returns the program that made the platform's own cluster.
fn maker(context: &PlatformContext) -> Maker {
    let name = context.cluster().map(|access| access.context).unwrap_or_default();
    let is_own = |maker: &Maker| name.starts_with(&format!("{}-", maker.name()));
    Maker::ALL.into_iter().find(is_own).unwrap_or(Maker::Kind)
}

/// Returns the host for the lines. The host certificate is valid for loopback addresses and for the names of the profile,
/// of which `public` is one; without one, `here` is the reach.
fn reach(
    public: Option<BastionHost>,
    written: Option<BastionHost>,
    here: Reach,
) -> Result<(BastionHost, Reach), NoLines> {
    if let Some(host) = public {
        return Ok((host, Reach::Network));
    }
    let host = written.ok_or(NoLines::Address)?;
    if !host.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Err(NoLines::Unnamed(host.name));
    }
    Ok((host, here))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> BastionHost {
        text.parse().unwrap()
    }

    fn here(named: bool) -> Reach {
        let up = "devplat up".to_owned();
        if named {
            Reach::PortForward { forward: "devplat port-forward".to_owned(), up }
        } else {
            Reach::ThisMachine { up, maker: Maker::K3d }
        }
    }

    fn invitation(public: Option<BastionHost>, written: Option<BastionHost>, named: bool) -> Invitation {
        let (host, reach) = reach(public, written, here(named)).unwrap();
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
        assert_eq!(reach(None, None, here(false)), Err(NoLines::Address));
        let unnamed = reach(None, Some(host("192.0.2.1:22")), here(false));
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
