//! Events of long operations. Their JSON is an interface: fields may be added, but never changed.

use std::net::SocketAddr;

use serde::Serialize;

use devplat_plan::Action;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The plan, before its first step.
    Planned {
        /// How many steps change something.
        changes: usize,
        /// How long they usually take.
        usual_seconds: f64,
    },
    /// A step started.
    Begun {
        /// The id of the resource.
        step: String,
        action: Action,
        /// The usual duration.
        usual_seconds: f64,
    },
    /// The progress of a running step has changed.
    Waiting {
        /// The id of the resource.
        step: String,
        /// The progress, as text.
        what: String,
        /// Whether it is a detail of the work, and nothing that is waited for.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        detail: bool,
    },
    /// A step has succeeded.
    Done {
        /// The id of the resource.
        step: String,
        action: Action,
        /// How long it took.
        seconds: f64,
    },
    /// A step failed.
    Failed {
        /// The id of the resource.
        step: String,
        /// The reason.
        why: String,
    },
    /// The user asked to stop: the running steps wait no longer, and finish only the calls that they have made.
    Stopping {
        /// The steps that are still running.
        running: Vec<String>,
        /// The time after which they are abandoned, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit_seconds: Option<f64>,
    },
    /// The platform is ready and proved to work.
    Ready {
        /// The platform's name.
        name: String,
        /// The next command line.
        next: String,
        /// The time since the start.
        seconds: f64,
        /// Whether any resource was changed.
        changed: bool,
    },
    /// The platform was deleted, and a second search found no leftovers.
    Destroyed {
        /// The platform's name.
        name: String,
        /// The found and deleted resources.
        deleted: Vec<String>,
        /// The data of users in an existing cluster that stays, such as homes.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
        /// The images that stay outside of a cluster that devplat made: in the nodes, or in a registry.
        #[serde(skip_serializing_if = "Option::is_none")]
        images: Option<String>,
        /// The time since the start.
        seconds: f64,
    },
    /// A port of this machine leads to the bastion.
    Listening {
        /// The platform's name.
        name: String,
        /// The address and the port.
        address: SocketAddr,
    },
    /// The command failed.
    Error {
        /// The message: what failed.
        message: String,
        /// The causes, outermost first.
        causes: Vec<String>,
        hints: Vec<String>,
        /// The exit status that follows.
        exit: u8,
    },
}
