//! Moves a body from the socket into its channel, and continues it where it was cut.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use awc::http::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::session::counters::ResumeOutcome;
use crate::session::engine::{OpenedRequest, RequestSpec, SessionEngine};
use crate::session::in_flight::InFlightGuard;
use crate::session::stream::channel::{BATCH, ChunkBatch, ChunkSender, ReaderGone, channel};
use crate::session::stream::range::{RangeAnswer, WholeBody, range};
use crate::session::stream::reader::{BodyReader, BodyStream};
use crate::session::stream::speed::SpeedFloor;
use crate::session::{AnswerHeaders, BodyError, ErrorClass, RetryBackoff, SessionError, TimeoutPhase};

/// Waits between attempts to continue.
const PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(30),
    attempts: u32::MAX,
};

/// After this many new bytes a continued body counts as going on, and its attempts begin anew.
const PROGRESS: u64 = BATCH as u64;

/// How a cut body can be continued.
pub(in crate::session) struct ResumePoint {
    /// The request, as it was asked first.
    pub(in crate::session) ask: RequestSpec,
    /// `None` when there is no strong validator or no length: then it cannot.
    pub(in crate::session) whole: Option<WholeBody>,
}

/// One body on its way.
pub(in crate::session) struct BodyPump {
    engine: Rc<SessionEngine>,
    opened: Option<OpenedRequest>,
    resumable: Option<ResumePoint>,
    sender: ChunkSender,
    work: CancellationToken,
    speed: SpeedFloor,
    slow: bool,
    end: Instant,
    _flight: InFlightGuard,
    got: u64,
    attempts: u32,
    resumed_at: u64,
}

/// Why pumping stopped before the end.
enum Stop {
    Unwanted,
    Fault(SessionError),
}

impl From<ReaderGone> for Stop {
    fn from(_: ReaderGone) -> Self {
        Self::Unwanted
    }
}

impl BodyPump {
    /// A pump for an archive, and the reader it pumps for.
    pub(in crate::session) fn for_reader(
        engine: &Rc<SessionEngine>,
        flight: InFlightGuard,
        opened: OpenedRequest,
        resumable: ResumePoint,
        work: CancellationToken,
    ) -> (Self, BodyReader) {
        let (sender, receiver) = channel();
        (
            Self::new(engine, flight, (opened, Some(resumable)), work, sender),
            BodyReader::new(receiver),
        )
    }

    /// A pump for a list, and the stream it pumps into.
    pub(in crate::session) fn for_stream(
        engine: &Rc<SessionEngine>,
        flight: InFlightGuard,
        opened: OpenedRequest,
        work: CancellationToken,
    ) -> (Self, BodyStream) {
        let (sender, receiver) = channel();
        let headers = AnswerHeaders::of(opened.incoming.headers());
        let url: Url = opened.url.clone();
        (
            Self::new(engine, flight, (opened, None), work, sender),
            BodyStream::new(receiver, headers, url),
        )
    }

    fn new(
        engine: &Rc<SessionEngine>,
        flight: InFlightGuard,
        (opened, resumable): (OpenedRequest, Option<ResumePoint>),
        work: CancellationToken,
        sender: ChunkSender,
    ) -> Self {
        Self {
            engine: Rc::clone(engine),
            end: opened.patience.end,
            opened: Some(opened),
            resumable,
            sender,
            work,
            speed: SpeedFloor::new(engine.minimum_speed()),
            slow: false,
            _flight: flight,
            got: 0,
            attempts: 0,
            resumed_at: 0,
        }
    }

    /// Pumps until the body has ended in one way or another, nobody wants it, or it is cancelled.
    pub(in crate::session) async fn run(mut self) {
        let work = self.work.clone();
        let cut = self.engine.cut_token();
        let ended = tokio::select! {
            biased;
            () = work.cancelled() => Err(BodyError::Cancelled),
            () = cut.cancelled() => Err(BodyError::Cancelled),
            ended = self.pump_all() => ended,
        };
        if let Err(BodyError::Restart { .. }) = ended {
            self.engine.counters.discarded.fetch_add(self.got, Relaxed);
        }
        self.opened = None;
        self.sender.end(ended);
    }

