//! Names, label keys and annotations of what the operator makes, so that nobody spells one twice.

use thiserror::Error;

use crate::dns;

/// API group of the CRDs.
pub const GROUP: &str = "apps.devservers.io";
/// Their version.
pub const VERSION: &str = "v1";
/// Field manager of everything the operator writes, and value of [`MANAGED_BY`] on what it makes.
pub const OPERATOR: &str = "devplat-operator";
/// Keeps a [`crate::DevServer`] until what belongs to it is gone.
pub const SERVER_FINALIZER: &str = "devserver.devservers.io/finalizer";
/// Keeps a [`crate::DevServerFlavor`] while a server uses it.
pub const FLAVOR_FINALIZER: &str = "devserver.io/in-use";
/// Keeps a [`crate::DevUser`] until its access is gone.
pub const USER_FINALIZER: &str = "devserver.io/user";

/// Label (`"true"`) of the flavor that servers get which name none.
pub const DEFAULT_FLAVOR_LABEL: &str = "devserver.io/default-flavor";
/// Label with the slug of the user that an object belongs to.
pub const USER_LABEL: &str = "devserver.io/user";
/// Label with the program that made an object of a user.
pub const CREATED_BY_LABEL: &str = "devserver.io/created-by";
/// Label saying what an object of a user is, such as `user-namespace`.
pub const TYPE_LABEL: &str = "devserver.io/type";
/// Label on pods and children: always [`APP`].
pub const APP_LABEL: &str = "app";
/// Value of [`APP_LABEL`].
pub const APP: &str = "devserver";
/// Label on pods and children: the name of their server.
pub const SERVER_LABEL: &str = "devserver";
/// Well-known label: what made the object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Well-known label: the platform.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Well-known label: this very instance.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Well-known label: its role.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// Annotation on a Deployment: hash of what its user decided when the template was last written.
pub const CHOICE_ANNOTATION: &str = "devserver.io/choice";
/// Annotation on a Deployment and its pods: hash of the pod template.
pub const TEMPLATE_ANNOTATION: &str = "devserver.io/template";
/// Annotation a user sets to any new value on a DevServer to have it restarted.
pub const RESTART_ANNOTATION: &str = "devserver.io/restart";
/// Annotation on pods: hash of their user's public keys. Only a reason for the kubelet to look at them at once.
pub const KEYS_ANNOTATION: &str = "devserver.io/keys";
/// Annotation on a namespace that outlived its DevUser because homes are in it.
pub const KEPT_ANNOTATION: &str = "devserver.io/kept-for-homes";
/// The label with the Pod Security level that Kubernetes enforces in a namespace.
pub const POD_SECURITY_LABEL: &str = "pod-security.kubernetes.io/enforce";

/// ClusterRole (shipped with the operator) that each user is bound to in the own namespace.
pub const USER_ROLE: &str = "devserver-user";
/// RoleBinding to [`USER_ROLE`] in a user's namespace.
pub const USER_ROLE_BINDING: &str = "dev-user-binding";
/// ClusterRole (shipped with the operator) that lets users list flavors.
pub const FLAVOR_READER_ROLE: &str = "devserver-flavor-reader";

/// Port of the Service in front of a server's SSH.
pub const SSH_PORT: u16 = 22;
/// Port of the agent in the pod.
pub const SSH_TARGET_PORT: u16 = 2222;
/// Port in the pod where the agent tells of activity and readiness, over HTTP.
pub const AGENT_HTTP_PORT: u16 = 2223;
/// Exit status of `devplat-bastion try-connect` if no connection was established.
pub const NOT_CONNECTED: u8 = 3;

/// Namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "devserver-operator-system";
/// Namespace of the bastion.
pub const BASTION_NAMESPACE: &str = "devserver-bastion";
/// The bastion's Deployment, Service, ServiceAccount, and value of `app.kubernetes.io/name` on its pods.
pub const BASTION: &str = "bastion";
/// ClusterRole (shipped with the operator) that lets the bastion make tokens in the namespaces of users.
pub const BASTION_TOKEN_ROLE: &str = "devserver-bastion-token";
/// RoleBinding to [`BASTION_TOKEN_ROLE`] in a user's namespace.
pub const BASTION_TOKEN_BINDING: &str = "bastion-token";

