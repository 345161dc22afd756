//! What of a DevUser and a DevServer a login needs. Pure.

use std::net::{IpAddr, SocketAddr};

use devplat_api::{
    DevServer, DevUser, Slug,
    condition::{ConditionType, Reason},
    name,
    server::Phase,
};
use devplat_keys::AuthorizedKeys;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name they sign in with.
    pub name: String,
    /// What their namespace and ServiceAccount are named after.
    pub slug: Slug,
    /// Tells them from somebody who had the name before; empty outside a cluster.
    pub uid: String,
    /// Keys that let them in.
    pub keys: AuthorizedKeys,
}

/// A dev server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its namespace, and so whose it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether somebody can go there.
    pub readiness: Readiness,
}

/// Whether somebody can go to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Its SSH answers here.
    Ready(SocketAddr),
    /// Not yet.
    Starting {
        /// Reason of the condition `Ready`.
        reason: String,
        /// Its message.
        message: String,
        /// Where its SSH will answer, from when its pod has an address: before anybody has said so, often by a second.
        address: Option<SocketAddr>,
    },
    /// Not without a change by somebody.
    Failed {
        /// Reason of the condition `Ready`.
        reason: String,
        /// Its message.
        message: String,
    },
    /// No more.
    Terminating,
    /// Never: its owner does not want SSH.
    WithoutSsh,
}

impl User {
    /// With the keys in `lines`, as in `authorized_keys`. Lines that are no key let nobody in.
    pub fn new(name: &str, lines: &[String]) -> Self {
        let (keys, wrong) = AuthorizedKeys::parse(lines.iter().map(String::as_str));
        if !wrong.is_empty() {
            tracing::warn!(user = name, lines = ?wrong, "keys of the user that cannot be read");
        }
        Self { name: name.to_owned(), slug: Slug::of(name), uid: String::new(), keys }
    }
}

impl From<&DevUser> for User {
    fn from(raw: &DevUser) -> Self {
        let name = raw.metadata.name.as_deref().unwrap_or_default();
        // Whoever is on the way out comes in no more.
        let leaving = raw.metadata.deletion_timestamp.is_some();
        let uid = raw.metadata.uid.clone().unwrap_or_default();
        Self { uid, ..Self::new(name, if leaving { &[] } else { &raw.spec.ssh_keys }) }
    }
}

impl From<&DevServer> for Server {
    fn from(raw: &DevServer) -> Self {
        Self {
            namespace: raw.metadata.namespace.clone().unwrap_or_default(),
            name: raw.metadata.name.clone().unwrap_or_default(),
            readiness: readiness(raw),
        }
    }
}

fn readiness(raw: &DevServer) -> Readiness {
    if raw.metadata.deletion_timestamp.is_some() {
        return Readiness::Terminating;
    }
    if !raw.spec.enable_ssh {
        return Readiness::WithoutSsh;
    }
    let Some(status) = &raw.status else {
        return Readiness::Starting { reason: String::new(), message: String::new(), address: None };
    };
    let ip = status.pod_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
    let address = ip.map(|ip| SocketAddr::new(ip, name::SSH_TARGET_PORT));
    if let (true, Some(address)) = (status.ready, address) {
        return Readiness::Ready(address);
    }
    let ready = status.conditions.iter().find(|one| one.type_ == ConditionType::Ready.as_str());
    let (reason, message) = ready.map_or_else(Default::default, |one| {
        // Of a server that is said to be ready, only the address is missing.
        if one.status == "True" {
            (Reason::Starting.as_str().to_owned(), "its address is not known yet".to_owned())
        } else {
            (one.reason.clone(), shown(&one.message))
        }
    });
    match status.phase {
        Phase::Failed => Readiness::Failed { reason, message },
        Phase::Terminating => Readiness::Terminating,
        Phase::Pending | Phase::Running => Readiness::Starting { reason, message, address },
    }
}

/// What others wrote into a status must not reach into somebody's terminal.
fn shown(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;

    fn server(change: impl FnOnce(&mut DevServer)) -> Server {
        let mut raw = DevServer::new("mydev", devplat_api::DevServerSpec::default());
        raw.spec.enable_ssh = true;
        raw.metadata.namespace = Some("dev-alice".into());
        raw.status = Some(devplat_api::DevServerStatus::default());
        change(&mut raw);
        Server::from(&raw)
    }

    fn status(raw: &mut DevServer) -> &mut devplat_api::DevServerStatus {
        raw.status.as_mut().unwrap()
    }

    fn condition(status: &str, reason: &str, message: &str) -> Condition {
        Condition {
            type_: "Ready".into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
            observed_generation: None,
        }
    }

    #[test]
    fn a_ready_server_is_reached_at_its_pod() {
        let ready = server(|raw| {
            status(raw).ready = true;
            status(raw).pod_ip = Some("10.1.2.3".into());
        });
        assert_eq!(ready.readiness, Readiness::Ready("10.1.2.3:2222".parse().unwrap()));
    }

    #[test]
    fn without_an_address_it_is_still_starting() {
        let starting = server(|raw| {
            status(raw).ready = true;
            status(raw).conditions = vec![condition("True", "PodReady", "")];
        });
        assert!(matches!(starting.readiness, Readiness::Starting { .. }));
    }

    #[test]
    fn where_a_starting_server_will_answer_is_known_before_it_does() {
        let starting = server(|raw| status(raw).pod_ip = Some("10.1.2.3".into()));
        let Readiness::Starting { address, .. } = starting.readiness else { panic!("{starting:?}") };
        assert_eq!(address, Some("10.1.2.3:2222".parse().unwrap()));
    }

    #[test]
    fn the_condition_says_why_and_cannot_reach_into_a_terminal() {
        let failed = server(|raw| {
            status(raw).phase = Phase::Failed;
            status(raw).conditions = vec![condition("False", "ImagePull", "not\u{1b}[2J there")];
        });
        let message = "not [2J there".to_owned();
        assert_eq!(failed.readiness, Readiness::Failed { reason: "ImagePull".into(), message });
    }

    #[test]
    fn a_user_on_the_way_out_has_no_keys() {
        let key = devplat_keys::HostAuthority::from_seed([1; 32]).public_key().to_openssh().unwrap();
        let mut raw =
            DevUser::new("alice", devplat_api::DevUserSpec { ssh_keys: vec![key], ..Default::default() });
        assert!(!User::from(&raw).keys.is_empty());
        raw.metadata.deletion_timestamp = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        assert!(User::from(&raw).keys.is_empty());
    }
}
