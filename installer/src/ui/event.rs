//! Events of long operations. Their JSON is an interface: fields are added, never changed.

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
        /// Which resource.
        step: String,
        /// What is done to it.
        action: Action,
        /// How long that usually takes.
        usual_seconds: f64,
    },
    /// A running step does or waits for something else than before.
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
    /// The user asked to stop; steps that must end are finished.
    Stopping {
        /// The steps that are still running.
        running: Vec<String>,
    },
    /// The platform is ready and proved to work.
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
    /// The platform was deleted, and a second look found nothing of it.
    Destroyed {
        /// The platform's name.
        name: String,
        /// What was found of it and deleted.
        deleted: Vec<String>,
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
