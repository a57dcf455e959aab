//! A daemon in which everything has happened, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;

use crate::actor::{
    ActorName, ActorRegistry, ActorSnapshot, ActorState, BlackBoxDump, DurationHistogram, EdgeCount, ExitReason,
    HistogramSnapshot, HubSnapshot, MessageOutcome as Handled, MessageSnapshot, ProtectedWait, SnapshotLabel,
    TaskSnapshot,
};
use crate::catalog::{BookStory, CatalogFigures};
use crate::dapr::StateSnapshot;
use crate::grin::Barcode;
use crate::observe::{
    DaemonReadiness, DaemonSnapshot, DaemonState, DaemonView, PhaseProgress, PlaceFigures, ReloadState, SharingView,
    ShutdownPhase, SignedOut, StoryError, TransferView, WorkPhase,
};
use crate::session::{PermitSnapshot, RequestCount, RetryCount, SessionSnapshot};
use crate::storage::StorageFigures;
use crate::vocabulary::{BookOutcome, BookState, FailureReason, WaitCause, WaitReason};

/// The barcode that must not appear in any metric.
pub const BARCODE: &str = "HVD0000000001";

/// A daemon that has seen everything; readiness and log level can be set.
pub struct Seen {
    pub readiness: Mutex<DaemonReadiness>,
    pub level: Mutex<String>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            readiness: Mutex::new(DaemonReadiness::Yes),
            level: Mutex::default(),
        }
    }
}

impl DaemonView for Seen {
    fn daemon(&self) -> DaemonSnapshot {
        daemon()
    }

    fn hub(&self) -> HubSnapshot {
        hub()
    }

    fn black_box(&self, actor: ActorName) -> BlackBoxDump {
        ActorRegistry::new().black_box(actor, "request")
    }

    fn session(&self) -> SessionSnapshot {
        session()
    }

    fn sharing(&self) -> Option<SharingView> {
        let store = StateSnapshot {
            results: [("ok".into(), 7)].into(),
            ..StateSnapshot::default()
        };
        Some(SharingView {
            tasks: vec![("lists".into(), true)],
            store: Some(store),
        })
    }

    fn places(&self) -> PlaceFigures {
        PlaceFigures {
            catalog: CatalogFigures {
                write_seconds: histogram(),
                busy: 1,
            },
            storage: StorageFigures {
                free_bytes: Some(1 << 40),
                reserved_bytes: 1 << 20,
                open_uploads: 2,
                abort_failures: 1,
            },
        }
    }

    fn config(&self) -> Arc<str> {
        "[library]\ndirectory = \"<Harvard>\"\n".into()
    }

    fn story(&self, barcode: Barcode) -> LocalBoxFuture<'static, Result<Option<BookStory>, StoryError>> {
        let story = (barcode.as_str() == BARCODE).then(|| story(barcode));
        Box::pin(std::future::ready(Ok(story)))
    }

    fn ready(&self, _: &DaemonSnapshot) -> DaemonReadiness {
        self.readiness.lock().unwrap().clone()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        if level == "loud" {
            return Err("\"loud\" is no log level".into());
        }
        level.clone_into(&mut self.level.lock().unwrap());
        Ok(())
    }
}

fn story(barcode: Barcode) -> BookStory {
    BookStory {
        barcode,
        state: BookState::Stored,
        meaning: "It is stored.".into(),
        book: serde_json::Map::new(),
        lists: BTreeMap::new(),
        second_copy: None,
        checks: Vec::new(),
        history: Vec::new(),
    }
}

fn daemon() -> DaemonSnapshot {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    DaemonSnapshot {
        state: DaemonState::Draining,
        tasks: [("collect".to_owned(), format!("<{BARCODE}>"))].into(),
        library: "file:///srv/<library>".into(),
        waiting: vec![WaitReason {
            until: Some(now),
            ..WaitReason::new(WaitCause::Storage, format!("<{BARCODE}>"), now)
        }],
        barcodes: [("stored".to_owned(), 7), (BARCODE.to_owned(), 1)].into(),
        finished: BookOutcome::ALL.iter().map(|outcome| (*outcome, 3)).collect(),
        failures: [(FailureReason::DamagedAtSource, 3)].into(),
        phases: WorkPhase::ALL
            .iter()
            .map(|phase| {
                (
                    *phase,
                    PhaseProgress {
                        done: 1,
                        total: Some(2),
                        active: true,
                    },
                )
            })
            .collect(),
        stored_bytes: 1_000_000,
        books_in_hand: 4,
        transfers: vec![TransferView {
            barcode: BARCODE.into(),
            received: 1,
            length: Some(2),
            seconds: 0.5,
            silent_seconds: 0.0,
        }],
        eta_seconds: Some(12.0),
        last_success: Some(now),
        shutdown: Some(ShutdownPhase::WorkersDraining),
        reload: Some(ReloadState {
            at: now,
            successful: false,
            summary: "unknown key".into(),
        }),
        paused: WaitCause::ALL.to_vec(),
        signed_out: Some(SignedOut {
            since: now,
            why: "token dead".into(),
            advice: "sign in".into(),
        }),
        gate_closed_until: Some(now),
        ..DaemonSnapshot::starting("0.1.0", "abcdef", now)
    }
}

