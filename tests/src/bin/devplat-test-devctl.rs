//! devctl, as a program that cargo builds along with the tests of it on a real API server.

use std::process::ExitCode;

fn main() -> ExitCode {
    devctl::cli::main()
}
