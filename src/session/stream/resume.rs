//! Continues a cut body where it was cut.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use awc::http::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use tokio::time::sleep;

use crate::session::counters::ResumeOutcome;
use crate::session::request::{OpenedRequest, RequestSpec, ResponseTime};
use crate::session::stream::ContentCoding;
use crate::session::stream::pump::BodyPump;
use crate::session::stream::range::{PartialBody, RangeAnswer, RangeMode, RangeVerdict, range};
use crate::session::{BodyError, ErrorClass, RetryBackoff, SessionError, TimeoutPhase};

/// Waits between attempts to continue.
const PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(30),
    attempts: u32::MAX,
};

/// After this many new bytes a continued body counts as going on, and its attempts begin again. Connections that are cut every few
/// kilobytes complete an archive slowly; beginning anew never completes it.
const PROGRESS: u64 = 4 << 10;

/// Answers with the whole body that are read only to skip what is there already. More of them would load the server, and the
/// line, more than they can bring.
const WHOLE_ANSWERS: u32 = 2;

/// How a cut body is continued, and how often that was tried.
pub(in crate::session) struct ResumePoint {
    /// The request, as it was made first.
    ask: RequestSpec,
    body: PartialBody,
    /// The mode in which the server gave the rest before.
    mode: Option<RangeMode>,
    /// Attempts since the last progress.
    attempts: u32,
    /// Bytes there were when the body was continued last.
    resumed_at: u64,
    whole_answers: u32,
    /// The last part did not say how long the whole is, so more may follow.
    open_ended: bool,
}

/// What became of a request for the rest.
pub(super) enum ResumeEnd {
    /// More bytes come.
    Continued,
    /// There are no more: the body was complete.
    Complete,
}

impl ResumePoint {
    pub(in crate::session) fn new(ask: RequestSpec, body: PartialBody) -> Self {
        Self {
            ask,
            body,
            mode: None,
            attempts: 0,
            resumed_at: 0,
            whole_answers: 0,
            open_ended: false,
        }
    }

    /// Bytes of the whole, if they are known.
    pub(super) const fn length(&self) -> Option<u64> {
        self.body.length
    }

    /// Whether a body whose answer has ended is complete with `got` bytes.
    pub(super) fn is_complete(&self, got: u64) -> bool {
        !self.open_ended && self.body.length.is_none_or(|length| length == got)
    }

    /// Notes an attempt; the wait before it, unless none is left since the last progress.
    fn next_wait(&mut self, got: u64, pauses: &RetryBackoff) -> Option<Duration> {
        if got - self.resumed_at >= PROGRESS {
            self.attempts = 0;
        }
        self.resumed_at = got;
        self.attempts += 1;
        pauses.delay(self.attempts, &mut rand::rng())
    }

    /// The request for what is left after `got` bytes.
    fn request(&self, mode: RangeMode, got: u64) -> RequestSpec {
        let mut ask = self.ask.clone();
        let header = |text: String| HeaderValue::try_from(text).ok();
        if mode != RangeMode::Whole {
            ask.outgoing
                .headers
                .extend(header(range(got)).map(|value| (RANGE, value)));
        }
        if mode == RangeMode::IfRange {
            let tag = self.body.validator.as_ref().and_then(|tag| header(tag.to_string()));
            ask.outgoing.headers.extend(tag.map(|value| (IF_RANGE, value)));
        }
        ask
    }

    fn take(&mut self, answer: &RangeAnswer<'_>, mode: RangeMode) {
        self.mode = Some(mode);
        self.body.length = self.body.length.or(PartialBody::total_of(answer));
        self.open_ended = answer.status == 206 && self.body.length.is_none();
        self.whole_answers += u32::from(answer.status == 200);
    }
}

