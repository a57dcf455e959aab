//! What the daemon says of itself, the same for page, JSON, terminal and metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::{DayReport, FailedBooks, LibraryForecast};
use crate::log::BodyPace;
use crate::observe::rates::{MeasuredRates, MinuteCount};
use crate::observe::sharing::MemberView;
use crate::pipeline::{HookCounts, RereadForecast, SecondCopyCounts};
use crate::session::WIDER_AFTER;
use crate::storage::StorageSpace;
use crate::vocabulary::{BookOutcome, FailureReason, FixityOutcome, WaitCause, WaitReason, words};

/// The version of the program.
pub const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const PROGRAM_COMMIT: &str = env!("GRIND_COMMIT");

/// The daemon at one moment. All counts are of this run unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonSnapshot {
    /// What the daemon is doing on the whole.
    pub state: DaemonState,
    /// Since when it does that.
    pub state_since: Timestamp,
    /// When the process began.
    pub since: Timestamp,
    /// When this snapshot was taken.
    pub taken_at: Timestamp,
    /// Version of the program.
    pub version: String,
    /// Commit it was built from.
    pub commit: String,
    /// Whose books: GRIN's directory of the library.
    #[serde(default)]
    pub directory: String,
    /// Where the books go, as the configured address (never with a key in it).
    pub library: String,
    /// What is being waited for, most important first; empty while work goes on. A list that is not read, and an answer of GRIN's that does not come, keep no book from being begun.
    pub waiting: Vec<WaitReason>,
    /// Barcodes by state as the catalog has them, of all runs.
    pub barcodes: BTreeMap<String, u64>,
    /// Barcodes finished, by outcome.
    pub finished: BTreeMap<BookOutcome, u64>,
    /// Barcodes failed for good, by reason.
    pub failures: BTreeMap<FailureReason, u64>,
    /// How far each phase of the work is.
    pub phases: BTreeMap<WorkPhase, PhaseProgress>,
    /// What each task (collect, enrich, convert, members) does just now or did last, in words.
    pub tasks: BTreeMap<String, String>,
    /// Of these tasks those of which something is still to be done, after trouble.
    #[serde(default)]
    pub unfinished: BTreeSet<String>,
    /// When each task that sleeps goes on: `collect`, `enrich`, `convert`, `backup`, `export`, `fixity`.
    #[serde(default)]
    pub next: BTreeMap<String, Timestamp>,
    /// Bytes of decrypted archives published.
    pub stored_bytes: u64,
    /// Books being checked or downloaded.
    pub books_in_hand: u64,
    /// Bodies on their way, at most as many as there are download workers.
    pub transfers: Vec<TransferView>,
    /// Speed over the last minute, quarter of an hour and hour.
    pub rates: MeasuredRates,
    /// What was stored in each minute of the last hour, oldest first; the last one is under way.
    #[serde(default)]
    pub minutes: Vec<MinuteCount>,
    /// What happened on each of the last 30 days (UTC), today first, of all members; empty before the catalog was asked.
    #[serde(default)]
    pub days: Vec<DayReport>,
    /// Books that failed for good, of all runs and members, as the catalog has them.
    #[serde(default)]
    pub failed: FailedBooks,
    /// Room on the storage's disk, as it was measured last; `None` in an object store.
    #[serde(default)]
    pub space: Option<StorageSpace>,
    /// Seconds until every book that is ready at GRIN now is stored; `None` while nobody can tell.
    pub eta_seconds: Option<f64>,
    /// When the whole library will be stored, and what keeps it from being so earlier; `None` before the catalog was asked.
    #[serde(default)]
    pub forecast: Option<LibraryForecast>,
    /// Since when the book waits that is ready at GRIN and was taken the longest time ago, or never.
    #[serde(default)]
    pub oldest_pending: Option<Timestamp>,
    /// When a book was last stored.
    pub last_success: Option<Timestamp>,
    /// When a backup of the catalog was last read back from the storage and found whole.
    #[serde(default)]
    pub last_backup: Option<Timestamp>,
    /// Stored books that this daemon has read again, by what came of it.
    #[serde(default)]
    pub reread: BTreeMap<FixityOutcome, u64>,
    /// Bytes of them.
    #[serde(default)]
    pub reread_bytes: u64,
    /// How far the reading of stored books is; `None` before the catalog was asked, or where it is switched off.
    #[serde(default)]
    pub fixity: Option<RereadForecast>,
    /// What the operator's hook was told of stored books.
    #[serde(default)]
    pub hooks: HookCounts,
    /// What was copied to the second place.
    #[serde(default)]
    pub second_copy: SecondCopyCounts,
    /// How far the shutdown has come; `None` while running.
    pub shutdown: Option<ShutdownPhase>,
    /// The last reading of the config after the start.
    pub reload: Option<ReloadState>,
    /// Why no new books are taken up; empty while they are.
    pub paused: Vec<WaitCause>,
    /// Set while GRIN accepts no sign-in.
    pub signed_out: Option<SignedOut>,
    /// Archives that may be on their way at once now, and while GRIN keeps up.
    #[serde(default)]
    pub download_places: DownloadPlaces,
    /// Bytes a second that archives and lists may take now, where there is a limit.
    #[serde(default)]
    pub bandwidth: Option<u64>,
    /// GRIN told us to stay away until then.
    pub gate_closed_until: Option<Timestamp>,
    /// Programs that share the catalog, this one among them.
    #[serde(default)]
    pub members: Vec<MemberView>,
}

