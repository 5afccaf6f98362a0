//! What a running system writes and how it fails: its log lines, its metrics, its panics.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use egide_servicekit::telemetry::metrics::Metrics;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Beginning of the names of the threads that services run on.
pub(crate) const THREADS: &str = "egide-world";

/// Where log lines go: into memory until the file is known, then into the file.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Sink>>);

#[derive(Default)]
struct Sink {
    early: Vec<u8>,
    file: Option<File>,
}

impl Lines {
    /// From here on into this file, with everything written before.
    pub(crate) fn write_to(&self, path: &Path) {
        let mut sink = self.sink();
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file for log lines");
        file.write_all(&sink.early).expect("room for log lines");
        sink.early.clear();
        sink.file = Some(file);
    }

    fn sink(&self) -> std::sync::MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sink = self.sink();
        match &mut sink.file {
            Some(file) => file.write_all(bytes)?,
            None => sink.early.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Writes JSON lines as production does: ours at `level`, the libraries below us never below `warn`.
pub(crate) fn subscriber(lines: Lines, level: LevelFilter) -> Dispatch {
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("egide", level);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines).with_filter(targets);
    Dispatch::new(tracing_subscriber::registry().with(lines))
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// How often code panicked on a service's thread, in this process so far.
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// From here on panics of services are counted and logged with their place, as in production; those of tests are shown.
pub(crate) fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_a_service = std::thread::current().name().is_some_and(|name| name.starts_with(THREADS));
            if of_a_service {
                PANICS.fetch_add(1, Ordering::Relaxed);
                let place = panic.location().map(ToString::to_string).unwrap_or_default();
                tracing::error!(place, "panic");
            }
            shown(panic);
        }));
    });
}

/// The metrics page of this process; recorded from the first call on.
///
/// # Panics
/// When something else records metrics in this process.
#[must_use]
pub fn metrics_page() -> String {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().expect("nobody else records metrics")).page()
}
