//! An archive on its way out, with what befalls it there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::{Instant, sleep};

use crate::lab::simulator::archive::cache::ArchiveBytes;
use crate::lab::simulator::stats::SimulatorCounters;

/// Bytes given to the server at once: large enough that a copy costs more than the bookkeeping.
const PIECE: u64 = 256 * 1_024;
/// A drop of a trickling body, and the pause after it.
const DROP: u64 = 1_024;
const PAUSE: Duration = Duration::from_millis(50);

/// What befalls a body; positions are those of the whole archive.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodyScript {
    /// The connection is closed here.
    pub cut_at: Option<u64>,
    /// Nothing more comes from here on, for this long; then the connection is closed.
    pub stall_at: Option<(u64, Duration)>,
    /// It trickles for this long.
    pub trickle: Option<Duration>,
    /// The bit flipped in transit.
    pub flip_at: Option<u64>,
}

/// A range of an archive being sent.
pub(crate) struct RangeTransfer {
    pub source: ArchiveBytes,
    pub position: u64,
    /// First byte not sent any more.
    pub end: u64,
    pub script: BodyScript,
    pub counters: Arc<SimulatorCounters>,
    /// Called when the last byte was sent.
    pub done: Option<Box<dyn FnOnce()>>,
}

impl RangeTransfer {
    /// The body as a stream; an error in it closes the connection.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, io::Error>> {
        let began = Instant::now();
        unfold(Some(self), move |transfer| async move {
            let mut transfer = transfer?;
            match transfer.next(began).await {
                Ok(None) => None,
                Ok(Some(piece)) => Some((Ok(piece), Some(transfer))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn next(&mut self, began: Instant) -> io::Result<Option<Bytes>> {
        self.strike().await?;
        let mut limit = PIECE;
        if self.script.trickle.is_some_and(|length| began.elapsed() < length) {
            sleep(PAUSE).await;
            limit = DROP;
        }
        let stop = [self.script.cut_at, self.script.stall_at.map(|(at, _)| at)];
        let stop = stop.into_iter().flatten().filter(|at| *at > self.position).min();
        let end = self.end.min(stop.unwrap_or(self.end)).min(self.position + limit);
        if end <= self.position {
            return Ok(None);
        }
        let piece = self.piece(end)?;
        self.counters.body_bytes.fetch_add(piece.len() as u64, Relaxed);
        if end == self.end
            && let Some(done) = self.done.take()
        {
            done();
        }
        Ok(Some(piece))
    }

    /// Ends the body where the script says so; the short wait lets the bytes before it leave first.
    async fn strike(&self) -> io::Result<()> {
        if let Some((at, length)) = self.script.stall_at
            && at <= self.position
        {
            sleep(length).await;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "stalled on purpose"));
        }
        if self.script.cut_at.is_some_and(|at| at <= self.position) {
            sleep(Duration::from_millis(5)).await;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose"));
        }
        Ok(())
    }

    fn piece(&mut self, end: u64) -> io::Result<Bytes> {
        let start = self.position;
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let piece = self.source.read(start, length)?;
        self.position = end;
        match self.script.flip_at.filter(|at| (start..end).contains(at)) {
            None => Ok(piece),
            Some(at) => {
                let mut changed = piece.to_vec();
                changed[usize::try_from(at - start).map_err(io::Error::other)?] ^= 1;
                Ok(changed.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    async fn run(end: u64, script: BodyScript) -> (Vec<u8>, bool) {
        let transfer = RangeTransfer {
            source: ArchiveBytes::Memory(Bytes::from(vec![8; 600_000])),
            position: 0,
            end,
            script,
            counters: Arc::default(),
            done: None,
        };
        let mut stream = Box::pin(transfer.stream());
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }

    #[actix_rt::test]
    async fn an_untouched_body_comes_whole() {
        assert_eq!(run(600_000, BodyScript::default()).await, (vec![8; 600_000], true));
    }

    #[actix_rt::test]
    async fn a_cut_body_ends_exactly_there() {
        let script = BodyScript {
            cut_at: Some(300_001),
            ..BodyScript::default()
        };
        let (all, whole) = run(600_000, script).await;
        assert_eq!((all.len(), whole), (300_001, false));
    }

    #[actix_rt::test]
    async fn a_flip_changes_one_bit() {
        let script = BodyScript {
            flip_at: Some(262_144),
            ..BodyScript::default()
        };
        let (all, whole) = run(600_000, script).await;
        assert!(whole);
        assert_eq!(all.iter().filter(|byte| **byte != 8).count(), 1);
        assert_eq!(all[262_144], 9);
    }
}
