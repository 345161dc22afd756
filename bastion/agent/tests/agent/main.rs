//! The built program, with the clients that people use: a test starts the agent and drives it with the real `ssh`,
//! `scp`, `sftp`, `rsync` and `git`, which must be installed. Answers of the server are tested with a client of the
//! tests' own.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test starts the program that it tests, and says by panicking what went wrong"
)]

mod clients;
mod files;
mod forward;
mod init;
mod login;
mod overtake;
#[path = "../../../tests/relay/russh_client.rs"]
mod russh_client;
mod server;
mod session;
