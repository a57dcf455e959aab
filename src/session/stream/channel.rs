//! The bounded channel of a body between two threads, and how the body ended.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::session::BodyError;
use crate::session::stream::arrival::BodyArrival;

/// Bytes gathered before they are handed over.
pub(super) const BATCH: usize = 256 * 1024;

/// Batches that wait for the reader.
const SLOTS: usize = 3;

/// Chunks as they came, handed over together: nothing is copied.
pub(in crate::session) type ChunkBatch = Vec<Bytes>;

/// The pump's end.
pub(in crate::session) struct ChunkSender {
    batches: mpsc::Sender<ChunkBatch>,
    shared: Arc<ChannelState>,
}

/// The reader's end.
pub(in crate::session) struct ChunkReceiver {
    pub(super) batches: mpsc::Receiver<ChunkBatch>,
    pub(super) shared: Arc<ChannelState>,
}

/// What both ends see.
pub(in crate::session) struct ChannelState {
    ending_result: OnceLock<Result<(), BodyError>>,
    pub(super) arrival: Arc<BodyArrival>,
    pub(super) spliced: Arc<AtomicBool>,
}

/// The reader is gone: there is nobody to read for.
pub(super) struct ReaderGone;

pub(in crate::session) fn channel() -> (ChunkSender, ChunkReceiver) {
    let (sender, batches) = mpsc::channel(SLOTS);
    let shared = Arc::new(ChannelState {
        ending_result: OnceLock::new(),
        arrival: Arc::default(),
        spliced: Arc::default(),
    });
    (
        ChunkSender {
            batches: sender,
            shared: Arc::clone(&shared),
        },
        ChunkReceiver { batches, shared },
    )
}

impl ChunkSender {
    /// Hands a batch over, waiting while the channel is full.
    pub(super) async fn send(&self, batch: ChunkBatch) -> Result<(), ReaderGone> {
        self.batches.send(batch).await.map_err(|_| ReaderGone)
    }

    /// Hands a batch over if there is a free place.
    #[cfg(test)]
    pub(in crate::session) fn try_send(&self, batch: ChunkBatch) -> bool {
        self.batches.try_send(batch).is_ok()
    }

    /// Whether the reader has nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.capacity() == SLOTS
    }

    /// Says when the reader is gone. To be dropped before [`ChunkSender::end`], or the reader waits on.
    pub(super) fn reader(&self) -> mpsc::Sender<ChunkBatch> {
        self.batches.clone()
    }

    /// Counts bytes that came.
    pub(in crate::session) fn note(&self, bytes: usize) {
        self.shared.arrival.note(bytes);
    }

    /// Notes that the body goes on with bytes of another answer.
    pub(super) fn note_splice(&self) {
        self.shared.spliced.store(true, Relaxed);
    }

    /// Says how the body ended; the reader hears it after the last batch.
    pub(in crate::session) fn end(self, how: Result<(), BodyError>) {
        let _ = self.shared.ending_result.set(how);
    }
}

impl ChannelState {
    /// How the body ended. Without a result the session ended under it.
    pub(super) fn ending(&self) -> Result<(), BodyError> {
        self.ending_result.get().cloned().unwrap_or(Err(BodyError::Cancelled))
    }

    /// Whether what is still on its way is not wanted any more.
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self.ending_result.get(), Some(Err(BodyError::Cancelled)))
    }
}
