//! What can be told while a long operation runs. Its JSON is an interface: fields are added, never changed.

use serde::Serialize;

use crate::plan::Action;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// What will be done, before it is.
    Planned {
        /// How many steps change something.
        changes: usize,
        /// How long they usually take.
        usual_seconds: f64,
    },
    /// A step was begun.
    Begun {
        /// Which resource.
        step: String,
        /// What is done to it.
        action: Action,
        /// How long that usually takes.
        usual_seconds: f64,
    },
    /// What a running step waits for or does right now.
    Waiting {
        /// Which resource.
        step: String,
        /// In words for a person.
        what: String,
    },
    /// A step is over.
    Done {
        /// Which resource.
        step: String,
        /// What was done to it.
        action: Action,
        /// How long it took.
        seconds: f64,
    },
    /// A step failed.
    Failed {
        /// Which resource.
        step: String,
        /// Why.
        why: String,
    },
    /// The user asked to stop; what runs is finished first.
    Stopping {
        /// The steps that still run.
        running: Vec<String>,
    },
    /// The platform stands and was proved to work.
    Ready {
        /// The platform's name.
        name: String,
        /// The line to type next.
        next: String,
        /// From start to now.
        seconds: f64,
        /// Whether anything was changed.
        changed: bool,
    },
    /// The platform is gone, and nothing of it was found any more.
    Destroyed {
        /// The platform's name.
        name: String,
        /// From start to now.
        seconds: f64,
    },
    /// The command failed.
    Error {
        /// What failed.
        message: String,
        /// Why, outermost first.
        causes: Vec<String>,
        /// What to do.
        hints: Vec<String>,
        /// The exit status that follows.
        exit: u8,
    },
}
