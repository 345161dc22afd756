//! A client's connection: who it is, what it may do, and which of its channels leads where. The library calls the
//! handler from the connection's own loop, so nothing here waits for anybody: each channel has a task.

mod control;
mod front;
mod handler;
mod incoming;
mod pass;
mod visit;
mod visitor;

pub(crate) use front::{Control, Exit, Front, Setup, Size, Start, Terminal, Words};
pub(crate) use incoming::Incoming;
pub(crate) use pass::{Denied, Pass};
pub(crate) use visit::Visit;
pub(crate) use visitor::Visitor;
