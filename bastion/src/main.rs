//! The program `devplat-bastion`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    devplat_bastion::program::main()
}
