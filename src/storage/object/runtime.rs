//! One thread that does the talking, so that a blocking caller can be on any thread.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::storage::error::StorageError;

/// A thread with a small runtime; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct ObjectRuntime {
    handle: Handle,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

/// Something under way on the thread.
#[derive(Debug)]
pub(super) struct PendingTask<T>(mpsc::Receiver<T>);

impl ObjectRuntime {
    pub fn start() -> Result<Self, StorageError> {
        let failed = |source| StorageError::Io {
            what: "starting the storage thread".to_owned(),
            source,
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("storage".to_owned())
            .spawn(move || {
                // Ends with an error when the sender is dropped, which is what is waited for.
                let _ = runtime.block_on(stopped);
            })
            .map_err(failed)?;
        Ok(Self { handle, _stop: stop })
    }

    /// Begins something; the result is kept until it is asked for.
    pub fn begin<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> PendingTask<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Nobody may be waiting any more.
            let _ = sender.send(future.await);
        });
        PendingTask(receiver)
    }

    /// Does something and waits for it. Plain blocking, so that it works wherever blocking does.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, StorageError> {
        self.begin(future).wait()
    }
}

impl<T> PendingTask<T> {
    pub fn wait(self) -> Result<T, StorageError> {
        self.0.recv().map_err(|_| StorageError::Closed)
    }

    /// As `wait`, but `None` when it takes longer.
    pub fn wait_for(self, longest: Duration) -> Option<T> {
        self.0.recv_timeout(longest).ok()
    }
}
