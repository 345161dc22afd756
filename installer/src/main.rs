//! The installer program.
fn main() {}
