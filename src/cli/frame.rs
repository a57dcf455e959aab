//! One frame of `grind top` as text.

use std::collections::BTreeMap;

use crate::actor::ActorSnapshot;
use crate::log::PlainText;
use crate::observe::{DaemonStatus, DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed, facts};

/// What was seen, and how busy each actor was since the frame before.
#[derive(Debug, Clone)]
pub struct TopFrame {
    /// What was seen.
    pub seen: DaemonStatus,
    /// Seconds inside handlers a second, all instances together.
    pub busy: BTreeMap<String, f64>,
}

impl TopFrame {
    /// The lines, none longer than `columns` and no more than `rows` of them.
    pub fn text(&self, columns: usize, rows: usize) -> String {
        let mut lines = self.head();
        lines.push(String::new());
        lines.extend(self.actors());
        lines.push(String::new());
        lines.extend(self.session());
        if !self.seen.daemon.transfers.is_empty() {
            lines.push(String::new());
            lines.extend(self.transfers());
        }
        lines
            .iter()
            .take(rows)
            .map(|line| clipped(line, columns) + "\n")
            .collect()
    }

    fn head(&self) -> Vec<String> {
        let shown = [
            "state",
            "signed out",
            "to do",
            "stopping",
            "GRIN says wait",
            "intake paused",
            "waiting for",
        ];
        let shown_too = ["barcodes", "this run", "last minute", "library stored"];
        let memory = self
            .seen
            .process
            .resident_bytes
            .map(|bytes| ("memory", DisplaySize(bytes).to_string()));
        let facts = facts(&self.seen.daemon).into_iter();
        let wanted = facts.filter(|(heading, _)| shown.contains(heading) || shown_too.contains(heading));
        wanted
            .chain(memory)
            .map(|(heading, text)| format!("{heading:<15}{}", PlainText(&text)))
            .collect()
    }

    fn actors(&self) -> Vec<String> {
        let heading = format!(
            "{:<14}{:<14}{:>11}{:>6}{:>9}{:>8}{:>12}{:>7}  {}",
            "ACTOR", "INSTANCES", "MAILBOX", "PEAK", "OLDEST", "RUNNING", "HANDLED", "BUSY", "WAITS FOR"
        );
        std::iter::once(heading)
            .chain(self.seen.hub.actors.iter().map(|actor| self.actor(actor)))
            .collect()
    }

    fn actor(&self, actor: &ActorSnapshot) -> String {
        let states: Vec<_> = actor
            .states
            .iter()
            .map(|(state, count)| format!("{count} {}", state.as_str()))
            .collect();
        let running = actor.in_flight();
        let handled = actor.handled();
        let busy = self
            .busy
            .get(actor.name.as_str())
            .map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0));
        let waits = actor
            .protected
            .as_ref()
            .map(|wait| format!("{} {}", wait.what, DisplayDuration(wait.seconds)));
        format!(
            "{:<14}{:<14}{:>11}{:>6}{:>9}{running:>8}{:>12}{busy:>7}  {}",
            actor.name.as_str(),
            states.join(" "),
            format!("{} / {}", actor.depth, actor.capacity),
            actor.peak,
            DisplayDuration(actor.oldest_age_seconds),
            DisplayCount(handled),
            PlainText(&waits.unwrap_or_default()),
        )
    }

    fn session(&self) -> Vec<String> {
        let session = &self.seen.session;
        let head = format!(
            "{} session, {} connections open of {} opened, {} requests in flight",
            session.sessions_created, session.connections_open, session.connections_opened, session.requests_in_flight
        );
        let permits = session.permits.iter().map(|(class, permits)| {
            format!(
                "  {class:<10}{} held, {} free, {} waiting",
                permits.held, permits.free, permits.waiting
            )
        });
        std::iter::once(head).chain(permits).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a speed for the eye")]
    fn transfers(&self) -> Vec<String> {
        let line = |transfer: &crate::observe::TransferView| {
            let of = transfer
                .length
                .map(|length| format!(" of {}", DisplaySize(length)))
                .unwrap_or_default();
            let speed = DisplaySpeed(transfer.received as f64 / transfer.seconds.max(0.001));
            let barcode = PlainText(&transfer.barcode).to_string();
            format!(
                "{barcode:<24}{:>10}{of} · {speed} · {}",
                DisplaySize(transfer.received),
                DisplayDuration(transfer.seconds)
            )
        };
        self.seen.daemon.transfers.iter().map(line).collect()
    }
}

