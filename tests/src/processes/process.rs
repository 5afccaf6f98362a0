//! One supervised process.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egide_testkit::wait_until;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Between the end of a process and its next start, as systemd waits.
const RESTART_AFTER: Duration = Duration::from_millis(100);
/// Time for an orderly end.
const END_WITHIN: Duration = Duration::from_secs(20);
/// Time for a signal to have its effect.
const SIGNALLED_WITHIN: Duration = Duration::from_secs(10);

/// What to start, and where its output goes.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// Unique in the installation: `ledger`, `nats-2`.
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub struct Exit {
    /// What the system says.
    pub status: ExitStatus,
    /// Whether the test had ordered it.
    pub ordered: bool,
    /// Which start it was, from 1.
    pub start: usize,
}

#[derive(Debug)]
enum Order {
    /// SIGKILL; answers when it is gone.
    Kill(oneshot::Sender<()>),
    /// SIGTERM, then SIGKILL; answers when it is gone. It is not started again.
    End(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct State {
    pid: Option<u32>,
    starts: usize,
    exits: Vec<Exit>,
    /// It is not started again while this is set.
    down: bool,
}

/// A process that is started again whenever it ends. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    state: Arc<Mutex<State>>,
    orders: mpsc::UnboundedSender<Order>,
    supervising: JoinHandle<()>,
}

impl Process {
    pub(super) fn start(spec: Spec) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (orders, incoming) = mpsc::unbounded_channel();
        let (name, log) = (spec.name.clone(), spec.log.clone());
        let supervising = tokio::spawn(supervise(spec, Arc::clone(&state), incoming));
        Self { name, log, state, orders, supervising }
    }

    /// Its name: `ledger`, `nats-2`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.state().pid
    }

    /// How often it was started so far.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.state().starts
    }

    /// How it ended, each time so far.
    #[must_use]
    pub fn exits(&self) -> Vec<Exit> {
        self.state().exits.clone()
    }

    /// What it wrote, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// SIGKILL, as the kernel or a power failure would; the supervisor starts it again.
    ///
    /// # Panics
    /// When it does not go.
    pub async fn kill(&self) {
        self.order(Order::Kill).await;
    }

    /// SIGKILL, and it stays down until [`Process::let_up`].
    ///
    /// # Panics
    /// When it does not go.
    pub async fn keep_down(&self) {
        self.state().down = true;
        self.kill().await;
    }

    /// The supervisor may start it again.
    pub fn let_up(&self) {
        self.state().down = false;
    }

    /// SIGSTOP: from its own view, the clock jumps. Nothing happens while it is being started again.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn pause(&self) {
        self.signal("STOP", 'T').await;
    }

    /// SIGCONT.
    ///
    /// # Panics
    /// When it does not go on.
    pub async fn resume(&self) {
        if let Some(pid) = self.pid() {
            send("CONT", pid).await;
        }
    }

    /// Ends it in order, and for good.
    ///
    /// # Panics
    /// When it does not go.
    pub async fn end(&self) {
        self.order(Order::End).await;
    }

    /// Waits until it runs in its next start or a later one.
    ///
    /// # Panics
    /// When it is not started again.
    pub async fn started_again(&self, after: usize) {
        wait_until(&format!("{} starts again", self.name), END_WITHIN, async || {
            let state = self.state();
            state.starts > after && state.pid.is_some()
        })
        .await;
    }

    async fn signal(&self, signal: &str, state: char) {
        let Some(pid) = self.pid() else { return };
        send(signal, pid).await;
        wait_until(&format!("{signal} for {}", self.name), SIGNALLED_WITHIN, async || {
            self.pid() != Some(pid) || state_of(pid).is_none_or(|found| found == state || found == 'Z')
        })
        .await;
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<()>) -> Order) {
        let (done, gone) = oneshot::channel();
        if self.orders.send(order(done)).is_err() {
            return;
        }
        // A supervisor that has ended leaves nobody to wait for.
        let gone = timeout(END_WITHIN * 2, gone).await;
        drop(gone.unwrap_or_else(|_| panic!("{} does not end", self.name)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Kills it now, without waiting.
    pub(super) fn abandon(&self) {
        self.supervising.abort();
        if let Some(pid) = self.pid() {
            drop(std::process::Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its child goes with the task.
        self.supervising.abort();
    }
}

async fn supervise(spec: Spec, state: Arc<Mutex<State>>, mut orders: mpsc::UnboundedReceiver<Order>) {
    loop {
        let mut child = spawn(&spec);
        let start = {
            let mut state = lock(&state);
            (state.pid, state.starts) = (child.id(), state.starts + 1);
            state.starts
        };
        let (status, order) = tokio::select! {
            status = child.wait() => (status, None),
            order = orders.recv() => match order {
                Some(Order::End(done)) => (end(&mut child).await, Some(Order::End(done))),
                Some(Order::Kill(done)) => (kill(&mut child).await, Some(Order::Kill(done))),
                None => (kill(&mut child).await, None),
            },
        };
        let status = status.expect("a child can be waited for");
        {
            let mut state = lock(&state);
            state.pid = None;
            state.exits.push(Exit { status, ordered: order.is_some(), start });
        }
        match order {
            Some(Order::End(done)) => return done.send(()).unwrap_or(()),
            Some(Order::Kill(done)) => done.send(()).unwrap_or(()),
            None => {}
        }
        if !pause(&state, &mut orders).await {
            return;
        }
    }
}

/// Until the next start; false: there is none.
async fn pause(state: &Mutex<State>, orders: &mut mpsc::UnboundedReceiver<Order>) -> bool {
    loop {
        let order = tokio::select! {
            () = sleep(RESTART_AFTER) => if lock(state).down { continue } else { return true },
            order = orders.recv() => order,
        };
        match order {
            // It is gone already.
            Some(Order::Kill(done)) => done.send(()).unwrap_or(()),
            Some(Order::End(done)) => {
                done.send(()).unwrap_or(());
                return false;
            }
            None => return false,
        }
    }
}

async fn kill(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.start_kill()?;
    child.wait().await
}

async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id() {
        send("CONT", pid).await;
        send("TERM", pid).await;
    }
    match timeout(END_WITHIN, child.wait()).await {
        Ok(ended) => ended,
        Err(_) => kill(child).await,
    }
}

fn spawn(spec: &Spec) -> Child {
    let output = OpenOptions::new().create(true).append(true).open(&spec.log).expect("a file for what it writes");
    let mut command = match watchdog() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(&spec.program);
            command
        }
        None => Command::new(&spec.program),
    };
    command
        .args(&spec.arguments)
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("the file once more"))
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .expect("a program starts")
}

/// Asks the kernel to kill the program with the thread that started it, and becomes that program.
fn watchdog() -> Option<&'static Path> {
    let path = Path::new("/usr/bin/setpriv");
    path.exists().then_some(path)
}

/// Without `unsafe` a signal is sent by a program.
async fn send(signal: &str, pid: u32) {
    drop(Command::new("sh").args(["-c", &format!("kill -{signal} {pid} 2>/dev/null")]).status().await);
}

/// The state of a process as Linux tells it: `R`, `S`, `T` (stopped), `Z` (gone) …
fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
