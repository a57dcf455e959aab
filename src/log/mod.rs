//! Logging: to standard error, as text, for journald or as JSON, the level changed live.

mod figures;
mod journal;
mod lasting_text;
mod lasting_trouble;
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

pub(crate) use crate::log::figures::{
    BodyPace, CountedNoun, DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed, MOST_NAMED, NounOfCount,
    ShortDuration,
};
use crate::log::journal::JournalSocket;
pub(crate) use crate::log::lasting_trouble::{EndedTrouble, LastingTrouble};
pub(crate) use crate::log::level::{BadLevel, LogLevel};
use crate::log::lines::LogLayer;
pub(crate) use crate::log::lines::LogSink;
pub(crate) use crate::log::render::LogStyle;
pub(crate) use crate::log::speaker::as_actor;
pub(crate) use plain_text::PlainText;

/// `-v` and `-q`: steps away from the level of the config.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LogArgs {
    /// Says more than log.level: -v one step (debug instead of info: also each request to GRIN), -vv two (trace)
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Logging")]
    pub verbose: u8,
    /// Says less than log.level, and shows no progress: -q one step (warnings instead of info), -qq two (errors alone)
    #[arg(short, long, action = clap::ArgAction::Count, global = true, conflicts_with = "verbose", help_heading = "Logging")]
    pub quiet: u8,
}

impl LogArgs {
    /// How many steps more is said; less, if negative.
    pub fn steps(self) -> i16 {
        i16::from(self.verbose) - i16::from(self.quiet)
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
    /// What the command line moves each level of the config by, from the start to the end of the process.
    steps: i16,
}

/// The log of this process, once started.
static RUNNING: OnceLock<LogHandle> = OnceLock::new();

/// The log of this process; `None` before [`start`].
pub fn running() -> Option<LogHandle> {
    RUNNING.get().cloned()
}

/// The command line asks for less to be said than the config does.
pub fn is_quiet() -> bool {
    RUNNING.get().is_some_and(|log| log.steps < 0)
}

/// Takes over `log.level`, moved by the flags of the command line.
pub fn set_configured_level(level: &str) -> Result<(), LogError> {
    RUNNING.get().ok_or(LogError::NotStarted)?.set_configured_level(level)
}

/// Changes the level of this process's log to exactly this.
pub fn set_level(level: &str) -> Result<(), LogError> {
    RUNNING.get().ok_or(LogError::NotStarted)?.set_level(level)
}

/// The last lines of this process's log, the newest last; empty before [`start`].
pub fn recent_lines() -> Vec<String> {
    RUNNING.get().map(|log| log.lines.recent()).unwrap_or_default()
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

/// Starts the log for the whole process. Done once, early, with the flags of the command line; the config follows through
/// [`LogHandle::configure`].
pub fn start(args: LogArgs, format: LogFormat) -> Result<LogHandle, LogError> {
    let steps = args.steps();
    let (filter, handle) = reload::Layer::new(LogLevel::default().moved(steps).targets());
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
    let filter = handle;
    Ok(RUNNING.get_or_init(|| LogHandle { filter, lines, steps }).clone())
}

impl LogHandle {
    /// Takes over `log.level` and `log.format`; nothing changes if the level is none.
    pub fn configure(&self, level: &str, format: LogFormat) -> Result<(), LogError> {
        self.set_configured_level(level)?;
        self.lines.set_style(format.style());
        Ok(())
    }

    /// Takes over `log.level`, moved by the flags of the command line.
    pub fn set_configured_level(&self, level: &str) -> Result<(), LogError> {
        self.filter_by(&LogLevel::parse(level)?.moved(self.steps))
    }

    /// Changes the level of the running program to exactly this.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        self.filter_by(&LogLevel::parse(level)?)
    }

    fn filter_by(&self, level: &LogLevel) -> Result<(), LogError> {
        self.filter.reload(level.targets()).map_err(|_| LogError::Gone)
    }

    /// Writes above these bars from now on, or straight to standard error again.
    pub fn draw_above(&self, bars: Option<indicatif::MultiProgress>) {
        self.lines.draw_above(bars);
    }
}

/// What this thread logs, in the style of journald, for as long as it is kept.
#[cfg(test)]
pub(crate) struct WrittenLog {
    lines: Arc<LogSink>,
    _default: tracing::subscriber::DefaultGuard,
}

#[cfg(test)]
impl WrittenLog {
    pub(crate) fn begin() -> Self {
        let lines = Arc::new(LogSink::to_memory(LogStyle::Journald));
        let subscriber = Registry::default().with(LogLayer::new(Arc::clone(&lines)));
        Self {
            lines,
            _default: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The lines with this in them, so far.
    pub(crate) fn with(&self, words: &str) -> Vec<String> {
        let written = self.lines.written();
        written
            .lines()
            .filter(|line| line.contains(words))
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is logged while `run` runs with the log's handle.
    fn logged(level: &LogLevel, steps: i16, run: impl FnOnce(LogHandle)) -> String {
        let (filter, handle) = reload::Layer::new(level.targets());
        let lines = Arc::new(LogSink::to_memory(LogStyle::Journald));
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(LogLayer::new(Arc::clone(&lines)));
        let handle = LogHandle {
            filter: handle,
            lines: Arc::clone(&lines),
            steps,
        };
        tracing::subscriber::with_default(subscriber, || run(handle));
        lines.written()
    }

    #[test]
    fn a_fault_that_a_store_tells_with_another_identifier_each_time_is_written_twice() {
        let lines = logged(&LogLevel::default(), 0, |_| {
            for number in 0..9 {
                let error = format!("<Code>SlowDown</Code><RequestId>TX{number}D0A2F9</RequestId>, after {number} ms");
                tracing::warn!(target: "grind::x", error, "cannot be stored");
            }
        });
        assert_eq!(lines.matches("SlowDown").count(), 2, "{lines}");
    }

    #[test]
    fn each_flag_is_a_step() {
        let steps = |verbose, quiet| LogArgs { verbose, quiet }.steps();
        assert_eq!([steps(0, 0), steps(2, 0), steps(0, 1)], [0, 2, -1]);
    }

    #[test]
    fn the_level_of_the_config_is_moved_whenever_it_is_taken_over_and_one_set_by_hand_is_not() {
        let lines = logged(&LogLevel::default(), -1, |handle| {
            for _read_again in 0..2 {
                handle.set_configured_level("info").unwrap();
                tracing::info!(target: "grind::x", "unsaid");
                tracing::warn!(target: "grind::x", "said");
            }
            handle.set_level("info").unwrap();
            tracing::info!(target: "grind::x", "by hand");
        });
        assert_eq!(lines, "<4>said\n<4>said\n<6>by hand\n");
    }

    #[test]
    fn each_line_of_a_failure_has_its_priority_for_journald() {
        assert_eq!(with_priority("grind: no\n -> why\n"), "<3>grind: no\n<3> -> why\n");
        assert_eq!(with_priority("warning: odd\n"), "<4>warning: odd\n");
    }

    #[test]
    fn a_running_log_changes_its_level_and_refuses_nonsense() {
        let lines = logged(&LogLevel::parse("warn").unwrap(), 0, |handle| {
            tracing::info!(target: "grind::x", "one");
            handle.set_level("info").unwrap();
            tracing::info!(target: "grind::x", "two");
            assert!(matches!(handle.set_level("loud"), Err(LogError::Level(_))));
            tracing::info!(target: "grind::x", "three");
        });
        assert_eq!(lines, "<6>two\n<6>three\n");
    }
}
