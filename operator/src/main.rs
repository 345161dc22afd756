//! The program `devplat-operator`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    devplat_operator::program::main()
}