fn histogram() -> HistogramSnapshot {
    let histogram = DurationHistogram::new();
    for millis in [0, 1, 20, 3_000, 100_000_000] {
        histogram.observe(Duration::from_millis(millis));
    }
    histogram.snapshot()
}

fn each(words: impl IntoIterator<Item = &'static str>) -> BTreeMap<SnapshotLabel, u64> {
    words.into_iter().map(|word| (word.into(), 2)).collect()
}

fn hub() -> HubSnapshot {
    let tasks = vec![TaskSnapshot {
        name: "drain".into(),
        started: 2,
        running: 1,
        panicked: 1,
    }];
    let actors = ActorName::ALL.map(actor).to_vec();
    HubSnapshot {
        uptime_seconds: 5.0,
        actors,
        waits: Vec::new(),
        tasks,
        ledger: Vec::new(),
        gave_up: None,
    }
}

pub fn actor(name: ActorName) -> ActorSnapshot {
    ActorSnapshot {
        name,
        states: ActorState::ALL.into_iter().map(|state| (state, 1)).collect(),
        depth: 3,
        capacity: 8,
        peak: 8,
        waiting_for_room: 1,
        oldest_age_seconds: 0.5,
        wait: histogram(),
        busy_seconds: 1.25,
        restarts: each(["panic", "build"]),
        restart_backoff_seconds: 0.5,
        exits: each(ExitReason::ALL.map(ExitReason::as_str)),
        last_progress_timestamp_seconds: Some(1.8e9),
        protected: Some(ProtectedWait {
            what: "a <body>".into(),
            seconds: 2.0,
        }),
        send_blocked_seconds: ActorName::ALL.map(|from| (from.as_str().into(), 0.5)).into(),
        gave_up: true,
        messages: ["one", "two", "three", "four", "five", "six"].map(message).to_vec(),
        windows: BTreeMap::new(),
        instances: Vec::new(),
    }
}

fn message(kind: &'static str) -> MessageSnapshot {
    MessageSnapshot {
        kind: kind.into(),
        sent: 9,
        handled: each(Handled::ALL.map(Handled::as_str)),
        rejected: each(["full", "closed", "draining", "upwards"]),
        abandoned: each(["queued", "running"]),
        timeouts: ["supervisor", "outside"]
            .map(|from| EdgeCount {
                from: from.into(),
                count: 1,
            })
            .to_vec(),
        in_flight: 2,
        handle: histogram(),
    }
}

const KINDS: [&str; 9] = [
    "archive_head",
    "archive_body",
    "list_page",
    "text_list",
    "search",
    "process",
    "token",
    "state",
    "other",
];

fn session() -> SessionSnapshot {
    let requests = KINDS.into_iter().flat_map(|kind| {
        ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map(|status_class| RequestCount {
            kind: kind.into(),
            status_class: status_class.into(),
            count: 1,
        })
    });
    let retries = KINDS.into_iter().flat_map(|kind| {
        ["status", "timeout", "stall", "reset", "throttled", "stale"].map(|reason| RetryCount {
            kind: kind.into(),
            reason: reason.into(),
            count: 1,
        })
    });
    let permits = PermitSnapshot {
        held: 1,
        free: 2,
        waiting: 3,
        wait_seconds: histogram(),
        on_new: 1,
        on_kept: 9,
    };
    SessionSnapshot {
        sessions_created: 1,
        connections_opened: 5,
        connections_closed: 1,
        connections_open: 4,
        connections_failed: 1,
        wire_bytes_received: 1_000,
        wire_bytes_sent: 100,
        requests_in_flight: 4,
        permits: ["check", "bulk", "lists", "auth", "state"]
            .map(|class| (class.into(), permits.clone()))
            .into(),
        requests: requests.collect(),
        head_seconds: KINDS.map(|kind| (kind.into(), histogram())).into(),
        body_seconds: KINDS.map(|kind| (kind.into(), histogram())).into(),
        pace_wait_seconds: histogram(),
        held_back_seconds: 12.5,
        retries: retries.collect(),
        auth_refreshes: each(["ok", "failed", "denied"]),
        gate_closed_until: Some(Timestamp::from_second(1_800_000_000).unwrap()),
        gate_closed_by: Some(429),
        turns_missing: false,
        download_resumes: each(["appended", "restarted", "mismatch"]),
        download_bytes: 1_000,
        discarded_bytes: 10,
        stalls: 1,
        bulk_places: 2,
        bulk_most: 4,
        bandwidth: Some(20 << 20),
        bandwidth_waiting: 1,
        is_grin_away: false,
        is_grin_untrusted: false,
        is_without_token: false,
        silent_seconds: None,
        signed_out: Some("token dead".into()),
        token_ends_at: Some(Timestamp::from_second(1_800_003_600).unwrap()),
        unrecognised: each(["pager", "word", "header"]),
    }
}
