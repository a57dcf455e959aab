//! Progress as bars on a terminal.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::progress::plain::{done_of, phase_words, stored_words, tempo};
use crate::observe::{DaemonSnapshot, DisplayDuration, DisplaySize, PhaseProgress, TransferView, WorkPhase};

/// More transfers than this are not shown singly.
const MOST_TRANSFERS: usize = 16;

/// A line a phase, a bar a transfer, and the sum below.
pub struct ProgressBars {
    all: MultiProgress,
    phases: BTreeMap<WorkPhase, ProgressBar>,
    transfers: Vec<ProgressBar>,
    books: ProgressBar,
}

impl ProgressBars {
    /// On standard error, empty until the first snapshot.
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let books = all.add(ProgressBar::no_length().with_style(style("{spinner} {msg}")));
        Self {
            all,
            phases: BTreeMap::new(),
            transfers: Vec::new(),
            books,
        }
    }

    /// The bars as a whole.
    pub fn handle(&self) -> MultiProgress {
        self.all.clone()
    }

    /// Draws a snapshot.
    pub fn show(&mut self, snapshot: &DaemonSnapshot) {
        for (phase, progressed) in &snapshot.phases {
            if *phase != WorkPhase::Download && (progressed.active || progressed.done > 0) {
                self.phase(*phase, *progressed);
            }
        }
        self.show_transfers(&snapshot.transfers);
        self.show_books(snapshot);
    }

    /// Takes all bars off the terminal.
    pub fn clear(&mut self) {
        // The terminal may be gone; there is nothing to do about it.
        drop(self.all.clear());
    }

    fn phase(&mut self, phase: WorkPhase, progressed: PhaseProgress) {
        let bar = self.phases.entry(phase).or_insert_with(|| {
            let bar = ProgressBar::no_length().with_style(style("  {msg}"));
            self.all.insert(phase as usize, bar)
        });
        let mark = if progressed.active { '…' } else { '✓' };
        bar.set_message(format!("{mark} {} {}", phase_words(phase), done_of(progressed)));
    }

    fn show_transfers(&mut self, transfers: &[TransferView]) {
        let shown = &transfers[..transfers.len().min(MOST_TRANSFERS)];
        while self.transfers.len() > shown.len() {
            self.transfers.pop().inspect(|bar| self.all.remove(bar));
        }
        while self.transfers.len() < shown.len() {
            let bar = ProgressBar::no_length();
            self.transfers.push(self.all.insert_before(&self.books, bar));
        }
        for (bar, transfer) in self.transfers.iter().zip(shown) {
            bar.set_style(style(if transfer.length.is_some() {
                "    {prefix:22!} [{bar:24}] {msg}"
            } else {
                "    {prefix:22!} {spinner} {msg}"
            }));
            bar.set_length(transfer.length.unwrap_or_default());
            bar.set_position(transfer.received);
            bar.set_prefix(transfer.barcode.clone());
            bar.set_message(transfer_words(transfer));
        }
    }

    fn show_books(&self, snapshot: &DaemonSnapshot) {
        let stored = snapshot.phases.get(&WorkPhase::Download).copied().unwrap_or_default();
        let waiting = snapshot
            .waiting
            .first()
            .map(|waiting| format!(" · waiting for {}", waiting.cause.label()));
        let waiting = waiting.unwrap_or_default();
        let ran = DisplayDuration(snapshot.running_seconds());
        if let Some(total) = stored.total {
            self.books.set_style(style("  [{bar:30}] {msg}"));
            self.books.set_length(total);
        }
        self.books.set_position(stored.done);
        self.books.set_message(format!(
            "{ran} · {} · {}{waiting}",
            stored_words(snapshot),
            tempo(snapshot)
        ));
        self.books.tick();
    }
}

fn transfer_words(transfer: &TransferView) -> String {
    let of = transfer.length.map(|length| format!(" of {}", DisplaySize(length)));
    let (received, pace) = (DisplaySize(transfer.received), transfer.pace());
    format!("{received}{} · {pace}", of.unwrap_or_default())
}

/// A template of ours; should one be wrong, indicatif's own look serves, and a test says so.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(barcode: &str, length: Option<u64>) -> TransferView {
        TransferView {
            barcode: barcode.into(),
            received: 1024 * 1024,
            length,
            seconds: 0.5,
            silent_seconds: 0.0,
        }
    }

    #[test]
    fn bars_come_and_go_with_the_transfers() {
        let mut bars = ProgressBars::on(ProgressDrawTarget::hidden());
        let mut snapshot = DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH);
        snapshot.transfers = (0..40)
            .map(|number| transfer(&format!("B{number}"), Some(number)))
            .collect();
        bars.show(&snapshot);
        assert_eq!(bars.transfers.len(), MOST_TRANSFERS);
        snapshot.transfers = vec![transfer("ABC1", None)];
        snapshot.phases.insert(
            WorkPhase::Convert,
            PhaseProgress {
                done: 3,
                total: None,
                active: true,
            },
        );
        snapshot.phases.insert(
            WorkPhase::Collect,
            PhaseProgress {
                done: 3,
                total: Some(3),
                active: false,
            },
        );
        bars.show(&snapshot);
        assert_eq!(bars.transfers.len(), 1);
        assert_eq!(bars.transfers[0].prefix(), "ABC1");
        assert_eq!(bars.transfers[0].message(), "1.0 MiB · 2.1 MB/s");
        assert_eq!(bars.phases[&WorkPhase::Collect].message(), "✓ rows collected 3 of 3");
    }

    #[test]
    fn every_template_is_understood() {
        for template in [
            "{spinner} {msg}",
            "  {msg}",
            "  [{bar:30}] {msg}",
            "    {prefix:22!} [{bar:24}] {msg}",
            "    {prefix:22!} {spinner} {msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
