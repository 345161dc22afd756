//! `devplat-bastion`: the platform's SSH front door.

fn main() {}
