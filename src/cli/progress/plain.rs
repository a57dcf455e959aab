//! Progress as plain lines, for logs and pipes.

use std::time::{Duration, Instant};

use crate::observe::{
    DaemonSnapshot, DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed, PhaseProgress, WorkPhase,
};
use crate::vocabulary::BookOutcome;

/// A line at least this often.
const QUIET: Duration = Duration::from_secs(10);
/// And never more often than this.
const BREATH: Duration = Duration::from_secs(1);
/// Within that, a line for each step of so many per cent.
const STEP_PERCENT: u64 = 5;

/// Decides when the next line is due.
#[derive(Debug)]
pub struct PlainLines {
    last: Instant,
    step: u64,
    said: String,
}

impl PlainLines {
    /// The first line comes after a breath, once there is something to say.
    pub fn new(now: Instant) -> Self {
        Self {
            last: now,
            step: 0,
            said: String::new(),
        }
    }

    /// The line for this snapshot, if one is due; the same is never said twice.
    pub fn next(&mut self, snapshot: &DaemonSnapshot, now: Instant) -> Option<String> {
        let step = percent(snapshot) / STEP_PERCENT;
        let waited = now.duration_since(self.last);
        let due = waited >= QUIET || (waited >= BREATH && (step > self.step || self.said.is_empty()));
        let line = line(snapshot);
        if !due || line.is_empty() || line == self.said {
            return None;
        }
        *self = Self {
            last: now,
            step,
            said: line.clone(),
        };
        Some(line)
    }
}

fn percent(snapshot: &DaemonSnapshot) -> u64 {
    let stored = phase(snapshot, WorkPhase::Download);
    stored
        .total
        .and_then(|total| (stored.done.saturating_mul(100)).checked_div(total))
        .unwrap_or(0)
}

fn phase(snapshot: &DaemonSnapshot, phase: WorkPhase) -> PhaseProgress {
    snapshot.phases.get(&phase).copied().unwrap_or_default()
}

fn line(snapshot: &DaemonSnapshot) -> String {
    let mut parts = Vec::new();
    for (phase, progressed) in &snapshot.phases {
        if *phase != WorkPhase::Download && progressed.active {
            parts.push(format!("{} {}", phase_words(*phase), done_of(*progressed)));
        }
    }
    let stored = phase(snapshot, WorkPhase::Download);
    if stored.active || stored.done > 0 {
        parts.push(stored_words(snapshot));
        parts.push(tempo(snapshot));
    }
    let waiting = snapshot.waiting.first();
    parts.extend(waiting.map(ToString::to_string));
    parts.join(" · ")
}

/// `books stored 4 of 16, 12 failed`: what has failed is done, and not stored.
pub fn stored_words(snapshot: &DaemonSnapshot) -> String {
    let done = phase(snapshot, WorkPhase::Download);
    let failed = snapshot.finished(BookOutcome::Failed);
    let stored = done_of(PhaseProgress {
        done: done.done.saturating_sub(failed),
        ..done
    });
    match failed {
        0 => format!("books stored {stored}"),
        failed => format!("books stored {stored}, {} failed", DisplayCount(failed)),
    }
}

/// What a phase counts.
pub fn phase_words(phase: WorkPhase) -> &'static str {
    match phase {
        WorkPhase::Collect => "rows collected",
        WorkPhase::Enrich => "books enriched",
        WorkPhase::Convert => "conversions asked for",
        WorkPhase::Download => "books stored",
    }
}

/// `12 of 300`, or `12` while nobody knows of how many.
pub fn done_of(progressed: PhaseProgress) -> String {
    match progressed.total {
        Some(total) => format!("{} of {}", DisplayCount(progressed.done), DisplayCount(total)),
        None => DisplayCount(progressed.done).to_string(),
    }
}

