//! The bastion with real ssh clients in front of it and a stub of an agent behind it. No API server is needed: the
//! directory is made of values.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abuse;
mod agent;
mod certificates;
mod devctl;
mod forwards;
mod keys;
mod login;
mod process;
mod russh_client;
mod sessions;
mod starting;
mod stub;
mod world;