/// The line up to so many characters. Wide scripts do not occur in what we draw.
fn clipped(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::actor::{ActorRegistry, HistogramSnapshot};
    use crate::observe::{BlockingChains, DaemonReadiness, DaemonSnapshot, PlaceFigures, ProcessFigures, TransferView};
    use crate::session::SessionCounters;

    /// A daemon with one download under way.
    pub fn seen() -> DaemonStatus {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", jiff::Timestamp::UNIX_EPOCH);
        daemon.transfers.push(TransferView {
            barcode: "ABC1".into(),
            received: 1_048_576,
            length: Some(2_097_152),
            seconds: 2.0,
        });
        let mut session = SessionCounters::default().snapshot();
        session.sessions_created = 1;
        (session.connections_opened, session.connections_open) = (5, 4);
        session.requests_in_flight = 4;
        let bulk = session.permits.get_mut("bulk").unwrap();
        (bulk.held, bulk.free, bulk.waiting) = (4, 40, 2);
        let mut hub = ActorRegistry::new().snapshot();
        hub.actors.push(downloader());
        DaemonStatus {
            daemon,
            readiness: DaemonReadiness::Yes,
            hub,
            session,
            sentences: BTreeMap::new(),
            chains: BlockingChains::default(),
            sharing: None,
            places: PlaceFigures::default(),
            process: ProcessFigures {
                resident_bytes: Some(45_000_000),
                ..ProcessFigures::default()
            },
        }
    }

    fn downloader() -> ActorSnapshot {
        let json = serde_json::json!({
            "name": "downloader", "states": {"running": 4}, "depth": 3, "capacity": 8, "peak": 8, "waiting_for_room": 0,
            "oldest_age_seconds": 0.25, "wait": HistogramSnapshot::default(), "busy_seconds": 1.5, "restarts": {},
            "restart_backoff_seconds": 0.0, "exits": {}, "last_progress_timestamp_seconds": null,
            "protected": {"what": "body", "seconds": 2.0}, "send_blocked_seconds": {}, "gave_up": false, "instances": [],
            "messages": [{
                "kind": "download", "sent": 1_207, "in_flight": 4, "handled": {"ok": 1_200, "error": 3}, "rejected": {},
                "abandoned": {}, "timeouts": [], "handle": HistogramSnapshot::default(),
            }],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_frame_shows_mailboxes_permits_and_transfers() {
        let frame = TopFrame {
            seen: seen(),
            busy: [("downloader".to_owned(), 0.5)].into(),
        };
        let text = frame.text(usize::MAX, usize::MAX);
        for part in [
            "downloader    4 running           3 / 8     8     0.2s       4       1 203    50%  body 2.0s\n",
            "1 session, 4 connections open of 5 opened, 4 requests in flight\n",
            "  bulk      4 held, 40 free, 2 waiting\n",
            "ABC1                       1.0 MiB of 2.0 MiB · 524.3 kB/s · 2.0s\n",
            "memory         42.9 MiB\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn a_small_terminal_is_not_overrun() {
        let frame = TopFrame {
            seen: seen(),
            busy: BTreeMap::new(),
        };
        let text = frame.text(20, 5);
        assert_eq!(text.lines().count(), 5);
        assert!(text.lines().all(|line| line.chars().count() <= 20));
    }
}
