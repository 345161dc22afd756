//! Conditions: the types and reasons that users, devctl and `devplat status` see.

use std::fmt;

/// Type of a condition in a status here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The spec asks for nothing impossible or not yet supported.
    Accepted,
    /// The server's flavor exists, and its name is in the status.
    FlavorResolved,
    /// The home is there.
    StorageReady,
    /// The pod has a node; copied from the pod.
    PodScheduled,
    /// It can be used, now.
    Ready,
    /// A change waits for the next restart, because nobody but its user restarts a server.
    RestartPending,
    /// Something still uses the flavor.
    InUse,
}

impl ConditionType {
    /// As in `status.conditions[].type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::FlavorResolved => "FlavorResolved",
            Self::StorageReady => "StorageReady",
            Self::PodScheduled => "PodScheduled",
            Self::Ready => "Ready",
            Self::RestartPending => "RestartPending",
            Self::InUse => "InUse",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Why a condition is as it is, as in `status.conditions[].reason`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name),+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As in the status.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }
        }
    };
}

reasons! {
    /// The spec is fine.
    Valid,
    /// The message names a field whose feature does not exist yet.
    NotSupportedYet,
    /// The name does not leave room for the names of its children.
    InvalidName,
    /// A value that cannot be used, although the CRD let it pass.
    InvalidSpec,
    /// The flavor was found.
    Found,
    /// There is no flavor of that name.
    FlavorNotFound,
    /// The flavor was there and is gone; the server goes on as it is.
    FlavorGone,
    /// The flavor is being deleted and takes no new servers.
    FlavorDeleting,
    /// The flavor itself is not acceptable.
    FlavorNotAccepted,
    /// No flavor was named and none is the default.
    NoDefaultFlavor,
    /// No flavor was named and more than one is the default.
    SeveralDefaultFlavors,
    /// An object of a name the server needs belongs to somebody else.
    NameTaken,
    /// It is on its way, and nothing is wrong.
    Starting,
    /// A pod runs and answers.
    PodReady,
    /// The pod runs, but it isn't ready.
    PodNotReady,
    /// The container runs for a while, and nobody answers on its SSH port yet.
    SshNotAnswering,
    /// The pod was ready and is gone or going.
    PodGone,
    /// The change asked for replaces the pod.
    Restarting,
    /// No node takes the pod; the message is the scheduler's.
    Unschedulable,
    /// The volume isn't there yet; the message says what is known.
    VolumePending,
    /// The volume is bound.
    Bound,
    /// The volume is lost.
    VolumeLost,
    /// The image cannot be had.
    ImagePull,
    /// The agent could not be installed in the pod.
    AgentInstall,
    /// The container ends again and again.
    CrashLoop,
    /// The container cannot be made from its configuration.
    ContainerConfig,
    /// A quota or a policy of the cluster forbids it; the message is the cluster's.
    Forbidden,
    /// The API server refuses what the operator wants to write.
    ApplyFailed,
    /// It is being deleted.
    Terminating,
    /// Servers use the flavor.
    Used,
    /// No server uses the flavor.
    Unused,
    /// Only a restart applies the change.
    TemplateChanged,
    /// The namespace and the rights of the user are there.
    AccessGranted,
    /// Kept although deletion was asked for; the message says for what.
    Kept,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
