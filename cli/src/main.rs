//! `devctl`: a developer's view of the platform.

fn main() {}
