//! What the session counts, written on its own thread and read from any.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::actor::{DurationHistogram, HistogramSnapshot, SnapshotLabel};
use crate::clock::SystemClock;
use crate::diagnostics::DiagnosticsFolder;
use crate::session::bulk_window::BulkWindow;
use crate::session::last_answer::LastAnswer;
use crate::session::permits::PermitView;
use crate::session::silence::AnswerSilence;
use crate::session::snapshot::{PermitSnapshot, RequestCount, RetryCount, SessionSnapshot};
use crate::session::{PermitClass, RequestKind, SessionError};

const CLASSES: usize = PermitClass::ALL.len();
const KINDS: usize = RequestKind::ALL.len();

/// Labels of `status_class`; the first is a request that got no answer.
pub const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of one session owner over all its sessions.
#[derive(Debug, Default)]
pub struct SessionCounters {
    pub(super) sessions_created: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    pub(super) permits: Mutex<PermitView>,
    pub(super) held: [AtomicUsize; CLASSES],
    pub(super) waiting: [AtomicUsize; CLASSES],
    pub(super) permit_wait: [DurationHistogram; CLASSES],
    /// Requests answered over a connection that was opened for them, and over one that was open before.
    on_new: [AtomicU64; CLASSES],
    on_kept: [AtomicU64; CLASSES],
    requests: [[AtomicU64; STATUS_CLASSES.len()]; KINDS],
    last_answer: LastAnswer,
    pub(super) silence: Mutex<AnswerSilence>,
    pub(super) head: [DurationHistogram; KINDS],
    body: [DurationHistogram; KINDS],
    pub(super) pace_wait: DurationHistogram,
    /// The time in which a request waited for its turn alone.
    held_back_micros: AtomicU64,
    retries: Mutex<BTreeMap<(RequestKind, &'static str), u64>>,
    refreshes: [AtomicU64; RefreshOutcome::ALL.len()],
    gate: Mutex<Option<GateClosing>>,
    /// Whoever divides the rate grants no turns.
    pub(super) turns_missing: AtomicBool,
    resumes: [AtomicU64; ResumeOutcome::ALL.len()],
    pub(super) downloaded: AtomicU64,
    pub(super) discarded: AtomicU64,
    pub(super) stalls: AtomicU64,
    bulk_places: AtomicUsize,
    bulk_most: AtomicUsize,
    /// Bytes a second that bodies may take now; 0: any.
    pub(super) bandwidth: AtomicU64,
    /// Bodies that wait for it.
    pub(super) bandwidth_waiting: AtomicUsize,
    signed_out: Mutex<Option<String>>,
    /// When the token in use ends, on the monotonic clock.
    token_end: Mutex<Option<Instant>>,
    pub(super) diagnostics: DiagnosticsFolder,
    /// For what is shown; nothing is decided by it.
    wall_clock: SystemClock,
}

/// The pause that GRIN asked for last.
#[derive(Debug, Clone, Copy)]
struct GateClosing {
    /// On the monotonic clock: the wall clock may be set meanwhile.
    until: Instant,
    /// The status of the answer; `None`: another program had it.
    by: Option<u16>,
}

/// How a token refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshOutcome {
    Ok,
    Failed,
    Denied,
}

impl RefreshOutcome {
    const ALL: [(Self, &'static str); 3] = [(Self::Ok, "ok"), (Self::Failed, "failed"), (Self::Denied, "denied")];
}

/// How an attempt to continue a cut body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResumeOutcome {
    Appended,
    Restarted,
    Mismatch,
}

impl ResumeOutcome {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Appended, "appended"),
        (Self::Restarted, "restarted"),
        (Self::Mismatch, "mismatch"),
    ];
}

impl SessionCounters {
    /// Counts a request again, for the layer above that decided to repeat it.
    pub fn note_retry(&self, kind: RequestKind, reason: &'static str) {
        *locked(&self.retries).entry((kind, reason)).or_default() += 1;
    }

    pub(super) fn note_answer(&self, kind: RequestKind, status: u16, head: Duration) {
        self.requests[kind.index()][usize::from(status / 100).min(5)].fetch_add(1, Relaxed);
        self.head[kind.index()].observe(head);
        self.last_answer.note(kind, None);
    }

    /// A request was answered; `is_kept`: over a connection that was open before.
    pub(super) fn note_connection(&self, class: PermitClass, is_kept: bool) {
        let counts = if is_kept { &self.on_kept } else { &self.on_new };
        counts[class.index()].fetch_add(1, Relaxed);
    }

    /// A body has come to its end, so long after its head.
    pub(super) fn note_body(&self, kind: RequestKind, took: Duration) {
        self.body[kind.index()].observe(took);
    }

    pub(super) fn note_no_answer(&self, kind: RequestKind, error: &SessionError) {
        self.requests[kind.index()][0].fetch_add(1, Relaxed);
        self.last_answer.note(kind, Some(error));
    }

    /// What is not recognised is reported there.
    pub(super) fn reporting_to(diagnostics: DiagnosticsFolder) -> Self {
        Self {
            diagnostics,
            ..Self::default()
        }
    }

