//! Moves a body from the socket into its channel.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use awc::http::header::CONTENT_TYPE;
use bytes::{Buf, Bytes};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::session::answer::proves_its_end;
use crate::session::bulk_window::BulkSign;
use crate::session::engine::SessionEngine;
use crate::session::in_flight::InFlightGuard;
use crate::session::request::OpenedRequest;
use crate::session::stream::ContentCoding;
use crate::session::stream::channel::{BATCH, ChunkBatch, ChunkSender, ReaderGone, channel};
use crate::session::stream::reader::{BodyReader, BodyStream};
use crate::session::stream::resume::{ResumeEnd, ResumePoint};
use crate::session::stream::speed::SpeedFloor;
use crate::session::{BodyError, SessionError, TimeoutPhase};

/// Of a list that ends with its connection, this much of the end is kept to see whether it is whole.
const TAIL: usize = 64;

/// One body on its way.
pub(in crate::session) struct BodyPump {
    pub(super) engine: Rc<SessionEngine>,
    opened: Option<OpenedRequest>,
    /// `None`: a list, which is not continued.
    pub(super) resumable: Option<ResumePoint>,
    sender: ChunkSender,
    work: CancellationToken,
    speed: SpeedFloor,
    slow: bool,
    end: Instant,
    /// What the body's own time has left while no answer is open.
    pub(super) left: Duration,
    _in_flight: InFlightGuard,
    /// Bytes handed out.
    pub(super) got: u64,
    /// Bytes still to come that are there already.
    pub(super) skip: u64,
    /// Of a list: its first two bytes as they came, and its last ones.
    start: Vec<u8>,
    tail: Vec<u8>,
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
        in_flight: InFlightGuard,
        opened: OpenedRequest,
        resumable: ResumePoint,
        work: CancellationToken,
    ) -> (Self, BodyReader) {
        let (sender, receiver) = channel();
        let coding = opened.incoming.coding();
        (
            Self {
                resumable: Some(resumable),
                ..Self::new(engine, in_flight, opened, work, sender)
            },
            BodyReader::new(receiver, coding),
        )
    }

    /// A pump for a list, and the stream it pumps into.
    pub(in crate::session) fn for_stream(
        engine: &Rc<SessionEngine>,
        in_flight: InFlightGuard,
        opened: OpenedRequest,
        work: CancellationToken,
    ) -> (Self, BodyStream) {
        let (sender, receiver) = channel();
        let url: Url = opened.url.clone();
        let coding = opened.incoming.coding();
        let mut stream = BodyStream::new(receiver, url, coding);
        stream.has_length = opened.incoming.has_length();
        let content_type = opened.incoming.header(CONTENT_TYPE).unwrap_or_default();
        content_type.clone_into(&mut stream.content_type);
        (Self::new(engine, in_flight, opened, work, sender), stream)
    }

    fn new(
        engine: &Rc<SessionEngine>,
        in_flight: InFlightGuard,
        opened: OpenedRequest,
        work: CancellationToken,
        sender: ChunkSender,
    ) -> Self {
        Self {
            engine: Rc::clone(engine),
            end: opened.deadlines.end,
            left: Duration::ZERO,
            opened: Some(opened),
            resumable: None,
            sender,
            work,
            speed: SpeedFloor::new(engine.minimum_speed()),
            slow: false,
            _in_flight: in_flight,
            got: 0,
            skip: 0,
            start: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Pumps until the body has ended in one way or another, nobody wants it, or it is cancelled.
    pub(in crate::session) async fn run(mut self) {
        let work = self.work.clone();
        let cut = self.engine.cut_token();
        let reader = self.sender.reader();
        let ended = tokio::select! {
            biased;
            () = work.cancelled() => Err(BodyError::Cancelled),
            () = cut.cancelled() => Err(BodyError::Cancelled),
            // Whatever is waited for, the gate or a permit too: without a reader it is in vain.
            () = reader.closed() => Err(BodyError::Cancelled),
            ended = self.pump_all() => ended,
        };
        drop(reader);
        if ended.is_ok() && self.resumable.is_some() {
            self.engine.note_bulk(BulkSign::Complete);
        }
        if ended == Err(BodyError::Restart) {
            self.engine.counters.discarded.fetch_add(self.got, Relaxed);
        }
        self.opened = None;
        self.sender.end(ended);
    }

    async fn pump_all(&mut self) -> Result<(), BodyError> {
        loop {
            let fault = match self.stretch().await {
                Ok(()) if self.resumable.as_ref().is_none_or(|point| point.is_complete(self.got)) => return Ok(()),
                Ok(()) => None,
                Err(Stop::Unwanted) => return Err(BodyError::Cancelled),
                Err(Stop::Fault(fault)) => Some(fault),
            };
            // The connection and its permit are released before anything is waited for.
            let sent = self.opened.take().map(|opened| opened.sent);
            self.left = self.end.saturating_duration_since(Instant::now());
            let fault = match fault {
                Some(fault) if self.is_in_vain(&fault, sent) => return Err(self.lost(fault)),
                fault => fault,
            };
            match self.resume(fault).await? {
                ResumeEnd::Continued => {}
                ResumeEnd::Complete => return Ok(()),
            }
        }
    }

    /// Moves bytes until the body's end or a fault.
    async fn stretch(&mut self) -> Result<(), Stop> {
        let mut batch = ChunkBatch::new();
        let mut size = 0;
        loop {
            // A body that has come whole has nothing to wait for.
            if !self.is_complete() && self.engine.bandwidth.is_used_up() {
                self.hand_over(&mut batch).await?;
                size = 0;
                self.wait_for_bandwidth().await;
            }
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
                    batch.extend(Some(chunk).filter(|chunk| !chunk.is_empty()));
                }
                Next::End => {
                    self.hand_over(&mut batch).await?;
                    return self.check_end().map_err(Stop::Fault);
                }
                Next::Starving => size = BATCH,
            }
            if size >= BATCH {
                self.hand_over(&mut batch).await?;
                size = 0;
            }
        }
    }

    /// The server is not to blame for this time, and the body loses none of its own.
    async fn wait_for_bandwidth(&mut self) {
        let began = Instant::now();
        self.engine.bandwidth.wait().await;
        self.end += began.elapsed();
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
        let silence = began + opened.deadlines.silence;
        let hungry = !batch.is_empty();
        let sender = &self.sender;
        let next = poll_fn(|cx| match opened.incoming.poll_next(cx) {
            Poll::Pending if hungry && sender.is_empty() => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(next) => Poll::Ready(next.map(Some)),
        });
        let next = timeout_at(silence.min(self.end), next).await;
        let late = if silence < self.end {
            TimeoutPhase::Read
        } else {
            TimeoutPhase::Download
        };
        match next.map_err(|_| SessionError::Timeout { phase: late })?? {
            None => Ok(Next::Starving),
            Some(None) => Ok(Next::End),
            Some(Some(chunk)) => Ok(Next::Chunk(self.note_chunk(chunk, began.elapsed()))),
        }
    }

    /// Counts a chunk; gives what of it is new.
    fn note_chunk(&mut self, mut chunk: Bytes, waited: Duration) -> Bytes {
        // The chunk is good all the same: the fault comes with the next one, unless this was the last.
        self.slow = !self.speed.is_enough(chunk.len(), waited);
        self.engine.bandwidth.spend(chunk.len());
        let known = usize::try_from(self.skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
        chunk.advance(known);
        self.skip -= known as u64;
        let bytes = chunk.len();
        self.got += bytes as u64;
        self.sender.note(bytes);
        if self.resumable.is_some() {
            self.engine.note_bulk(BulkSign::Bytes);
            self.engine.counters.downloaded.fetch_add(bytes as u64, Relaxed);
        } else {
            self.start.extend(chunk.iter().take(2 - self.start.len()));
            self.tail.extend_from_slice(&chunk[bytes.saturating_sub(TAIL)..]);
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        }
        chunk
    }

    fn is_complete(&self) -> bool {
        let length = self.resumable.as_ref().and_then(ResumePoint::length);
        length == Some(self.got)
    }

    /// Whether a list that ends with its connection is whole. One that is really coded is found out by its decoder, an archive by its own
    /// check.
    fn check_end(&self) -> Result<(), SessionError> {
        let Some(opened) = self.opened.as_ref().filter(|_| self.resumable.is_none()) else {
            return Ok(());
        };
        let incoming = &opened.incoming;
        let coding = incoming.coding().as_begun(&self.start);
        let unproven = incoming.ends_with_connection() && coding == ContentCoding::Identity;
        if unproven && !proves_its_end(&self.tail) {
            return Err(SessionError::Short {
                got: self.got,
                expected: None,
            });
        }
        Ok(())
    }

    async fn hand_over(&self, batch: &mut ChunkBatch) -> Result<(), ReaderGone> {
        if batch.is_empty() {
            return Ok(());
        }
        self.sender.send(std::mem::take(batch)).await
    }

    /// Notes what ended an answer early; whether asking for the rest is in vain now. What falls silent at the same place again tells
    /// nothing of the load, and holds a place that others need: the book is tried later.
    fn is_in_vain(&mut self, fault: &SessionError, sent: Option<Instant>) -> bool {
        let is_silent = matches!(
            fault,
            SessionError::Timeout {
                phase: TimeoutPhase::Read
            }
        );
        if !is_silent && !matches!(fault, SessionError::TooSlow { .. }) {
            return false;
        }
        self.engine.counters.stalls.fetch_add(1, Relaxed);
        let Some(point) = &mut self.resumable else { return false };
        let is_again = is_silent && point.fell_silent(self.got);
        if is_again {
            // Others may have narrowed the window meanwhile, and with reason.
            if std::mem::take(&mut point.has_narrowed_window) {
                self.engine.note_bulk(BulkSign::Unfounded);
            }
        } else if let Some(sent) = sent {
            point.has_narrowed_window = self.engine.note_bulk(BulkSign::Overload { sent });
        }
        is_again
    }

    /// Goes on with an answer whose first `skip` bytes are there already.
    pub(super) fn begin(&mut self, opened: OpenedRequest, skip: u64) {
        if self.got > 0 {
            self.sender.note_splice();
        }
        self.end = opened.deadlines.end;
        self.opened = Some(opened);
        self.skip = skip;
        self.speed = SpeedFloor::new(self.engine.minimum_speed());
        self.slow = false;
    }

    /// The fault in the words of a body's reader.
    pub(super) fn lost(&self, fault: SessionError) -> BodyError {
        let expected = self.resumable.as_ref().and_then(ResumePoint::length);
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
