//! devctl, as a program that cargo builds together with its tests on a real API server.

use std::process::ExitCode;

fn main() -> ExitCode {
    devctl::cli::main()
}
