//! What was asked and answered, for tests and measurements.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lab::simulator::faults::FaultKind;

/// Kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SimulatorRequest {
    /// An HTML list.
    ListPage,
    /// A list with `format=text`.
    TextList,
    /// `_barcode_search`.
    Search,
    /// `_process`.
    Process,
    /// `_monthly_report`.
    Report,
    /// The summary of the directory.
    Summary,
    /// HEAD of an archive.
    Head,
    /// GET of an archive.
    Get,
    /// The token endpoint.
    Token,
    /// The authorisation page.
    Authorize,
    /// The sign-in page.
    SignIn,
    /// Anything else.
    Other,
}

impl SimulatorRequest {
    /// Every kind, with its name in the counts.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::ListPage, "list_page"),
        (Self::TextList, "text_list"),
        (Self::Search, "search"),
        (Self::Process, "process"),
        (Self::Report, "report"),
        (Self::Summary, "summary"),
        (Self::Head, "head"),
        (Self::Get, "get"),
        (Self::Token, "token"),
        (Self::Authorize, "authorize"),
        (Self::SignIn, "sign_in"),
        (Self::Other, "other"),
    ];

    /// Is it answered by the library's pages, behind the sign-in?
    pub(super) fn is_grin(self) -> bool {
        !matches!(self, Self::Token | Self::Authorize | Self::SignIn | Self::Other)
    }
}

/// One counter a fault.
struct PerFault([AtomicU64; FaultKind::ALL.len()]);

impl Default for PerFault {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; FaultKind::ALL.len()])
    }
}

/// When the counters began.
struct Began(Instant);

impl Default for Began {
    fn default() -> Self {
        Self(Instant::now())
    }
}

/// Counters of a running simulator.
#[derive(Default)]
pub(super) struct SimulatorCounters {
    requests: [AtomicU64; SimulatorRequest::ALL.len()],
    /// When each request came, in milliseconds; told of each, for those who wait for some.
    asked: (Mutex<Vec<u32>>, Condvar),
    /// How often each book's archive was sent, or a part of it.
    sent: Mutex<BTreeMap<u32, u64>>,
    began: Began,
    faults: PerFault,
    pub connections: AtomicU64,
    pub open: AtomicU64,
    pub peak: AtomicU64,
    pub body_bytes: AtomicU64,
    pub list_rows: AtomicU64,
    pub range_requests: AtomicU64,
    pub tokens_issued: AtomicU64,
    pub refused: AtomicU64,
    pub throttled: AtomicU64,
    pub foreign_requests: AtomicU64,
    pub tokens_leaked: AtomicU64,
}

impl SimulatorCounters {
    pub fn request(&self, op: SimulatorRequest) {
        let mut guard = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.push(u32::try_from(self.began.0.elapsed().as_millis()).unwrap_or(u32::MAX));
        self.requests[op as usize].fetch_add(1, Relaxed);
        drop(guard);
        self.asked.1.notify_all();
    }

    /// Counts an answer with a book's archive.
    pub fn sends(&self, index: u32) {
        *self
            .sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(index)
            .or_default() += 1;
    }

    /// How often that was.
    pub fn sent(&self, index: u32) -> u64 {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(&index).copied().unwrap_or(0)
    }

    /// Waits until so many were asked for; `false` when the time is over first.
    pub fn wait_for(&self, op: SimulatorRequest, count: u64, limit: Duration) -> bool {
        let (lock, asked) = &self.asked;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |_: &mut Vec<u32>| self.requests[op as usize].load(Relaxed) < count;
        let waited = asked.wait_timeout_while(guard, limit, missing);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The most requests that came within any window of this length.
    pub fn most_within(&self, window: Duration) -> usize {
        let mut came = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        came.sort_unstable();
        let window = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        let until = |from: u32| came.partition_point(|at| *at < from.saturating_add(window));
        let counts = came.iter().enumerate().map(|(first, from)| until(*from) - first);
        counts.max().unwrap_or(0)
    }

    pub fn fault(&self, fault: FaultKind) {
        self.faults.0[fault as usize].fetch_add(1, Relaxed);
    }

    /// Counts a connection until the guard is dropped.
    pub fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Relaxed);
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(open, Relaxed);
        OpenConnection(Arc::clone(self))
    }

    pub fn snapshot(&self) -> SimulatorStats {
        let named = |op: SimulatorRequest, name: &str| (name.to_owned(), self.requests[op as usize].load(Relaxed));
        let faults = FaultKind::ALL
            .iter()
            .map(|&fault| (fault.name().to_owned(), self.faults.0[fault as usize].load(Relaxed)));
        SimulatorStats {
            connections_accepted: self.connections.load(Relaxed),
            connections_open: self.open.load(Relaxed),
            connections_peak: self.peak.load(Relaxed),
            requests: SimulatorRequest::ALL
                .iter()
                .map(|&(op, name)| named(op, name))
                .collect(),
            body_bytes: self.body_bytes.load(Relaxed),
            list_rows: self.list_rows.load(Relaxed),
            range_requests: self.range_requests.load(Relaxed),
            tokens_issued: self.tokens_issued.load(Relaxed),
            refused: self.refused.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            foreign_requests: self.foreign_requests.load(Relaxed),
            tokens_leaked: self.tokens_leaked.load(Relaxed),
            faults: faults.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// An open connection; counts down when dropped.
pub(super) struct OpenConnection(Arc<SimulatorCounters>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// What was asked and answered since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct SimulatorStats {
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Most connections open at once.
    pub connections_peak: u64,
    /// Requests by kind (see [`SimulatorRequest::ALL`]).
    pub requests: BTreeMap<String, u64>,
    /// Bytes of archives handed to the network.
    pub body_bytes: u64,
    /// Rows of lists written.
    pub list_rows: u64,
    /// GETs with a `Range`.
    pub range_requests: u64,
    /// Access tokens issued.
    pub tokens_issued: u64,
    /// Requests refused for want of a good token.
    pub refused: u64,
    /// Requests over the rate.
    pub throttled: u64,
    /// Requests to the host that nobody should follow to.
    pub foreign_requests: u64,
    /// Access tokens seen where none should be sent (another host).
    pub tokens_leaked: u64,
    /// Injected faults by name.
    pub faults: BTreeMap<String, u64>,
}

impl SimulatorStats {
    /// Requests of one kind.
    pub fn count(&self, op: SimulatorRequest) -> u64 {
        let name = SimulatorRequest::ALL[op as usize].1;
        self.requests.get(name).copied().unwrap_or(0)
    }

    /// Injected faults of one kind.
    pub fn fault(&self, fault: FaultKind) -> u64 {
        self.faults.get(fault.name()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_at_their_own_place() {
        for (place, (op, _)) in SimulatorRequest::ALL.into_iter().enumerate() {
            assert_eq!(op as usize, place);
        }
    }

    #[test]
    fn the_peak_remembers_closed_connections() {
        let counters = Arc::new(SimulatorCounters::default());
        drop((counters.connection(), counters.connection()));
        let stats = counters.snapshot();
        assert_eq!(
            (
                stats.connections_accepted,
                stats.connections_open,
                stats.connections_peak
            ),
            (2, 0, 2)
        );
    }
}
