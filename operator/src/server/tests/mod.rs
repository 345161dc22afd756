//! What is decided about a server, case by case.

mod deletion;
mod manifest;
mod readiness;
mod spec;
mod world;
