//! The session's counters as others see them: in metrics, the status and the JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::{HistogramSnapshot, SnapshotLabel};
use crate::session::RequestKind;
use crate::session::counters::STATUS_CLASSES;

/// The counters at one moment; the fields' names are those of the metrics without their prefix.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionSnapshot {
    /// awc clients made: at first use, after a close, after a run of connection errors.
    pub sessions_created: u64,
    /// TCP connections opened.
    pub connections_opened: u64,
    /// TCP connections closed.
    pub connections_closed: u64,
    /// TCP connections open now, idle ones included.
    pub connections_open: u64,
    /// TCP connections that could not be opened.
    pub connections_failed: u64,
    /// Bytes read from sockets, TLS and headers included.
    pub wire_bytes_received: u64,
    /// Bytes written to sockets.
    pub wire_bytes_sent: u64,
    /// Requests and bodies going on.
    pub requests_in_flight: usize,
    /// By class.
    pub permits: BTreeMap<SnapshotLabel, PermitSnapshot>,
    /// Requests by kind and class of status; `none`: no answer.
    pub requests: Vec<RequestCount>,
    /// From sending to the answer's head, by kind.
    pub head_seconds: BTreeMap<SnapshotLabel, HistogramSnapshot>,
    /// From the head to the end of a body that came whole, by kind; with what it waited for us.
    #[serde(default)]
    pub body_seconds: BTreeMap<SnapshotLabel, HistogramSnapshot>,
    /// Waits for the pace and the gate.
    pub pace_wait_seconds: HistogramSnapshot,
    /// The time in which at least one request had only its turn to wait for.
    #[serde(default)]
    pub held_back_seconds: f64,
    /// Repeated requests by kind and reason.
    pub retries: Vec<RetryCount>,
    /// Token refreshes by outcome.
    pub auth_refreshes: BTreeMap<SnapshotLabel, u64>,
    /// The end of the wait that GRIN asked for, while it lasts.
    pub gate_closed_until: Option<Timestamp>,
    /// The status of the answer that closed the gate; `None`: it is open, or another program had that answer.
    #[serde(default)]
    pub gate_closed_by: Option<u16>,
    /// Requests wait for the catalog to grant them turns of the rate that several programs share.
    #[serde(default)]
    pub turns_missing: bool,
    /// Attempts to continue cut bodies by outcome.
    pub download_resumes: BTreeMap<SnapshotLabel, u64>,
    /// Bytes of archives handed out.
    pub download_bytes: u64,
    /// Of these, bytes of bodies that had to begin again.
    pub discarded_bytes: u64,
    /// Bodies that fell silent or too slow.
    pub stalls: u64,
    /// Archives that may be on their way at once now.
    #[serde(default)]
    pub bulk_places: usize,
    /// The same while GRIN keeps up.
    #[serde(default)]
    pub bulk_most: usize,
    /// Bytes a second that bodies may take now, where there is a limit.
    #[serde(default)]
    pub bandwidth: Option<u64>,
    /// Bodies that wait for this limit at this moment; one that is set and not reached holds none back.
    #[serde(default)]
    pub bandwidth_waiting: usize,
    /// The last request to GRIN, or for its token, got no answer.
    #[serde(default)]
    pub is_grin_away: bool,
    /// The certificate that was shown to it was refused.
    #[serde(default)]
    pub is_grin_untrusted: bool,
    /// No token for it could be had last, whatever the token address answered.
    #[serde(default)]
    pub is_without_token: bool,
    /// For how long GRIN has answered nothing, not one byte; `None` while it is not asked.
    #[serde(default)]
    pub silent_seconds: Option<f64>,
    /// Why a person has to sign in, while that is so.
    pub signed_out: Option<String>,
    /// When the access token in use ends; `None` where there is none, or nobody knows.
    #[serde(default)]
    pub token_ends_at: Option<Timestamp>,
    /// What of GRIN's answers was not recognised, by kind.
    #[serde(default)]
    pub unrecognised: BTreeMap<SnapshotLabel, u64>,
}

impl SessionSnapshot {
    /// Requests that GRIN counts.
    pub fn grin_requests(&self) -> u64 {
        self.of_grin().map(|count| count.count).sum()
    }

    /// Any request to GRIN was answered, whatever the answer.
    pub fn has_grin_answered(&self) -> bool {
        self.of_grin().any(|count| count.status_class != STATUS_CLASSES[0])
    }

    /// All but those for tokens and those to services of the operator's.
    fn of_grin(&self) -> impl Iterator<Item = &RequestCount> {
        let others = [RequestKind::Token, RequestKind::State, RequestKind::Hook].map(RequestKind::as_str);
        let is_of_grin = move |count: &&RequestCount| others.iter().all(|other| count.kind != *other);
        self.requests.iter().filter(is_of_grin)
    }
}

/// Permits of one class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PermitSnapshot {
    /// In use.
    pub held: usize,
    /// That the class could take now.
    pub free: usize,
    /// Requests that wait for one.
    pub waiting: usize,
    /// How long they waited.
    pub wait_seconds: HistogramSnapshot,
    /// Requests answered over a connection that was opened for them.
    #[serde(default)]
    pub on_new: u64,
    /// Requests answered over a connection that was open before.
    #[serde(default)]
    pub on_kept: u64,
}

/// Requests of one kind and class of status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestCount {
    /// See [`RequestKind::as_str`].
    pub kind: SnapshotLabel,
    /// `2xx` …
    pub status_class: SnapshotLabel,
    /// How many.
    pub count: u64,
}

/// Repeats of one kind for one reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetryCount {
    /// See [`RequestKind::as_str`].
    pub kind: SnapshotLabel,
    /// Why.
    pub reason: SnapshotLabel,
    /// How many.
    pub count: u64,
}
