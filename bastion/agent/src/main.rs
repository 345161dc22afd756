//! PID 1 of a dev server.
fn main() {}