    async fn pump_all(&mut self) -> Result<(), BodyError> {
        loop {
            let fault = match self.stretch().await {
                Ok(()) => return Ok(()),
                Err(Stop::Unwanted) => return Err(BodyError::Cancelled),
                Err(Stop::Fault(fault)) => fault,
            };
            // The connection and its permit go back before anything is waited for.
            self.opened = None;
            self.note_fault(&fault);
            self.resume(fault).await?;
        }
    }

    /// Moves bytes until the body's end or a fault.
    async fn stretch(&mut self) -> Result<(), Stop> {
        let mut batch = ChunkBatch::new();
        let mut size = 0;
        loop {
            let next = match self.next(&batch).await {
                Ok(next) => next,
                Err(fault) => {
                    self.hand_over(&mut batch).await?;
                    return Err(Stop::Fault(fault));
                }
            };
            match next {
                Next::Chunk(chunk) => {
                    size += chunk.len();
                    batch.push(chunk);
                }
                Next::End => return Ok(self.hand_over(&mut batch).await?),
                Next::Starving => size = BATCH,
            }
            if size >= BATCH {
                self.hand_over(&mut batch).await?;
                size = 0;
            }
        }
    }

    /// The next chunk. A reader that has nothing to read is not kept waiting for a full batch.
    async fn next(&mut self, batch: &ChunkBatch) -> Result<Next, SessionError> {
        if std::mem::take(&mut self.slow) && !self.is_complete() {
            return Err(SessionError::TooSlow {
                bytes_per_second: self.engine.minimum_speed().bytes_per_second,
            });
        }
        let Some(opened) = self.opened.as_mut() else {
            return Err(SessionError::Reset);
        };
        let began = Instant::now();
        let silence = began + opened.patience.silence;
        let hungry = !batch.is_empty();
        let sender = &self.sender;
        let next = poll_fn(|cx| match opened.incoming.poll_next(cx) {
            Poll::Pending if hungry && sender.is_empty() => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(next) => Poll::Ready(next.map(Some)),
        });
        let next = tokio::select! {
            biased;
            next = timeout_at(silence.min(self.end), next) => next,
            () = sender.unwanted() => return Err(SessionError::Cancelled),
        };
        let late = if silence < self.end {
            TimeoutPhase::Read
        } else {
            TimeoutPhase::Download
        };
        match next.map_err(|_| SessionError::Timeout { phase: late })?? {
            None => Ok(Next::Starving),
            Some(None) => Ok(Next::End),
            Some(Some(chunk)) => {
                self.note_chunk(chunk.len(), began.elapsed());
                Ok(Next::Chunk(chunk))
            }
        }
    }

    fn note_chunk(&mut self, bytes: usize, waited: Duration) {
        self.got += bytes as u64;
        self.sender.note(bytes);
        if self.resumable.is_some() {
            self.engine.counters.downloaded.fetch_add(bytes as u64, Relaxed);
        }
        // The chunk is good all the same: the fault comes with the next one, unless this was the last.
        self.slow = !self.speed.is_enough(bytes, waited);
    }

    fn is_complete(&self) -> bool {
        let whole = self.resumable.as_ref().and_then(|resumable| resumable.whole.as_ref());
        whole.is_some_and(|whole| whole.length == self.got)
    }

    async fn hand_over(&self, batch: &mut ChunkBatch) -> Result<(), ReaderGone> {
        if batch.is_empty() {
            return Ok(());
        }
        self.sender.send(std::mem::take(batch)).await
    }

    fn note_fault(&self, fault: &SessionError) {
        if matches!(
            fault,
            SessionError::TooSlow { .. }
                | SessionError::Timeout {
                    phase: TimeoutPhase::Read
                }
        ) {
            self.engine.counters.stalls.fetch_add(1, Relaxed);
        }
    }

