//! The `egide` program. See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    egide::run(&arguments)
}
