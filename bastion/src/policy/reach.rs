//! Which dev server somebody reaches, and where bytes may be piped to. Somebody else's server is the same as none.

use std::net::SocketAddr;

use devplat_api::{Slug, name};

use crate::directory::{Readiness, Server};

/// What can be done about a wish for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Go there.
    Ready(SocketAddr),
    /// It is on its way.
    Wait {
        /// What it waits for.
        why: String,
        /// Where it is there as soon as somebody answers.
        knock: Option<SocketAddr>,
    },
    /// It won't be there without somebody doing something; this is why.
    Never(String),
    /// The user has no such server; this is what to say.
    Absent(String),
}

/// Likeness from which on a name is taken for a mistyped one.
const ALIKE: f64 = 0.7;

/// How many servers of a user are listed.
const LISTED: usize = 10;

/// Returns the message about a server that the user does not have, whether it exists or not. It lists the user's own
/// servers, because the user's machine may have no devctl that would list them.
pub fn unknown(wanted: &str, own: &[String]) -> String {
    let alike = |name: &String| (strsim::normalized_damerau_levenshtein(wanted, name), name.clone());
    let nearest = own.iter().map(alike).max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(how, _)| *how >= ALIKE);
    let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"));
    let listed = match (own.len(), own.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ")) {
        (0, _) => "none".to_owned(),
        (count, names) if count > LISTED => format!("{names} and {} more", count - LISTED),
        (_, names) => names,
    };
    format!("no dev server {wanted:?} of yours; you have {listed}{hint}")
}

/// What can be done about `server`, one of the user's own.
pub fn reach(wanted: &str, server: &Server) -> Reach {
    let because = |reason: &str, message: &str| match (reason, message) {
        ("", "") => "no word from the operator yet".to_owned(),
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    match &server.readiness {
        Readiness::Ready(address) => Reach::Ready(*address),
        Readiness::Starting { reason, message, address } => {
            Reach::Wait { why: because(reason, message), knock: *address }
        }
        Readiness::Failed { reason, message } => {
            Reach::Never(format!("{wanted:?} cannot start: {}", because(reason, message)))
        }
        Readiness::Terminating => Reach::Never(format!("{wanted:?} is being deleted")),
        Readiness::WithoutSsh => {
            Reach::Never(format!("{wanted:?} has no SSH: its spec says enableSSH: false"))
        }
    }
}

/// Where a `direct-tcpip` of a control session leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the SSH of one of the user's own dev servers, if there is one of that name.
    Server(String),
    /// Nowhere: the bastion is no proxy.
    Refused,
}

/// Where `host` and `port`, as `ssh -J` and `ssh -W` give them, lead for `user`. A host is `SERVER`,
/// `SERVER.NAMESPACE` or `SERVER.USER.PLATFORM`.
pub fn destination(host: &str, port: u32, user: &Slug) -> Destination {
    let server = match host.split_once('.') {
        Some((server, rest)) if rest == user.namespace() || is_with_platform(rest, user) => server,
        Some(_) => return Destination::Refused,
        None => host,
    };
    let known = name::ServerName::parse(server).is_ok();
    if known && port == u32::from(name::SSH_PORT) {
        Destination::Server(server.to_owned())
    } else {
        Destination::Refused
    }
}

/// Returns whether `name` is the name of `user` with a platform's, such as `alice.team-a`. The bastion accepts any
/// platform: it reaches only its own, and the client compares the name with the host certificate.
fn is_with_platform(name: &str, user: &Slug) -> bool {
    name.split_once('.').is_some_and(|(own, platform)| {
        own == user.as_str() && !platform.is_empty() && !platform.contains('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_leads_to_own_servers_only_and_to_their_ssh_only() {
        let (own, alice) = (Destination::Server("mydev".into()), Slug::of("alice"));
        for host in ["mydev", "mydev.dev-alice", "mydev.alice.team-a"] {
            assert_eq!(destination(host, 22, &alice), own, "{host}");
        }
        for (host, port) in [
            ("mydev.dev-bob", 22),
            ("mydev.bob.team-a", 22),
            ("mydev.dev-alice.team-a", 22),
            ("mydev.alice", 22),
            ("mydev.alice.", 22),
            ("mydev.alice.team-a", 2222),
            ("mydev.alice.team-a.example", 22),
            ("mydev", 2222),
            ("mydev", 65_558),
            ("169.254.169.254", 80),
            ("10.0.0.1", 22),
            ("kubernetes.default", 443),
            ("::1", 22),
            ("localhost.", 22),
            ("", 22),
        ] {
            assert_eq!(destination(host, port, &alice), Destination::Refused, "{host}:{port}");
        }
    }

    fn server(readiness: Readiness) -> Server {
        Server { namespace: "dev-alice".into(), name: "mydev".into(), readiness }
    }

    #[test]
    fn what_a_server_waits_for_is_told_as_the_operator_says_it() {
        let starting = Readiness::Starting {
            reason: "Unschedulable".into(),
            message: "no node has 8 GPUs".into(),
            address: None,
        };
        assert_eq!(
            reach("mydev", &server(starting)),
            Reach::Wait { why: "Unschedulable: no node has 8 GPUs".into(), knock: None }
        );
    }

    #[test]
    fn a_server_that_will_not_come_is_not_waited_for() {
        let failed = Readiness::Failed { reason: "ImagePull".into(), message: String::new() };
        for readiness in [failed, Readiness::Terminating, Readiness::WithoutSsh] {
            assert!(matches!(reach("mydev", &server(readiness)), Reach::Never(_)));
        }
    }

    #[test]
    fn a_name_that_is_nearly_one_of_the_own_is_hinted_at() {
        let own = ["mydev".to_owned(), "other".to_owned()];
        assert_eq!(
            unknown("mydve", &own),
            r#"no dev server "mydve" of yours; you have mydev, other; did you mean "mydev"?"#
        );
        assert_eq!(unknown("bobs", &own), r#"no dev server "bobs" of yours; you have mydev, other"#);
        assert_eq!(unknown("bobs", &[]), r#"no dev server "bobs" of yours; you have none"#);
        let many: Vec<String> = (10..22).map(|number| format!("s{number}")).collect();
        let said = unknown("bobs", &many);
        assert!(
            said.ends_with("; you have s10, s11, s12, s13, s14, s15, s16, s17, s18, s19 and 2 more"),
            "{said}"
        );
    }
}
