//! What is decided about a server, case by case.

mod deletion;
mod manifest;
mod network;
mod readiness;
mod spec;
mod world;
