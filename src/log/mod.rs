//! Logging: to standard error, as text, for journald or as JSON, the level changed live.

mod figures;
mod journal;
mod level;
mod limit;
mod lines;
mod plain_text;
mod render;
mod speaker;

use std::io::{IsTerminal, Write as _, stderr};
use std::sync::{Arc, OnceLock};

use clap::Args;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

pub(crate) use crate::log::figures::{DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed};
use crate::log::journal::JournalSocket;
pub(crate) use crate::log::level::{BadLevel, LogLevel};
use crate::log::lines::LogLayer;
pub(crate) use crate::log::lines::LogSink;
pub(crate) use crate::log::render::LogStyle;
pub(crate) use crate::log::speaker::as_actor;
pub(crate) use plain_text::PlainText;

/// `-v` and `-q`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LogArgs {
    /// Says more: -v for debug, -vv for trace
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Logging")]
    pub verbose: u8,
    /// Says less: -q for warnings, -qq for errors alone
    #[arg(short, long, action = clap::ArgAction::Count, global = true, conflicts_with = "verbose", help_heading = "Logging")]
    pub quiet: u8,
}

impl LogArgs {
    /// The level asked for on the command line; without a flag the configured one.
    pub fn level(self, configured: &str) -> &str {
        match (self.verbose, self.quiet) {
            (0, 0) => configured,
            (0, 1) => "warn",
            (0, _) => "error",
            (1, _) => "debug",
            (_, _) => "trace",
        }
    }
}

/// `log.format` of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For journald where standard error leads there, else text.
    #[default]
    Auto,
    /// One line a message with the time before it; in colour on a terminal.
    Text,
    /// As text without the time, with the priority as `<N>` before it (sd-daemon(3)); where standard error leads to journald, each
    /// message with its fields as fields of the journal.
    Journald,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// What to write, as the surroundings are.
    fn style(self) -> LogStyle {
        match self {
            Self::Json => LogStyle::Json,
            Self::Journald => LogStyle::Journald,
            Self::Auto if leads_to_journald() => LogStyle::Journald,
            Self::Auto | Self::Text => LogStyle::Text {
                colour: stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            },
        }
    }
}

/// Is standard error the stream named by `JOURNAL_STREAM` (device and inode; systemd.exec(5))? The variable alone says
/// nothing: children inherit it whatever their own standard error is.
fn leads_to_journald() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stat) = rustix::fs::fstat(stderr()) else {
        return false;
    };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// What a command says on standard error when it fails, each line with its priority where journald reads it.
pub fn tell_failure(text: &str) {
    let text = if leads_to_journald() {
        with_priority(text)
    } else {
        text.to_owned()
    };
    // If standard error is gone too, the exit code still tells.
    drop(stderr().write_all(text.as_bytes()));
}

fn with_priority(text: &str) -> String {
    let level = |line: &str| {
        if line.starts_with("warning: ") {
            Level::WARN
        } else {
            Level::ERROR
        }
    };
    let marked = |line| format!("<{}>{line}\n", render::priority(level(line)));
    text.lines().map(marked).collect()
}

/// The running log: changes level and format, and lets progress bars stay below the lines.
#[derive(Clone)]
pub struct LogHandle {
    filter: reload::Handle<Targets, Registry>,
    lines: Arc<LogSink>,
}

/// The log of this process, once started.
static RUNNING: OnceLock<LogHandle> = OnceLock::new();

/// The log of this process; `None` before [`start`].
pub fn running() -> Option<LogHandle> {
    RUNNING.get().cloned()
}

/// Changes the level of this process's log.
pub fn set_level(level: &str) -> Result<(), LogError> {
    RUNNING.get().ok_or(LogError::NotStarted)?.set_level(level)
}

/// Why the log cannot be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error(transparent)]
    Level(#[from] BadLevel),
    /// The log was started before, by this program or the test it runs in.
    #[error("the log has been started already")]
    Twice,
    /// There is no log yet.
    #[error("the log has not been started")]
    NotStarted,
    /// The subscriber is gone; happens only while the process ends.
    #[error("the log has ended")]
    Gone,
}

/// Starts the log for the whole process. Done once, early, with the level of the command line; the config follows through
/// [`LogHandle::configure`].
pub fn start(level: &str, format: LogFormat) -> Result<LogHandle, LogError> {
    let (filter, handle) = reload::Layer::new(LogLevel::parse(level)?.targets());
    let lines = Arc::new(LogSink::new(
        format.style(),
        leads_to_journald().then(JournalSocket::open).flatten(),
    ));
    let layer = LogLayer::new(Arc::clone(&lines));
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()
        .map_err(|_| LogError::Twice)?;
    Ok(RUNNING.get_or_init(|| LogHandle { filter: handle, lines }).clone())
}

impl LogHandle {
    /// Takes over `log.level` and `log.format`; nothing changes if the level is none.
    pub fn configure(&self, level: &str, format: LogFormat) -> Result<(), LogError> {
        self.set_level(level)?;
        self.lines.set_style(format.style());
        Ok(())
    }

    /// Changes the level of the running program.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        let targets = LogLevel::parse(level)?.targets();
        self.filter.reload(targets).map_err(|_| LogError::Gone)
    }

    /// Writes above these bars from now on, or straight to standard error again.
    pub fn draw_above(&self, bars: Option<indicatif::MultiProgress>) {
        self.lines.draw_above(bars);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_config() {
        let level = |verbose, quiet| LogArgs { verbose, quiet }.level("info");
        assert_eq!([level(0, 0), level(1, 0), level(3, 0)], ["info", "debug", "trace"]);
        assert_eq!([level(0, 1), level(0, 2)], ["warn", "error"]);
    }

    #[test]
    fn each_line_of_a_failure_has_its_priority_for_journald() {
        assert_eq!(with_priority("grind: no\n -> why\n"), "<3>grind: no\n<3> -> why\n");
        assert_eq!(with_priority("warning: odd\n"), "<4>warning: odd\n");
    }

    #[test]
    fn a_running_log_changes_its_level_and_refuses_nonsense() {
        let (filter, handle) = reload::Layer::new(LogLevel::parse("warn").unwrap().targets());
        let lines = Arc::new(LogSink::to_memory(LogStyle::Journald));
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(LogLayer::new(Arc::clone(&lines)));
        let handle = LogHandle {
            filter: handle,
            lines: Arc::clone(&lines),
        };
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "grind::x", "one");
            handle.set_level("info").unwrap();
            tracing::info!(target: "grind::x", "two");
            assert!(matches!(handle.set_level("loud"), Err(LogError::Level(_))));
            tracing::info!(target: "grind::x", "three");
        });
        assert_eq!(lines.written(), "<6>two\n<6>three\n");
    }
}