    pub(super) fn note_refresh(&self, outcome: RefreshOutcome) {
        self.refreshes[outcome as usize].fetch_add(1, Relaxed);
        self.last_answer.note_token(outcome == RefreshOutcome::Failed);
    }

    pub(super) fn note_resume(&self, outcome: ResumeOutcome) {
        self.resumes[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn set_window(&self, window: BulkWindow) {
        self.bulk_places.store(window.places(), Relaxed);
        self.bulk_most.store(window.most(), Relaxed);
    }

    pub(super) fn set_gate(&self, closed_for: Duration, by: Option<u16>) {
        let until = Instant::now() + closed_for;
        *locked(&self.gate) = Some(GateClosing { until, by });
    }

    /// GRIN asked for a pause that is not over.
    pub fn is_gate_closed(&self) -> bool {
        locked(&self.gate).is_some_and(|gate| gate.until > Instant::now())
    }

    pub(super) fn set_signed_out(&self, why: Option<&str>) {
        *locked(&self.signed_out) = why.map(str::to_owned);
    }

    /// The token in use ends then; `None`: nobody knows when, or there is none.
    pub(super) fn set_token_end(&self, ends: Option<Instant>) {
        *locked(&self.token_end) = ends;
    }

    /// A request waited so long for its turn alone.
    pub(super) fn held_back(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.held_back_micros.fetch_add(micros, Relaxed);
    }

    /// Everything counted so far.
    pub fn snapshot(&self) -> SessionSnapshot {
        let opened = self.opened.load(Relaxed);
        let closed = self.closed.load(Relaxed);
        SessionSnapshot {
            sessions_created: self.sessions_created.load(Relaxed),
            connections_opened: opened,
            connections_closed: closed,
            connections_open: opened.saturating_sub(closed),
            connections_failed: self.failed.load(Relaxed),
            wire_bytes_received: self.received.load(Relaxed),
            wire_bytes_sent: self.sent.load(Relaxed),
            requests_in_flight: self.in_flight.load(Relaxed),
            permits: self.permits(),
            requests: self.requests(),
            head_seconds: by_kind(&self.head),
            body_seconds: by_kind(&self.body),
            pace_wait_seconds: self.pace_wait.snapshot(),
            held_back_seconds: Duration::from_micros(self.held_back_micros.load(Relaxed)).as_secs_f64(),
            retries: self.retries(),
            auth_refreshes: by_label(&RefreshOutcome::ALL.map(|(_, label)| label), &self.refreshes),
            gate_closed_until: self.gate_closed_until(),
            gate_closed_by: self.gate_closed_by(),
            turns_missing: self.turns_missing.load(Relaxed),
            download_resumes: by_label(&ResumeOutcome::ALL.map(|(_, label)| label), &self.resumes),
            download_bytes: self.downloaded.load(Relaxed),
            discarded_bytes: self.discarded.load(Relaxed),
            stalls: self.stalls.load(Relaxed),
            bulk_places: self.bulk_places.load(Relaxed),
            bulk_most: self.bulk_most.load(Relaxed),
            bandwidth: Some(self.bandwidth.load(Relaxed)).filter(|limit| *limit > 0),
            bandwidth_waiting: self.bandwidth_waiting.load(Relaxed),
            is_grin_away: self.last_answer.is_away(),
            is_grin_untrusted: self.last_answer.is_untrusted(),
            is_without_token: self.last_answer.is_without_token(),
            silent_seconds: self.silent_for().map(|lasts| lasts.as_secs_f64()),
            signed_out: locked(&self.signed_out).clone(),
            token_ends_at: (*locked(&self.token_end)).and_then(|ends| self.told(ends)),
            unrecognised: self.unrecognised(),
        }
    }

    fn unrecognised(&self) -> BTreeMap<SnapshotLabel, u64> {
        let counts = self.diagnostics.counts().into_iter();
        counts.map(|(kind, count)| (kind.into(), count)).collect()
    }

    fn permits(&self) -> BTreeMap<SnapshotLabel, PermitSnapshot> {
        let held: [usize; CLASSES] = std::array::from_fn(|class| self.held[class].load(Relaxed));
        let free = locked(&self.permits).free(&held);
        PermitClass::ALL
            .iter()
            .map(|class| {
                let index = class.index();
                let snapshot = PermitSnapshot {
                    held: held[index],
                    free: free[index],
                    waiting: self.waiting[index].load(Relaxed),
                    wait_seconds: self.permit_wait[index].snapshot(),
                    on_new: self.on_new[index].load(Relaxed),
                    on_kept: self.on_kept[index].load(Relaxed),
                };
                (class.as_str().into(), snapshot)
            })
            .collect()
    }

    fn requests(&self) -> Vec<RequestCount> {
        let mut counts = Vec::new();
        for kind in RequestKind::ALL {
            for (place, status_class) in STATUS_CLASSES.iter().enumerate() {
                let count = self.requests[kind.index()][place].load(Relaxed);
                if count > 0 {
                    counts.push(RequestCount {
                        kind: kind.as_str().into(),
                        status_class: (*status_class).into(),
                        count,
                    });
                }
            }
        }
        counts
    }

    fn retries(&self) -> Vec<RetryCount> {
        locked(&self.retries)
            .iter()
            .map(|((kind, reason), count)| RetryCount {
                kind: kind.as_str().into(),
                reason: (*reason).into(),
                count: *count,
            })
            .collect()
    }

    fn gate_closed_by(&self) -> Option<u16> {
        let gate = (*locked(&self.gate))?;
        gate.by.filter(|_| gate.until > Instant::now())
    }

    fn gate_closed_until(&self) -> Option<Timestamp> {
        let gate = (*locked(&self.gate))?;
        self.told(gate.until).filter(|_| gate.until > Instant::now())
    }

    /// A moment of the monotonic clock by the wall clock as it stands.
    fn told(&self, at: Instant) -> Option<Timestamp> {
        let (now, wall) = (Instant::now(), self.wall_clock.now());
        match at.checked_duration_since(now) {
            Some(left) => wall.checked_add(left),
            None => wall.checked_sub(now - at),
        }
        .ok()
    }
}

fn by_kind(histograms: &[DurationHistogram; KINDS]) -> BTreeMap<SnapshotLabel, HistogramSnapshot> {
    let of = |kind: &RequestKind| (kind.as_str().into(), histograms[kind.index()].snapshot());
    RequestKind::ALL.iter().map(of).collect()
}

fn by_label<const N: usize>(labels: &[&'static str; N], counts: &[AtomicU64; N]) -> BTreeMap<SnapshotLabel, u64> {
    labels
        .iter()
        .zip(counts)
        .map(|(label, count)| ((*label).into(), count.load(Relaxed)))
        .collect()
}

/// A poisoned lock only means that a panic happened while counting: the numbers are still good.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_json_with_closed_labels() {
        let counters = SessionCounters::default();
        counters.note_answer(RequestKind::ArchiveHead, 200, Duration::from_millis(1));
        counters.note_answer(RequestKind::ArchiveHead, 999, Duration::from_millis(1));
        counters.note_no_answer(RequestKind::Search, &SessionError::Reset);
        counters.note_retry(RequestKind::ArchiveBody, "stale");
        counters.note_refresh(RefreshOutcome::Denied);
        counters.note_resume(ResumeOutcome::Appended);
        counters.set_gate(Duration::from_secs(60), Some(429));
        let json = serde_json::to_value(counters.snapshot()).unwrap();
        assert_eq!(json["requests"][0]["status_class"], "2xx");
        assert_eq!(json["requests"][2]["kind"], "search");
        assert_eq!(json["retries"][0]["reason"], "stale");
        assert_eq!(json["auth_refreshes"]["denied"], 1);
        assert_eq!(json["download_resumes"]["appended"], 1);
        assert!(json["gate_closed_until"].is_string());
        assert_eq!(json["gate_closed_by"], 429);
        assert_eq!(json["permits"]["check"]["held"], 0);
    }

    /// The gate is closed for so long, whatever the wall clock says meanwhile; its end is told by the wall clock as it stands.
    #[tokio::test(start_paused = true)]
    async fn a_step_of_the_wall_clock_moves_the_end_that_is_told_and_not_the_gate() {
        let clock = SystemClock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let counters = SessionCounters {
            wall_clock: clock.clone(),
            ..SessionCounters::default()
        };
        let minute = Duration::from_mins(1);
        counters.set_gate(minute, Some(429));
        for hours in [0, 5, -14, 24 * 400, -24 * 800] {
            clock.step(hours * 3_600_000);
            let told = counters.snapshot().gate_closed_until;
            assert_eq!(told, clock.now().checked_add(minute).ok(), "{hours}");
        }
        tokio::time::advance(minute / 2).await;
        clock.advance(minute / 2);
        let told = counters.snapshot().gate_closed_until;
        assert_eq!(told, clock.now().checked_add(minute / 2).ok());
        clock.step(-7_200_000);
        tokio::time::advance(minute).await;
        let open = counters.snapshot();
        assert_eq!((open.gate_closed_until, open.gate_closed_by), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_token_is_told_also_when_it_is_over() {
        let clock = SystemClock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let counters = SessionCounters {
            wall_clock: clock.clone(),
            ..SessionCounters::default()
        };
        assert_eq!(counters.snapshot().token_ends_at, None);
        let end = clock.now() + Duration::from_hours(1);
        counters.set_token_end(Some(Instant::now() + Duration::from_hours(1)));
        for _ in 0..3 {
            assert_eq!(counters.snapshot().token_ends_at, Some(end));
            tokio::time::advance(Duration::from_mins(30)).await;
            clock.advance(Duration::from_mins(30));
        }
        counters.set_token_end(None);
        assert_eq!(counters.snapshot().token_ends_at, None);
    }

    #[test]
    fn an_open_gate_has_no_end() {
        assert_eq!(SessionCounters::default().snapshot().gate_closed_until, None);
    }
}
