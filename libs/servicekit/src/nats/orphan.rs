//! Ending the server that a crashed run left behind, and nothing else.

use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use tokio::time::{Instant, sleep};

use super::{Error, LOOK_EVERY, STOP_WITHIN, Signal, home::Home, signal};

/// Ends the process named by the pid file if it runs with our configuration's path as an argument.
///
/// The caller holds the directory's lock, so no living egide owns that process. A pid file is only a hint (numbers are
/// reused): the path in the process's own arguments decides. Where `/proc` is missing nothing is recognised, so nothing
/// is ended.
pub(super) async fn end(home: &Home, binary: &Path) -> Result<(), Error> {
    let Some(pid) = read_pid(&home.pid).filter(|pid| is_ours(*pid, &home.config)) else {
        return Ok(());
    };
    tracing::warn!(pid, "ending the nats-server that an earlier run left behind");
    for wish in [Signal::Terminate, Signal::Kill] {
        // It may be gone between the look and the signal: the wait below tells.
        let sent = signal(binary, wish, pid).await;
        if gone_in_time(pid, &home.config).await {
            return Ok(());
        }
        if let Err(error) = sent {
            tracing::warn!(%error, "the signal was not delivered");
        }
    }
    Err(Error::OrphanWouldNotEnd { pid })
}

async fn gone_in_time(pid: u32, config: &Path) -> bool {
    let deadline = Instant::now() + STOP_WITHIN;
    while is_ours(pid, config) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
    true
}

fn read_pid(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 1)
}

/// Whether a live process carries exactly our configuration's path among its arguments. A process that has ended and
/// only waits to be collected has no arguments any more.
fn is_ours(pid: u32, config: &Path) -> bool {
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    pid != std::process::id()
        && arguments.split(|byte| *byte == 0).any(|argument| argument == config.as_os_str().as_bytes())
}