impl DaemonSnapshot {
    /// A daemon that has just begun: nothing counted, nothing waited for.
    pub fn starting(version: &str, commit: &str, now: Timestamp) -> Self {
        Self {
            state: DaemonState::Starting,
            state_since: now,
            since: now,
            taken_at: now,
            version: version.to_owned(),
            commit: commit.to_owned(),
            directory: String::new(),
            library: String::new(),
            waiting: Vec::new(),
            barcodes: BTreeMap::new(),
            finished: BTreeMap::new(),
            failures: BTreeMap::new(),
            phases: BTreeMap::new(),
            tasks: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            next: BTreeMap::new(),
            stored_bytes: 0,
            books_in_hand: 0,
            transfers: Vec::new(),
            rates: MeasuredRates::default(),
            minutes: Vec::new(),
            days: Vec::new(),
            failed: FailedBooks::default(),
            space: None,
            eta_seconds: None,
            forecast: None,
            last_success: None,
            oldest_pending: None,
            last_backup: None,
            reread: BTreeMap::new(),
            reread_bytes: 0,
            fixity: None,
            hooks: HookCounts::default(),
            second_copy: SecondCopyCounts::default(),
            shutdown: None,
            reload: None,
            paused: Vec::new(),
            signed_out: None,
            download_places: DownloadPlaces::default(),
            bandwidth: None,
            gate_closed_until: None,
            members: Vec::new(),
        }
    }

    /// Barcodes finished with this outcome.
    pub fn finished(&self, outcome: BookOutcome) -> u64 {
        self.finished.get(&outcome).copied().unwrap_or(0)
    }

    /// Seconds from the start to this snapshot; 0 if the clock was set back.
    pub fn running_seconds(&self) -> f64 {
        self.taken_at.duration_since(self.since).as_secs_f64().max(0.0)
    }
}

words! {
    /// What the daemon is doing on the whole.
    DaemonState {
        /// Opening catalog, storage and session.
        Starting = "starting",
        /// There is work, and it is being done.
        Working = "working",
        /// Nothing can be done now: see [`DaemonSnapshot::waiting`].
        Waiting = "waiting",
        /// No new books are taken up: see [`DaemonSnapshot::paused`].
        Paused = "paused",
        /// Stopping: what was begun is finished or released.
        Draining = "draining",
        /// All is closed.
        Stopped = "stopped",
    }
}

words! {
    /// A stretch of the work with a count of its own.
    WorkPhase {
        /// Rows read from GRIN's lists.
        Collect = "collect",
        /// Books whose data was asked for.
        Enrich = "enrich",
        /// Books whose conversion was asked for.
        Convert = "convert",
        /// Books stored, or found to be stored already.
        Download = "download",
    }
}

words! {
    /// The steps of stopping, in order; the session is closed last.
    ShutdownPhase {
        /// No new books are taken up.
        IntakeClosed = "intake_closed",
        /// Workers finish, or release, the books they have claimed.
        WorkersDraining = "workers_draining",
        /// The catalog writes what it holds.
        Flushing = "flushing",
        /// The session closes its connections.
        SessionClosing = "session_closing",
        /// Everything is closed.
        Done = "done",
    }
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// Done in this run.
    pub done: u64,
    /// How many there are to do, as far as known.
    pub total: Option<u64>,
    /// Whether the phase is going on now.
    pub active: bool,
}

/// Archives on their way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DownloadPlaces {
    /// So many may be now.
    pub now: usize,
    /// So many may be while GRIN keeps up.
    pub most: usize,
}

/// `1 at once instead of 4: GRIN answered 429 or 503, or not in time; one more …`
impl fmt::Display for DownloadPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, most } = self;
        if now >= most {
            return write!(f, "at most {most}");
        }
        let quiet = WIDER_AFTER.as_secs();
        write!(
            f,
            "{now} at once instead of {most}: GRIN answered 429 or 503, or not in time; one more after each {quiet} s without that, sooner as archives come whole"
        )
    }
}

/// One body on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferView {
    /// Whose archive it is. Never a label of a metric.
    pub barcode: String,
    /// Bytes received so far.
    pub received: u64,
    /// Bytes announced.
    pub length: Option<u64>,
    /// Seconds since the request.
    pub seconds: f64,
    /// Seconds since the last byte came.
    #[serde(default)]
    pub silent_seconds: f64,
}

impl TransferView {
    /// How fast it comes, or for how long nothing of it has come.
    pub fn pace(&self) -> BodyPace {
        BodyPace {
            received: self.received,
            seconds: self.seconds,
            silent_seconds: self.silent_seconds,
        }
    }
}

/// What came of reading the config again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadState {
    /// When.
    pub at: Timestamp,
    /// Whether the files on disk are now in force, every changed key of them.
    pub successful: bool,
    /// One line: what was applied, or why nothing was.
    pub summary: String,
}

/// GRIN accepts no sign-in, and no retry will help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOut {
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub why: String,
    /// What a person must do.
    pub advice: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_survives_json() {
        let mut snapshot = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        snapshot.finished.insert(BookOutcome::UpToDate, 3);
        snapshot.phases.insert(
            WorkPhase::Collect,
            PhaseProgress {
                done: 5,
                total: Some(9),
                active: true,
            },
        );
        snapshot.shutdown = Some(ShutdownPhase::WorkersDraining);
        let json = serde_json::to_string(&snapshot).unwrap();
        assert!(json.contains("\"finished\":{\"up_to_date\":3}"), "{json}");
        assert_eq!(serde_json::from_str::<DaemonSnapshot>(&json).unwrap(), snapshot);
    }

    #[test]
    fn words_in_json_are_the_words_of_the_metrics() {
        for phase in ShutdownPhase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_running_time() {
        let now = Timestamp::from_second(1_000).unwrap();
        let mut snapshot = DaemonSnapshot::starting("0", "0", now);
        snapshot.taken_at = Timestamp::from_second(900).unwrap();
        assert!(snapshot.running_seconds().abs() < f64::EPSILON);
    }
}
