//! What the log says of a run's course: a summary every few minutes, and while it drains, who is left.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::actor::HubSnapshot;
use crate::actor::tasks::{TaskHandle, spawn};
use crate::daemon::notify;
use crate::daemon::view::LiveDaemonView;
use crate::log::{CountedNoun, DisplayDuration, DisplaySize};
use crate::observe::{DaemonSnapshot, DaemonView as _};
use crate::vocabulary::BookOutcome;

/// How often who is left is said.
const WHO_IS_LEFT_EVERY: Duration = Duration::from_secs(5);
/// How often what was done is said.
const SUMMARY_EVERY: Duration = Duration::from_secs(300);
/// How long systemd waits from now on, while bytes move: till they are looked at again, and for the end after the drain.
const STOP_LONGER: Duration = Duration::from_secs(30);
/// Bodies on their way that are named.
const NAMED: usize = 5;

/// Tells it until the handle is dropped.
pub(super) fn tell(view: &Arc<LiveDaemonView>) -> TaskHandle<()> {
    let view = Arc::clone(view);
    spawn(&view.registry(), "course", async move {
        let mut course = RunCourse::begun(&view.daemon());
        let mut summary_at = Instant::now() + SUMMARY_EVERY;
        let mut flow = ByteFlow::default();
        loop {
            tokio::time::sleep(WHO_IS_LEFT_EVERY).await;
            let now = view.daemon();
            let moves = flow.moves(&now);
            if now.shutdown.is_some() {
                info!("draining: {}", who_is_left(&now, &view.hub()));
                if moves {
                    notify::wait_longer(STOP_LONGER);
                }
            } else if Instant::now() >= summary_at {
                summary_at += SUMMARY_EVERY;
                if let Some(summary) = course.summary(&now, &view.line()) {
                    info!("{summary}");
                }
            }
        }
    })
}

/// Bytes of this run, with those on their way.
#[derive(Default)]
struct ByteFlow {
    bytes: u64,
}

impl ByteFlow {
    /// Whether there are more than at the last look.
    fn moves(&mut self, now: &DaemonSnapshot) -> bool {
        let on_their_way: u64 = now.transfers.iter().map(|transfer| transfer.received).sum();
        let bytes = now.stored_bytes + on_their_way;
        std::mem::replace(&mut self.bytes, bytes) < bytes
    }
}

/// What a summary counts from.
struct RunCourse {
    stored: u64,
    failed: u64,
    bytes: u64,
    line: String,
}

impl RunCourse {
    fn begun(now: &DaemonSnapshot) -> Self {
        Self {
            stored: now.finished(BookOutcome::Stored),
            failed: now.finished(BookOutcome::Failed),
            bytes: now.stored_bytes,
            line: String::new(),
        }
    }

    /// What was done since the last one, and how things stand; `None` where both are as before.
    fn summary(&mut self, now: &DaemonSnapshot, line: &str) -> Option<String> {
        let since = std::mem::replace(
            self,
            Self {
                line: line.to_owned(),
                ..Self::begun(now)
            },
        );
        let (stored, failed) = (self.stored - since.stored, self.failed - since.failed);
        if (stored, failed) == (0, 0) && line == since.line {
            return None;
        }
        let minutes = SUMMARY_EVERY.as_secs() / 60;
        let size = DisplaySize(self.bytes - since.bytes);
        let days = now
            .eta_seconds
            .map(|left| format!("; what is ready takes {}", DisplayDuration(left)));
        Some(format!(
            "in the last {minutes} min: {} stored ({size}), {failed} failed; now: {line}{}",
            CountedNoun(stored, "book"),
            days.unwrap_or_default()
        ))
    }
}

/// Books on their way with their bytes, and what the actors have in hand.
fn who_is_left(now: &DaemonSnapshot, hub: &HubSnapshot) -> String {
    let mut left = vec![match now.books_in_hand {
        1 => "1 book is left".to_owned(),
        books => format!("{books} books are left"),
    }];
    for transfer in now.transfers.iter().take(NAMED) {
        let of = transfer.length.map(|length| format!(" of {}", DisplaySize(length)));
        let (barcode, received) = (&transfer.barcode, DisplaySize(transfer.received));
        left.push(format!("{barcode} has {received}{}", of.unwrap_or_default()));
    }
    let more = now.transfers.len().saturating_sub(NAMED);
    left.extend((more > 0).then(|| format!("{more} more are on their way")));
    for actor in &hub.actors {
        let messages = actor.messages.iter().filter(|message| message.in_flight > 0);
        left.extend(messages.map(|message| format!("{} handles {} ({})", actor.name, message.kind, message.in_flight)));
    }
    left.join("; ")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::observe::TransferView;

    fn snapshot() -> DaemonSnapshot {
        DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_summary_counts_since_the_last_one_and_is_silent_where_nothing_happens() {
        let mut now = snapshot();
        let mut course = RunCourse::begun(&now);
        now.finished.insert(BookOutcome::Stored, 12);
        now.finished.insert(BookOutcome::Failed, 1);
        now.stored_bytes = 2048;
        now.eta_seconds = Some(7_500.0);
        let said = course.summary(&now, "12 of 20 books stored").unwrap();
        assert_eq!(
            said,
            "in the last 5 min: 12 books stored (2.0 KiB), 1 failed; now: 12 of 20 books stored; what is ready takes 2h 5m"
        );
        assert_eq!(course.summary(&now, "12 of 20 books stored"), None);
        let said = course.summary(&now, "signed out").unwrap();
        assert!(
            said.contains(": 0 books stored") && said.contains("signed out"),
            "{said}"
        );
    }

    fn transfer(number: u64, received: u64) -> TransferView {
        TransferView {
            barcode: format!("X{number}"),
            received,
            length: (number == 0).then_some(4096),
            seconds: 1.0,
            silent_seconds: 0.0,
        }
    }

    #[test]
    fn bytes_move_where_there_are_more_than_before() {
        let mut flow = ByteFlow::default();
        for (case, stored, on_their_way, moves) in [
            ("nothing yet", 0, &[][..], false),
            ("the first come", 0, &[10, 20], true),
            ("all are silent", 0, &[10, 20], false),
            ("one goes on", 0, &[10, 21], true),
            ("it is stored", 21, &[10], false),
            ("one is given up", 21, &[], false),
            ("another comes", 21, &[1], true),
        ] {
            let mut now = snapshot();
            now.stored_bytes = stored;
            now.transfers = on_their_way.iter().map(|bytes| transfer(0, *bytes)).collect();
            assert_eq!(flow.moves(&now), moves, "{case}");
        }
    }

    #[test]
    fn who_is_left_is_named_up_to_a_few() {
        let mut now = snapshot();
        now.books_in_hand = 9;
        now.transfers = (0..7).map(|number| transfer(number, 1024)).collect();
        let said = who_is_left(&now, &HubSnapshot::default());
        assert!(
            said.starts_with("9 books are left; X0 has 1.0 KiB of 4.0 KiB; X1 has 1.0 KiB; "),
            "{said}"
        );
        assert!(said.ends_with("X4 has 1.0 KiB; 2 more are on their way"), "{said}");
    }
}
