//! The table at the end of a run.

use std::fmt;

use crate::cli::summary::{failed_because, otherwise};
use crate::observe::{DaemonSnapshot, DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed, ProcessFigures};
use crate::vocabulary::BookOutcome;

/// What was stored, how fast, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosingTable<'a> {
    /// The daemon's last snapshot.
    pub daemon: &'a DaemonSnapshot,
    /// HTTP sessions made.
    pub sessions_created: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Memory and CPU time of the process, in which the simulator runs too.
    pub process: ProcessFigures,
}

impl ClosingTable<'_> {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let count = |outcome| DisplayCount(self.daemon.finished(outcome)).to_string();
        let mut rows = vec![("books stored", count(BookOutcome::Stored))];
        rows.extend(otherwise(self.daemon).map(|(words, count)| (words, count.to_string())));
        rows.push(("failed", count(BookOutcome::Failed) + &failed_because(self.daemon)));
        rows.push(("bytes", DisplaySize(self.daemon.stored_bytes).to_string()));
        rows.push(("time", DisplayDuration(self.daemon.running_seconds()).to_string()));
        rows.push(("speed", self.speed()));
        rows.push(("sessions created", DisplayCount(self.sessions_created).to_string()));
        rows.push(("connections opened", DisplayCount(self.connections_opened).to_string()));
        rows.extend(self.process.peak_resident_bytes.map(|bytes| {
            (
                "peak memory",
                format!("{}, with the simulated GRIN", DisplaySize(bytes)),
            )
        }));
        rows.extend(self.process.cpu_seconds.map(|seconds| {
            (
                "CPU time",
                format!("{}, with the simulated GRIN", DisplayDuration(seconds)),
            )
        }));
        rows.push(("storage", self.daemon.library.clone()));
        rows
    }

    #[expect(clippy::cast_precision_loss, reason = "a speed for the eye")]
    fn speed(&self) -> String {
        let seconds = self.daemon.running_seconds();
        if seconds <= 0.0 {
            return "-".into();
        }
        let books = self.daemon.finished(BookOutcome::Stored) as f64 / seconds;
        let bytes = DisplaySpeed(self.daemon.stored_bytes as f64 / seconds);
        format!("{books:.1} books/s, {bytes}")
    }
}

impl fmt::Display for ClosingTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows()
            .iter()
            .try_for_each(|(words, value)| writeln!(f, "  {words:<20}{value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::FailureReason;
    use jiff::Timestamp;

    #[test]
    fn the_table_tells_all_of_it() {
        let mut daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        daemon.taken_at = Timestamp::from_second(10).unwrap();
        daemon.finished = [
            (BookOutcome::Stored, 298),
            (BookOutcome::Retry, 2),
            (BookOutcome::Failed, 3),
        ]
        .into();
        daemon.failures = [
            (FailureReason::DamagedAtSource, 1),
            (FailureReason::WrongPassphrase, 2),
            (FailureReason::Timeout, 0),
        ]
        .into();
        daemon.stored_bytes = 1_200_000_000;
        daemon.library = "file:///srv/library".into();
        let process = ProcessFigures {
            peak_resident_bytes: Some(45_000_000),
            cpu_seconds: Some(7.25),
            ..Default::default()
        };
        let table = ClosingTable {
            daemon: &daemon,
            sessions_created: 1,
            connections_opened: 4,
            process,
        }
        .to_string();
        let expected = "\u{20} books stored        298
  failed attempts     2
  failed              3 (wrong_passphrase 2, damaged_at_source 1)
  bytes               1.1 GiB
  time                10.0s
  speed               29.8 books/s, 120.0 MB/s
  sessions created    1
  connections opened  4
  peak memory         42.9 MiB, with the simulated GRIN
  CPU time            7.2s, with the simulated GRIN
  storage             file:///srv/library
";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_run_of_no_time_has_no_speed() {
        let daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        let process = ProcessFigures::default();
        let table = ClosingTable {
            daemon: &daemon,
            sessions_created: 0,
            connections_opened: 0,
            process,
        }
        .to_string();
        assert!(table.contains("speed               -\n"), "{table}");
    }
}