impl BodyPump {
    /// Asks for the rest until it comes, cannot come, or was asked for too often without progress.
    ///
    /// `fault`: what ended the last answer early; `None`: it ended properly and was shorter than the rest.
    pub(super) async fn resume(&mut self, fault: Option<SessionError>) -> Result<ResumeEnd, BodyError> {
        let got = self.got;
        let mut wait = fault.is_some();
        let mut fault = fault.unwrap_or(SessionError::Short { got, expected: None });
        let Some(point) = self.resumable.as_ref() else {
            return Err(self.lost(fault));
        };
        let mut mode = point
            .mode
            .filter(|_| got > 0)
            .unwrap_or_else(|| point.body.first_mode(got));
        loop {
            if !may_resume(&fault) || self.left.is_zero() {
                return Err(self.lost(fault));
            }
            if wait && !self.pause(got, &fault).await {
                return Err(self.lost(fault));
            }
            let Some(point) = self.resumable.as_ref() else {
                return Err(self.lost(fault));
            };
            let ask = point.request(mode, got);
            self.engine.counters.note_retry(ask.outgoing.kind, "resume");
            let opened = match self.engine.open(&ask, ResponseTime::Body(self.left), None).await {
                Ok(opened) => opened,
                Err(error) => {
                    (fault, wait) = (error, true);
                    continue;
                }
            };
            match self.judge(&opened, mode) {
                RangeVerdict::Complete => return Ok(ResumeEnd::Complete),
                RangeVerdict::Restart => {
                    self.engine.counters.note_resume(ResumeOutcome::Mismatch);
                    return Err(BodyError::Restart);
                }
                RangeVerdict::Append { skip } if self.may_skip(skip) => {
                    self.append(opened, mode, skip);
                    return Ok(ResumeEnd::Continued);
                }
                RangeVerdict::Append { .. } | RangeVerdict::NextMode => {
                    let Some(next) = mode.next() else {
                        return Err(self.lost(fault));
                    };
                    (mode, wait) = (next, false);
                }
            }
        }
    }

    /// Waits before an attempt; `false`: none is left, or the server asks for a longer wait than a body is kept for. What it asks of
    /// everybody is waited for at the gate, if anybody is to wait for so long.
    async fn pause(&mut self, got: u64, fault: &SessionError) -> bool {
        let asked = match fault {
            SessionError::Throttled { .. } if self.engine.pacer.check_pause().is_err() => return false,
            SessionError::Throttled { .. } => Duration::ZERO,
            fault => match fault.class() {
                ErrorClass::Transient { wait } => wait.unwrap_or_default(),
                ErrorClass::Permanent | ErrorClass::NeedsPerson => return false,
            },
        };
        if asked > PAUSES.cap {
            return false;
        }
        // The request that broke off was the first try.
        let pauses = PAUSES.limited(Some(self.engine.resume_attempts().saturating_add(1)));
        let wait = self.resumable.as_mut().and_then(|point| point.next_wait(got, &pauses));
        match wait {
            Some(wait) => sleep(wait.max(asked)).await,
            None => return false,
        }
        true
    }

    fn may_skip(&self, skip: u64) -> bool {
        let whole = skip == self.got && skip > 0;
        let read = self.resumable.as_ref().map_or(0, |point| point.whole_answers);
        !whole || read < WHOLE_ANSWERS
    }

    fn judge(&self, opened: &OpenedRequest, mode: RangeMode) -> RangeVerdict {
        match &self.resumable {
            Some(point) if opened.incoming.require_framing().is_ok() => {
                point.body.judge(&range_answer(opened), self.got, mode)
            }
            _ => RangeVerdict::NextMode,
        }
    }

    fn append(&mut self, opened: OpenedRequest, mode: RangeMode, skip: u64) {
        let whole = opened.incoming.status() == 200;
        self.engine.counters.note_resume(if whole {
            ResumeOutcome::Restarted
        } else {
            ResumeOutcome::Appended
        });
        self.engine.counters.discarded.fetch_add(skip, Relaxed);
        if let Some(point) = self.resumable.as_mut() {
            point.take(&range_answer(&opened), mode);
        }
        self.begin(opened, skip);
    }
}

fn range_answer(opened: &OpenedRequest) -> RangeAnswer<'_> {
    let incoming = &opened.incoming;
    RangeAnswer {
        status: incoming.status(),
        content_range: incoming.header(CONTENT_RANGE),
        etag: incoming.header(ETAG),
        length: incoming.length(),
        coded: incoming.coding() != ContentCoding::Identity,
    }
}

/// Whether asking for the rest may help.
fn may_resume(fault: &SessionError) -> bool {
    match fault {
        SessionError::Cancelled
        | SessionError::Timeout {
            phase: TimeoutPhase::Download,
        } => false,
        fault => matches!(fault.class(), ErrorClass::Transient { .. }),
    }
}
