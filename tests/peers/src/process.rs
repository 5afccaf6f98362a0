//! Processes: starting the servers, and how much processor time they use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::load::Error;

/// Clock ticks of `/proc/<pid>/stat` in a second, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server in a process of its own: this program again, or another. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    said: Option<Lines<BufReader<ChildStdout>>>,
}

impl Server {
    /// Starts this program as the server `name`; it says where it is in one line of JSON.
    pub(crate) async fn of_ours<T: DeserializeOwned>(arguments: &[&str]) -> Result<(Self, T), Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = child.stdout.take().map(|output| BufReader::new(output).lines());
        let mut server = Self { child, said };
        let at = server.answer().await?;
        Ok((server, at))
    }

    /// Asks one of ours for something, and waits for its line of JSON.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, question: &str) -> Result<T, Error> {
        let input = self.child.stdin.as_mut().ok_or("no input")?;
        input.write_all(format!("{question}\n").as_bytes()).await?;
        input.flush().await?;
        self.answer().await
    }

    async fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let lines = self.said.as_mut().ok_or("no output")?;
        while let Some(line) = lines.next_line().await? {
            if let Ok(said) = serde_json::from_str(&line) {
                return Ok(said);
            }
        }
        Err("a server ended before it answered".into())
    }

    /// Starts another program.
    pub(crate) fn of_others(mut command: Command, log: &Path) -> Result<Self, Error> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        Ok(Self { child: command.spawn()?, said: None })
    }

    /// Ends it: its input is closed, which ours take as the word to go, and others are killed.
    pub(crate) async fn end(mut self) {
        if self.child.stdin.take().is_some() {
            let gone = tokio::time::timeout(std::time::Duration::from_secs(20), self.child.wait()).await;
            if gone.is_ok() {
                return;
            }
        }
        // Interrupted rather than killed, so that its own children go with it.
        if let Some(pid) = self.child.id() {
            let told = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status();
            if told.is_ok() && tokio::time::timeout(std::time::Duration::from_secs(10), self.child.wait()).await.is_ok() {
                return;
            }
        }
        self.child.kill().await.ok();
    }

    /// Seconds of processor time of the process and everything below it.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.child.id().map_or(0.0, |pid| family(pid).into_iter().map(cpu_seconds).sum())
    }
}

/// Seconds of processor time of this process.
pub(crate) fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id())
}

/// A process and all its descendants.
fn family(root: u32) -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(parent) = fields(pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut family = BTreeSet::from([root]);
    loop {
        let before = family.len();
        let children = parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid);
        let children: Vec<u32> = children.collect();
        family.extend(children);
        if family.len() == before {
            return family;
        }
    }
}

/// The fields of `/proc/<pid>/stat` after the name: state, parent …
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    Some(after.split_whitespace().map(str::to_owned).collect())
}

/// User and system time, with that of children which have ended.
fn cpu_seconds(pid: u32) -> f64 {
    let Some(fields) = fields(pid) else { return 0.0 };
    let ticks: f64 = fields.get(11..15).into_iter().flatten().filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}