/// Bytes, speed, and how long it will take: `1.2 GiB · 24.3 books/s · 120.1 MB/s · 3m 2s to go`.
pub fn tempo(snapshot: &DaemonSnapshot) -> String {
    let rate = snapshot.rates.minute;
    let mut text = DisplaySize(snapshot.stored_bytes).to_string();
    // Before the first measurement there is no speed, and 0.0 would be a wrong one.
    if rate.books_per_second > 0.0 {
        let bytes = DisplaySpeed(rate.bytes_per_second);
        text = format!("{text} · {:.1} books/s · {bytes}", rate.books_per_second);
    }
    if let Some(eta) = snapshot.eta_seconds {
        text += &[" · ", &DisplayDuration(eta).to_string(), " to go"].concat();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::MeasuredRate;
    use crate::vocabulary::{WaitCause, WaitReason};

    fn snapshot(done: u64) -> DaemonSnapshot {
        let mut snapshot = DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH);
        snapshot.phases.insert(
            WorkPhase::Download,
            PhaseProgress {
                done,
                total: Some(300),
                active: true,
            },
        );
        snapshot.stored_bytes = 1024 * 1024;
        snapshot.rates.minute = MeasuredRate {
            books_per_second: 24.25,
            bytes_per_second: 120_100_000.0,
        };
        snapshot.eta_seconds = Some(182.0);
        snapshot
    }

    #[test]
    fn a_line_tells_books_bytes_speed_and_what_is_left() {
        let line = line(&snapshot(12));
        assert_eq!(
            line,
            "books stored 12 of 300 · 1.0 MiB · 24.2 books/s · 120.1 MB/s · 3m 2s to go"
        );
    }

    #[test]
    fn a_speed_that_was_not_measured_yet_is_not_told() {
        let mut snapshot = snapshot(12);
        (snapshot.rates.minute, snapshot.eta_seconds) = (MeasuredRate::default(), None);
        assert_eq!(line(&snapshot), "books stored 12 of 300 · 1.0 MiB");
        snapshot.finished.insert(BookOutcome::Failed, 5);
        assert_eq!(line(&snapshot), "books stored 7 of 300, 5 failed · 1.0 MiB");
    }

    #[test]
    fn phases_before_and_waiting_are_told() {
        let mut snapshot = DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(line(&snapshot), "");
        snapshot.phases.insert(
            WorkPhase::Collect,
            PhaseProgress {
                done: 1_200,
                total: None,
                active: true,
            },
        );
        snapshot.phases.insert(
            WorkPhase::Enrich,
            PhaseProgress {
                done: 5,
                total: Some(5),
                active: false,
            },
        );
        let wait = WaitReason::new(WaitCause::Grin, "503", jiff::Timestamp::UNIX_EPOCH);
        snapshot.waiting.push(wait);
        assert_eq!(line(&snapshot), "rows collected 1 200 · waiting for GRIN: 503");
    }

    #[test]
    fn a_thousand_looks_a_second_make_few_lines() {
        let start = Instant::now();
        let mut lines = PlainLines::new(start);
        let said = (0..30_000u64)
            .filter(|tick| {
                lines
                    .next(&snapshot(tick / 100), start + Duration::from_millis(*tick))
                    .is_some()
            })
            .count();
        // 30 s, 300 books: a line for each 5 %.
        assert!((15..=22).contains(&said), "{said}");
    }

    #[test]
    fn what_does_not_move_is_said_once() {
        let start = Instant::now();
        let mut lines = PlainLines::new(start);
        let said = (0..100)
            .filter(|tick| lines.next(&snapshot(3), start + Duration::from_secs(*tick)).is_some())
            .count();
        assert_eq!(said, 1);
    }

    #[test]
    fn no_books_at_all_is_no_division_by_zero() {
        let mut empty = snapshot(0);
        empty.phases.insert(
            WorkPhase::Download,
            PhaseProgress {
                done: 0,
                total: Some(0),
                active: true,
            },
        );
        assert_eq!(percent(&empty), 0);
    }
}