/// Secret in the operator's namespace: the seed of the host authority.
pub const HOST_AUTHORITY_SECRET: &str = "ssh-host-authority";
/// ConfigMap in the bastion's namespace: public keys of both authorities, for whoever writes a `known_hosts`.
pub const AUTHORITIES_CONFIG_MAP: &str = "ssh-authorities";
/// Annotation of [`AUTHORITIES_CONFIG_MAP`]: the uid of the Secret whose seed the keys are made from.
pub const SEED_UID: &str = "devserver.io/seed-uid";
/// Secret in the bastion's namespace: its identity and the key of the session authority.
pub const BASTION_KEYS_SECRET: &str = "bastion-keys";
/// ConfigMap in a user's namespace: the user's public keys.
pub const AUTHORIZED_KEYS_CONFIG_MAP: &str = "ssh-authorized-keys";
/// NetworkPolicy in a user's namespace: who reaches dev servers, on which ports.
pub const NETWORK_POLICY: &str = "devservers";

/// Key in the host authority's Secret: the 32 random bytes that all keys come from.
pub const SEED: &str = "seed";
/// Key in a Secret: a host's private key, in OpenSSH's format.
pub const HOST_KEY: &str = "host_key";
/// Key in a Secret: what the host authority says of it.
pub const HOST_CERTIFICATE: &str = "host_key-cert.pub";
/// Key in a Secret or ConfigMap: public key of the session authority.
pub const SESSION_AUTHORITY: &str = "session_authority.pub";
/// Key in the bastion's Secret: private key of the session authority.
pub const SESSION_AUTHORITY_KEY: &str = "session_authority";
/// Key in a ConfigMap: public key of the host authority.
pub const HOST_AUTHORITY: &str = "host_authority.pub";
/// Key in a ConfigMap: public keys of a user, a line each.
pub const AUTHORIZED_KEYS: &str = "authorized_keys";

/// Longest name of a server: its children add to it (`-home`, and later `-<hash>` of a `StatefulSet`'s
/// revision), and all have to stay labels of 63 characters.
pub const SERVER_NAME_MAX: usize = 52;

/// A name of a server whose children's names are valid too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(String);

/// Why a text is no name of a server.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidServerName {
    /// Too long for the names of its children.
    #[error("name {name:?} has {length} characters; use at most {SERVER_NAME_MAX}")]
    TooLong {
        /// The text.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// Not a label that a Service may have as its name.
    #[error(
        "name {0:?} is not a DNS label; use lowercase letters, digits and '-', starting with a letter and not ending with '-'"
    )]
    NoLabel(String),
}

impl ServerName {
    /// Checks `name`.
    pub fn parse(name: &str) -> Result<Self, InvalidServerName> {
        let length = name.chars().count();
        if length > SERVER_NAME_MAX {
            return Err(InvalidServerName::TooLong { name: name.into(), length });
        }
        let valid = dns::is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
        if valid { Ok(Self(name.into())) } else { Err(InvalidServerName::NoLabel(name.into())) }
    }

    /// The name itself; also of its Deployment.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the claim for its home.
    pub fn home(&self) -> String {
        format!("{}-home", self.0)
    }

    /// Name of its Service.
    pub fn service(&self) -> String {
        format!("{}-ssh", self.0)
    }

    /// Name of the Secret with its SSH keys. It cannot change, and so a server made anew has another one.
    pub fn keys(&self, uid: &str) -> String {
        let first: String = uid.chars().take(8).collect();
        format!("{}-ssh-{first}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_accepted() {
        for name in ["a", "mydev", "my-dev-2", &"a".repeat(SERVER_NAME_MAX)] {
            assert!(ServerName::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_no_service_could_have_are_refused_with_the_rule() {
        for name in ["", "2fast", "Up", "a.b", "a_b", "-a", "a-", "ä"] {
            assert_eq!(ServerName::parse(name), Err(InvalidServerName::NoLabel(name.into())));
        }
    }

    #[test]
    fn names_too_long_for_their_children_are_refused_with_the_limit() {
        let name = "a".repeat(SERVER_NAME_MAX + 1);
        let message = ServerName::parse(&name).unwrap_err().to_string();
        assert!(message.contains("53 characters; use at most 52"), "{message}");
    }
}
