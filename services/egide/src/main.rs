//! The `egide` program. See the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// An append makes some two hundred small allocations, often freed by another thread: the system's allocator takes twice the
/// time for them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    egide::run(&arguments)
}
