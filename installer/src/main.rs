//! The program `devplat`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    devplat::cli::main()
}
