//! `devctl`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    devctl::cli::main()
}