    /// Asks for the rest until it comes, cannot come, or was asked for too often without progress.
    async fn resume(&mut self, mut fault: SessionError) -> Result<(), BodyError> {
        let Some(ResumePoint {
            ask,
            whole: Some(whole),
        }) = &self.resumable
        else {
            return Err(self.lost(fault));
        };
        let mut ask = ask.clone();
        let whole = whole.clone();
        if self.got - self.resumed_at >= PROGRESS {
            self.attempts = 0;
        }
        self.resumed_at = self.got;
        ask.range(&whole, self.got)?;
        loop {
            if self.attempts >= self.engine.resume_attempts() || !may_resume(&fault) || Instant::now() >= self.end {
                return Err(self.lost(fault));
            }
            self.attempts += 1;
            self.engine.counters.note_retry(ask.outgoing.kind, "resume");
            let bound = PAUSES.bound(self.attempts);
            sleep(bound.mul_f64(rand::random::<f64>())).await;
            match self.engine.open(&ask, Some(self.end), None).await {
                Ok(opened) => return self.take(opened, &whole),
                // The archive ends before the rest begins, or is no longer the one the validator names.
                Err(
                    SessionError::Unexpected { status: 412 | 416, .. }
                    | SessionError::RefusedByHost { status: 412 | 416, .. },
                ) => {
                    self.engine.counters.note_resume(ResumeOutcome::Mismatch);
                    let why = crate::session::RestartWhy::Changed;
                    return Err(BodyError::Restart { why });
                }
                Err(again) => fault = again,
            }
        }
    }

    fn take(&mut self, opened: OpenedRequest, whole: &WholeBody) -> Result<(), BodyError> {
        let incoming = &opened.incoming;
        incoming.require_framing()?;
        let offer = RangeAnswer {
            status: incoming.status(),
            content_range: incoming.header(CONTENT_RANGE),
            etag: incoming.header(ETAG),
            length: incoming.length(),
        };
        let judged = whole.judge(&offer, self.got);
        self.engine.counters.note_resume(match judged {
            Ok(()) => ResumeOutcome::Appended,
            Err(crate::session::RestartWhy::RangeIgnored) => ResumeOutcome::Restarted,
            Err(_) => ResumeOutcome::Mismatch,
        });
        judged.map_err(|why| BodyError::Restart { why })?;
        self.opened = Some(opened);
        self.speed = SpeedFloor::new(self.engine.minimum_speed());
        Ok(())
    }

    /// The fault in the words of a body's reader.
    fn lost(&self, fault: SessionError) -> BodyError {
        let expected = self
            .resumable
            .as_ref()
            .and_then(|resumable| resumable.whole.as_ref())
            .map(|whole| whole.length);
        match fault {
            SessionError::Short { expected: of_part, .. } => BodyError::Cut {
                got: self.got,
                expected: expected.or(of_part),
            },
            SessionError::Reset => BodyError::Cut {
                got: self.got,
                expected,
            },
            SessionError::Timeout {
                phase: TimeoutPhase::Read,
            } => BodyError::Stalled,
            SessionError::TooSlow { .. } => BodyError::TooSlow,
            SessionError::Cancelled => BodyError::Cancelled,
            other => BodyError::Session(other),
        }
    }
}

enum Next {
    Chunk(Bytes),
    /// The reader waits and there is something for it.
    Starving,
    End,
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

impl RequestSpec {
    /// Asks for what is left after `got` bytes.
    fn range(&mut self, whole: &WholeBody, got: u64) -> Result<(), BodyError> {
        let unsendable = |_| BodyError::Session(SessionError::BadRequest("the entity tag cannot be sent".to_owned()));
        let range = HeaderValue::try_from(range(got)).map_err(unsendable)?;
        let if_range = HeaderValue::try_from(whole.validator.to_string()).map_err(unsendable)?;
        self.outgoing.headers.push((RANGE, range));
        self.outgoing.headers.push((IF_RANGE, if_range));
        Ok(())
    }
}
