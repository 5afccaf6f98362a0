//! `egide-typeset`: one document of `egide.document/1` on standard input, one PDF (PDF/A-2a, PDF/UA-1) on standard output.
//! No keys, no network, no files, no environment, no clock; what goes wrong is told in a sentence that holds nothing of the
//! document.
//!
//! *In scope*: layout, fonts, tagging; refusing what is not understood; never losing a sign.
//!
//! *Out of scope*: what a document says (`libs/report` writes it), whether it is genuine (`egide` checks that before).

mod document;
mod fonts;
mod typeset;
mod world;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::typeset::{Error, INPUT_BYTES_MAX, typeset};

/// Whoever started us waits less; this is for the case that it has gone.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// Layout recurses, and a build without optimisation has large frames.
const STACK_BYTES: usize = 64 * 1024 * 1024;

const USAGE: &str = "\
Usage: egide-typeset < DOCUMENT.json > DOCUMENT.pdf
       egide-typeset --version | --help

Reads one document (JSON, schema egide.document/1) and writes it as PDF/A-2a and PDF/UA-1.
Takes no other argument, reads no file and no environment variable, and opens no connection.

Exit codes: 0 written, 1 a fault of this program, 2 the command line, 3 not a document that is understood,
4 too large or too many pages, 5 out of time, 6 standard input or output failed
";

/// How this program ends.
#[derive(Clone, Copy)]
enum Exit {
    Fault = 1,
    Usage = 2,
    NotUnderstood = 3,
    TooLarge = 4,
    OutOfTime = 5,
    Stream = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.iter().map(|argument| argument.to_str()).collect::<Vec<_>>().as_slice() {
        [] => {}
        [Some("--version")] => return print(concat!("egide-typeset ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        [Some("--help" | "-h")] => return print(USAGE.as_bytes()),
        _ => return fail(Exit::Usage, "no such argument: see egide-typeset --help"),
    }
    // The usual message would quote what was being worked on.
    std::panic::set_hook(Box::new(|_| {
        fail(Exit::Fault, Error::NotSet);
        std::process::exit(Exit::Fault as i32);
    }));
    std::thread::spawn(|| {
        std::thread::sleep(LIFE_MAX);
        fail(Exit::OutOfTime, format_args!("not done within {} s", LIFE_MAX.as_secs()));
        std::process::exit(Exit::OutOfTime as i32);
    });
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).map(std::thread::JoinHandle::join);
    match worker {
        Ok(Ok(exit)) => exit,
        Ok(Err(_)) | Err(_) => fail(Exit::Fault, Error::NotSet),
    }
}

fn run() -> ExitCode {
    let mut input = Vec::new();
    // One byte more than is taken tells a full document from a cut one.
    let limit = u64::try_from(INPUT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    if std::io::stdin().lock().take(limit).read_to_end(&mut input).is_err() {
        return fail(Exit::Stream, "standard input cannot be read");
    }
    match typeset(&input) {
        Ok(pdf) => print(&pdf),
        Err(error @ (Error::NotADocument { .. } | Error::NotUnderstood)) => fail(Exit::NotUnderstood, error),
        Err(error @ (Error::TooLarge | Error::TooManyPages)) => fail(Exit::TooLarge, error),
        Err(error @ Error::NotSet) => fail(Exit::Fault, error),
    }
}

fn print(bytes: &[u8]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => fail(Exit::Stream, "standard output cannot be written"),
    }
}

fn fail(exit: Exit, why: impl std::fmt::Display) -> ExitCode {
    // Nobody may be listening any more; the exit code says it too.
    let _told = writeln!(std::io::stderr().lock(), "egide-typeset: {why}");
    exit.into()
}
