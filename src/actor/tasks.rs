//! The way to start a task that is no actor: named, counted, and ended with its handle.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::task::JoinHandle;

use crate::actor::runner::fault_text;
use crate::actor::{ActorRegistry, lock};

/// Counters of all tasks of one name.
#[derive(Debug, Default)]
pub(super) struct TaskStats {
    pub(super) started: AtomicU64,
    pub(super) running: AtomicU64,
    pub(super) panicked: AtomicU64,
}

/// A running task; dropping the handle aborts it.
pub struct TaskHandle<T> {
    name: &'static str,
    handle: JoinHandle<Option<T>>,
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a task brought no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It panicked; the fault is in the log.
    #[error("the task panicked")]
    Panicked,
    /// It was aborted, or its thread's runtime ended.
    #[error("the task was aborted")]
    Aborted,
}

/// Starts `future` on this thread's arbiter under `name`, which must be one of few, fixed in the code.
///
/// # Panics
/// Outside of an actix arbiter or a tokio `LocalSet`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the counted replacement for the bare spawn"
)]
pub fn spawn<T: 'static>(
    hub: &ActorRegistry,
    name: &'static str,
    future: impl Future<Output = T> + 'static,
) -> TaskHandle<T> {
    let stats = Arc::clone(lock(&hub.inner.tasks).entry(name).or_default());
    let counted = Counted::new(stats);
    // Its type is forgotten: the compiler would else make all of a task for each.
    let future: LocalBoxFuture<'static, T> = Box::pin(future);
    let handle = actix_rt::spawn(async move {
        let ended = AssertUnwindSafe(future).catch_unwind().await;
        ended
            .map_err(|payload| counted.panicked(name, &fault_text(payload)))
            .ok()
    });
    TaskHandle { name, handle }
}

impl<T> TaskHandle<T> {
    /// Waits for the result.
    pub async fn join(mut self) -> Result<T, TaskError> {
        match (&mut self.handle).await {
            Ok(Some(result)) => Ok(result),
            Ok(None) => Err(TaskError::Panicked),
            Err(_) => Err(TaskError::Aborted),
        }
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Counts a task as running until dropped, however it ends.
struct Counted {
    stats: Arc<TaskStats>,
}

impl Counted {
    fn new(stats: Arc<TaskStats>) -> Self {
        stats.started.fetch_add(1, Relaxed);
        stats.running.fetch_add(1, Relaxed);
        Self { stats }
    }

    fn panicked(&self, name: &str, fault: &str) {
        self.stats.panicked.fetch_add(1, Relaxed);
        tracing::error!(task = name, fault, "a task panicked");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.stats.running.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn results_panics_and_aborts_are_told_apart() {
        let hub = ActorRegistry::new();
        assert_eq!(spawn(&hub, "fine", async { 7 }).join().await, Ok(7));
        let broken = spawn(&hub, "broken", async { panic!("as wanted") });
        assert_eq!(broken.join().await, Err(TaskError::Panicked));
        let endless = spawn(&hub, "endless", std::future::pending::<()>());
        endless.handle.abort();
        assert_eq!(endless.join().await, Err(TaskError::Aborted));
        let tasks = hub.snapshot().tasks;
        let told: Vec<_> = tasks
            .iter()
            .map(|task| (&*task.name, task.started, task.running, task.panicked))
            .collect();
        assert_eq!(told, [("broken", 1, 0, 1), ("endless", 1, 0, 0), ("fine", 1, 0, 0)]);
    }

    #[actix_rt::test]
    async fn dropping_the_handle_ends_the_task() {
        let (held, mut gone) = tokio::sync::oneshot::channel::<()>();
        let task = spawn(&ActorRegistry::new(), "held", async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!((&mut gone).await.is_err());
    }
}
