//! What `grind top` shows of a daemon, as plain text for where there is no terminal.

use crate::actor::ActorSnapshot;
use crate::log::{CountedNoun, PlainText};
use crate::observe::{DaemonStatus, DisplayCount, DisplayDuration, DisplaySize, TransferView, facts, how_it_is};
use crate::session::SessionSnapshot;

/// The daemon at one moment.
pub struct TopFrame<'a> {
    /// What was seen.
    pub seen: &'a DaemonStatus,
}

/// Headings of the facts that are shown after how it is, most urgent first.
const SHOWN: [&str; 9] = [
    "state",
    "GRIN says wait",
    "intake paused",
    "waiting for",
    "downloads",
    "barcodes",
    "this run",
    "last minute",
    "library stored",
];

impl TopFrame<'_> {
    /// All of it.
    pub fn text(&self) -> String {
        let head = self.head().into_iter();
        let mut lines: Vec<_> = head.map(|(heading, text)| format!("{heading:<15}{text}")).collect();
        lines.push(String::new());
        lines.extend(self.actors());
        lines.push(String::new());
        lines.extend(permit_lines(&self.seen.session));
        if !self.seen.daemon.transfers.is_empty() {
            lines.push(String::new());
            lines.extend(self.seen.daemon.transfers.iter().map(transfer_line));
        }
        lines.iter().map(|line| format!("{}\n", PlainText(line))).collect()
    }

    /// What the daemon does and waits for, each with its heading.
    pub fn head(&self) -> Vec<(&'static str, String)> {
        let mut head = how_it_is(self.seen);
        let facts = facts(&self.seen.daemon).into_iter();
        head.extend(facts.filter(|(heading, _)| SHOWN.contains(heading)));
        let memory = self.seen.process.resident_bytes;
        head.extend(memory.map(|bytes| ("memory", DisplaySize(bytes).to_string())));
        head
    }

    fn actors(&self) -> Vec<String> {
        let heading = format!(
            "{:<14}{:<14}{:>11}{:>6}{:>9}{:>8}{:>12}{:>7}  {}",
            "ACTOR", "INSTANCES", "MAILBOX", "PEAK", "OLDEST", "RUNNING", "HANDLED", "BUSY", "WAITS FOR"
        );
        std::iter::once(heading)
            .chain(self.seen.hub.actors.iter().map(actor_line))
            .collect()
    }
}

fn actor_line(actor: &ActorSnapshot) -> String {
    let states: Vec<_> = actor
        .states
        .iter()
        .map(|(state, count)| format!("{count} {}", state.as_str()))
        .collect();
    let minute = actor.windows.get("1m");
    let busy = minute.map_or_else(|| "-".to_owned(), |window| format!("{:.0}%", window.busy_share * 100.0));
    let waits = actor
        .protected
        .as_ref()
        .map(|wait| format!("{} {}", wait.what, DisplayDuration(wait.seconds)));
    format!(
        "{:<14}{:<14}{:>11}{:>6}{:>9}{:>8}{:>12}{busy:>7}  {}",
        actor.name.as_str(),
        states.join(" "),
        format!("{} / {}", actor.depth, actor.capacity),
        actor.peak,
        DisplayDuration(actor.oldest_age_seconds),
        actor.in_flight(),
        DisplayCount(actor.handled()),
        waits.unwrap_or_default(),
    )
}

/// Connections, and a line for the permits of each class.
pub fn permit_lines(session: &SessionSnapshot) -> Vec<String> {
    let head = format!(
        "{}, {} open of {} opened, {} in flight",
        CountedNoun(session.sessions_created, "session"),
        CountedNoun(session.connections_open, "connection"),
        session.connections_opened,
        CountedNoun(session.requests_in_flight as u64, "request")
    );
    let permits = session.permits.iter().map(|(class, permits)| {
        format!(
            "  {class:<10}{} held, {} free, {} waiting",
            permits.held, permits.free, permits.waiting
        )
    });
    std::iter::once(head).chain(permits).collect()
}

/// How far a body is, and how fast it comes.
pub fn transfer_line(transfer: &TransferView) -> String {
    let of = transfer
        .length
        .map(|length| format!(" of {}", DisplaySize(length)))
        .unwrap_or_default();
    format!(
        "{:<24}{:>10}{of} · {} · {}",
        transfer.barcode,
        DisplaySize(transfer.received),
        transfer.pace(),
        DisplayDuration(transfer.seconds)
    )
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::actor::{ActorRegistry, HistogramSnapshot};
    use crate::observe::{BlockingChains, DaemonReadiness, DaemonSnapshot, PlaceFigures, ProcessFigures};
    use crate::session::SessionCounters;

    /// A daemon with one download under way.
    pub fn seen() -> DaemonStatus {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", jiff::Timestamp::UNIX_EPOCH);
        daemon.transfers.push(TransferView {
            barcode: "ABC1".into(),
            received: 1_048_576,
            length: Some(2_097_152),
            seconds: 2.0,
            silent_seconds: 0.0,
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
            stuck: Vec::new(),
            stalled: Vec::new(),
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
            "windows": {"1m": {
                "seconds": 60.0, "handled_per_second": 2.5, "failed_per_second": 0.1, "busy_share": 0.5,
                "wait": {"p50_seconds": 0.1, "p90_seconds": 0.2, "p99_seconds": 0.3},
                "messages": [{
                    "kind": "download", "handled_per_second": 2.5, "failed_per_second": 0.1, "handle_share": 3.0,
                    "handle": {"p50_seconds": 1.0, "p90_seconds": 2.0, "p99_seconds": 3.0},
                }],
            }},
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
        let mut seen = seen();
        seen.daemon.transfers[0].barcode = "ABC\u{1b}1".into();
        let text = TopFrame { seen: &seen }.text();
        for part in [
            "downloader    4 running           3 / 8     8     0.2s       4       1 203    50%  body 2.0s\n",
            "1 session, 4 connections open of 5 opened, 4 requests in flight\n",
            "  bulk      4 held, 40 free, 2 waiting\n",
            " 1.0 MiB of 2.0 MiB · 524.3 kB/s · 2.0s\n",
            "memory         42.9 MiB\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "words cannot steer the terminal: {text}");
    }
}
