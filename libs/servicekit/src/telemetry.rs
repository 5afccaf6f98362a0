//! Logs and metrics, without content.
//!
//! Only code of ours may log below `warn`: the libraries below us would show headers and bodies. A panic is logged with its
//! place and never with its message.

pub mod metrics;

use std::env;
use std::panic;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config;

/// Variable of the level: `error`, `warn`, `info` (default), `debug`, `trace`.
pub const LEVEL_VARIABLE: &str = "EGIDE_LOG";
/// Variable of the format: `text` (default), `json`.
pub const FORMAT_VARIABLE: &str = "EGIDE_LOG_FORMAT";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// The format.
    pub format: LogFormat,
    /// The least severe level of ours that is written.
    pub level: LevelFilter,
}

impl Default for Logging {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LevelFilter::INFO }
    }
}

impl Logging {
    /// As the environment says.
    ///
    /// # Errors
    /// [`config::Error`] when a variable holds something else than its description admits.
    pub fn from_env() -> Result<Self, config::Error> {
        Self::read(env::var(LEVEL_VARIABLE).ok().as_deref(), env::var(FORMAT_VARIABLE).ok().as_deref())
    }

    fn read(level: Option<&str>, format: Option<&str>) -> Result<Self, config::Error> {
        let level = match level {
            None | Some("" | "info") => LevelFilter::INFO,
            Some("off") => LevelFilter::OFF,
            Some("error") => LevelFilter::ERROR,
            Some("warn") => LevelFilter::WARN,
            Some("debug") => LevelFilter::DEBUG,
            Some("trace") => LevelFilter::TRACE,
            Some(_) => {
                let known = "must be `off`, `error`, `warn`, `info`, `debug` or `trace`";
                return Err(config::Error::new(LEVEL_VARIABLE, known));
            }
        };
        let format = match format {
            None | Some("" | "text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => return Err(config::Error::new(FORMAT_VARIABLE, "must be `text` or `json`")),
        };
        Ok(Self { format, level })
    }

    /// Writes logs to standard error from here on, and keeps the messages of panics out of them.
    ///
    /// # Errors
    /// [`config::Error`] when this process logs already.
    pub fn init(self) -> Result<(), config::Error> {
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match self.format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry()
            .with(lines.with_filter(self.targets()))
            .try_init()
            .map_err(|_| config::Error::new(LEVEL_VARIABLE, "was applied already: logging starts once in a process"))?;
        quiet_panics();
        Ok(())
    }

    /// Ours (`egide` and `egide_…`) as asked; the libraries below us never below `warn`.
    fn targets(self) -> Targets {
        Targets::new().with_default(self.level.min(LevelFilter::WARN)).with_target("egide", self.level)
    }
}

/// From here on a panic is logged with its place only: its message may hold anything about anybody.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_libraries_below_us_never_log_what_passes_through_them() {
        let everything = Logging { level: LevelFilter::TRACE, ..Logging::default() }.targets();
        assert!(everything.would_enable("egide_ledger::append", &Level::TRACE));
        assert!(everything.would_enable("egide", &Level::TRACE));
        for library in ["h2::codec", "tonic::transport", "async_nats", "hyper"] {
            assert!(!everything.would_enable(library, &Level::INFO), "{library}");
            assert!(everything.would_enable(library, &Level::WARN), "{library}");
        }
        let nothing = Logging { level: LevelFilter::OFF, ..Logging::default() }.targets();
        assert!(!nothing.would_enable("h2", &Level::ERROR));
    }

    #[test]
    fn settings_are_read_or_refused_with_a_sentence() {
        assert_eq!(Logging::read(None, None), Ok(Logging::default()));
        let json = Logging { format: LogFormat::Json, level: LevelFilter::DEBUG };
        assert_eq!(Logging::read(Some("debug"), Some("json")), Ok(json));
        let refused = Logging::read(Some("h2=trace"), None).unwrap_err();
        assert_eq!(refused.to_string(), "`EGIDE_LOG` must be `off`, `error`, `warn`, `info`, `debug` or `trace`");
        assert!(Logging::read(None, Some("xml")).is_err());
    }
}
