//! Continues a cut body where it was cut.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use awc::http::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use tokio::time::sleep;

use crate::session::counters::ResumeOutcome;
use crate::session::request::{OpenedRequest, RequestSpec, ResponseTime};
use crate::session::stream::attempts::{ResumeAttempts, WholeAnswers};
use crate::session::stream::pump::BodyPump;
use crate::session::stream::range::{PartialBody, RangeAnswer, RangeMode, RangeVerdict, range};
use crate::session::stream::{BodyHead, ContentCoding};
use crate::session::{BodyError, ErrorClass, RetryBackoff, SessionError, TimeoutPhase};

/// Waits between attempts to continue.
const PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(30),
    attempts: u32::MAX,
};

/// How a cut body is continued, and how often that was tried.
pub(in crate::session) struct ResumePoint {
    /// The request, as it was made first.
    ask: RequestSpec,
    body: PartialBody,
    /// The mode in which the server gave the rest before; `None` as long as there was nothing to give the rest of.
    mode: Option<RangeMode>,
    attempts: ResumeAttempts,
    wholes: WholeAnswers,
    /// The last part did not say how long the whole is, so more may follow.
    open_ended: bool,
    /// The first answer says itself where its body ends.
    framed: bool,
    /// The answer that fell silent last has narrowed the window of archives.
    pub has_narrowed_window: bool,
}

/// What became of a request for the rest.
pub(super) enum ResumeEnd {
    /// More bytes come.
    Continued,
    /// There are no more: the body was complete.
    Complete,
}

impl ResumePoint {
    /// Refuses an answer that does not begin an archive.
    pub(in crate::session) fn of(ask: RequestSpec, opened: &OpenedRequest) -> Result<Self, SessionError> {
        let answer = range_answer(opened);
        let begun = PartialBody::begun_by(&answer);
        let body = match (answer.status, begun) {
            (206, Some(body)) => opened.incoming.require_framing().map(|()| body)?,
            (_, body) => opened.require_body().map(|()| body.unwrap_or_default())?,
        };
        Ok(Self {
            ask,
            mode: None,
            attempts: ResumeAttempts::default(),
            wholes: WholeAnswers::default(),
            open_ended: body.is_part && body.length.is_none(),
            framed: !opened.incoming.ends_with_connection(),
            has_narrowed_window: false,
            body,
        })
    }

    /// Whether only what is proven to be of the same version continues it.
    pub(in crate::session) const fn of_one_version(mut self, one_version: bool) -> Self {
        self.body.one_version = one_version;
        self
    }

    /// What is known of the archive before its first byte.
    pub(in crate::session) fn head(&self) -> BodyHead {
        BodyHead {
            validator: self.body.validator.clone(),
            length: self.body.length.filter(|_| !self.body.coded),
            framed: self.framed,
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

    /// Notes an answer that fell silent; whether one did so before at the same place.
    pub(super) fn fell_silent(&mut self, got: u64) -> bool {
        self.attempts.fell_silent(got)
    }

    /// How to ask for the rest after the answer that has just ended; `None`: whatever comes, it brings no more.
    fn next_mode(&self, got: u64) -> Option<RangeMode> {
        let mode = self.mode.unwrap_or_else(|| self.body.first_mode(got));
        match self.mode {
            // Without the condition the server may give the rest alone.
            Some(RangeMode::IfRange) if self.wholes.is_last => Some(RangeMode::Range),
            _ if self.wholes.is_last && self.wholes.are_in_vain() => None,
            _ => Some(mode),
        }
    }

    /// How to ask after an answer that brought nothing; `None`: not at all.
    fn mode_after(&self, mode: RangeMode) -> Option<RangeMode> {
        // A first answer that was a part is all that the request for the whole brings.
        let is_whole_vain = self.body.is_part || self.wholes.are_in_vain();
        mode.next().filter(|next| *next != RangeMode::Whole || !is_whole_vain)
    }

    /// Whether to read an answer whose first `skip` of `got` bytes are there already.
    const fn may_skip(&self, skip: u64, got: u64) -> bool {
        skip < got || !self.wholes.are_in_vain()
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

    /// Notes the answer that goes on behind `got` bytes, its first `skip` left out.
    fn take(&mut self, answer: &RangeAnswer<'_>, mode: RangeMode, got: u64, skip: u64) {
        self.mode = Some(mode).filter(|_| got > 0);
        self.body.length = self.body.length.or(PartialBody::total_of(answer));
        self.open_ended = answer.status == 206 && self.body.length.is_none();
        self.wholes.note_answer(skip == got);
    }
}

impl BodyPump {
    /// Asks for the rest until it comes, cannot come, or was asked for too often without progress.
    ///
    /// `fault`: what ended the last answer early; `None`: it ended properly and was shorter than the rest.
    pub(super) async fn resume(&mut self, fault: Option<SessionError>) -> Result<ResumeEnd, BodyError> {
        let (got, ended_at) = (self.got, self.got - self.skip);
        let ended_early = fault.is_some();
        let mut fault = fault.unwrap_or(SessionError::Short { got, expected: None });
        let Some(point) = self.resumable.as_mut() else {
            return Err(self.lost(fault));
        };
        point.wholes.note_end(ended_at);
        // A server that sends the rest in large parts is asked for the next one at once.
        let mut wait = ended_early || point.attempts.brought_little(got);
        if !wait {
            point.attempts.next(got, u32::MAX);
        }
        let Some(mut mode) = point.next_mode(got) else {
            return Err(self.lost(fault));
        };
        loop {
            if self.brings_morsels() {
                return Err(match ended_early {
                    // The line may be to blame.
                    true => self.lost(fault),
                    false => BodyError::Morsels { got },
                });
            }
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
                RangeVerdict::Append { skip } if point.may_skip(skip, got) => {
                    self.append(opened, mode, skip);
                    return Ok(ResumeEnd::Continued);
                }
                RangeVerdict::Append { .. } | RangeVerdict::NextMode => {
                    let Some(next) = point.mode_after(mode) else {
                        return Err(self.lost(fault));
                    };
                    (mode, wait) = (next, false);
                }
            }
        }
    }

    fn brings_morsels(&self) -> bool {
        let attempts = self.resumable.as_ref().map(|point| &point.attempts);
        attempts.is_some_and(ResumeAttempts::are_morsels)
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
        let most = self.engine.resume_attempts();
        let attempt = self.resumable.as_mut().and_then(|point| point.attempts.next(got, most));
        let Some(attempt) = attempt else { return false };
        let wait = PAUSES.wait(attempt, &mut rand::rng()).max(asked);
        sleep(wait).await;
        // A body that comes in morsels may not take longer than one that trickles.
        self.left = self.left.saturating_sub(wait);
        true
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
            point.take(&range_answer(&opened), mode, self.got, skip);
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
