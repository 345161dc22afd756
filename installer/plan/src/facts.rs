//! What a step takes, as data: so that a plan can be judged before anything is done.

use std::{net::SocketAddr, time::Duration};

/// What is known of a step beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How long it usually takes, as measured on two cores.
    pub usual: Duration,
    /// What the machine must have for it.
    pub takes: Vec<Takes>,
}

/// Something that a machine must have for a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Takes {
    /// A Docker engine that answers.
    Engine,
    /// A Docker engine on a machine that runs programs of this architecture, such as `amd64`.
    EngineOf(&'static str),
    /// A program, by its name.
    Tool(&'static str),
    /// A TCP port of this machine that is free.
    FreePort(SocketAddr),
    /// This many free inotify instances of the user.
    InotifyInstances(u32),
}

impl Facts {
    /// A step that usually takes this long and needs nothing else.
    pub fn lasting(usual: Duration) -> Self {
        Self { usual, takes: Vec::new() }
    }

    /// The same, which also takes `what`.
    #[must_use]
    pub fn taking(mut self, what: impl IntoIterator<Item = Takes>) -> Self {
        self.takes.extend(what);
        self
    }
}
