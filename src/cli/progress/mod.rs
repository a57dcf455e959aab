//! Progress on the terminal, drawn from snapshots by a thread of its own, so that no worker ever waits for it.

mod bars;
#[cfg(feature = "lab")]
mod closing;
mod plain;

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::progress::bars::ProgressBars;
#[cfg(feature = "lab")]
pub use crate::cli::progress::closing::ClosingTable;
use crate::cli::progress::plain::PlainLines;
use crate::log;
use crate::observe::DaemonSnapshot;

/// How often a snapshot is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where snapshots come from: `view.daemon()` of the running daemon.
pub type SnapshotSource = Arc<dyn Fn() -> DaemonSnapshot + Send + Sync>;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Bars that are drawn again and again.
    Bars,
    /// A line now and then.
    Lines,
    /// Not at all.
    Nothing,
}

impl ProgressStyle {
    /// As this program was started.
    pub fn fitting() -> Self {
        Self::of(log::is_quiet(), stderr().is_terminal())
    }

    /// Bars on a terminal, lines elsewhere, and nothing for who wants to be told less.
    const fn of(is_quiet: bool, on_terminal: bool) -> Self {
        match (is_quiet, on_terminal) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }
}

/// Progress that is being shown; ends with [`ProgressDisplay::finish`] or when dropped.
pub struct ProgressDisplay {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    above: Option<indicatif::MultiProgress>,
}

impl ProgressDisplay {
    /// Begins to show what the source says. If no thread can be had, the work goes on unseen.
    pub fn start(source: SnapshotSource, show: ProgressStyle) -> Self {
        let (stop, stopped) = mpsc::channel();
        let bars = (show == ProgressStyle::Bars).then(ProgressBars::new);
        let above = bars.as_ref().map(ProgressBars::handle);
        if show == ProgressStyle::Nothing {
            return Self {
                stop: None,
                thread: None,
                above,
            };
        }
        let mut screen = bars.map_or_else(|| Screen::Lines(PlainLines::new(Instant::now())), Screen::Bars);
        let poll = move || {
            while stopped.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                screen.show(&source());
            }
            screen.clear();
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(poll).ok();
        Self {
            stop: Some(stop),
            thread,
            above,
        }
    }

    /// The bars, for the log to write above them.
    pub fn bars(&self) -> Option<indicatif::MultiProgress> {
        self.above.clone()
    }

    /// Takes the bars away and ends.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed by it; it must not take the work down.
            drop(thread.join());
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        self.end();
    }
}

enum Screen {
    Bars(ProgressBars),
    Lines(PlainLines),
}

impl Screen {
    fn show(&mut self, snapshot: &DaemonSnapshot) {
        match self {
            Self::Bars(bars) => bars.show(snapshot),
            Self::Lines(lines) => {
                if let Some(line) = lines.next(snapshot, Instant::now()) {
                    drop(writeln!(stderr(), "{line}"));
                }
            }
        }
    }

    fn clear(&mut self) {
        if let Self::Bars(bars) = self {
            bars.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    #[test]
    fn who_asks_for_less_is_shown_no_progress() {
        use ProgressStyle as S;
        for (is_quiet, on_terminal, shown) in [
            (false, true, S::Bars),
            (false, false, S::Lines),
            (true, true, S::Nothing),
            (true, false, S::Nothing),
        ] {
            assert_eq!(S::of(is_quiet, on_terminal), shown, "{is_quiet} {on_terminal}");
        }
    }

    #[test]
    fn the_thread_looks_until_it_is_told_to_stop() {
        let (told, hear) = mpsc::sync_channel(1);
        let looks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&looks);
        let source: SnapshotSource = Arc::new(move || {
            counted.fetch_add(1, SeqCst);
            let _full = told.try_send(());
            DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH)
        });
        let progress = ProgressDisplay::start(source, ProgressStyle::Lines);
        hear.recv_timeout(Duration::from_secs(10)).unwrap();
        progress.finish();
        let after = looks.load(SeqCst);
        assert!(hear.try_recv().is_ok() || after >= 1);
        assert_eq!(looks.load(SeqCst), after);
    }
}
