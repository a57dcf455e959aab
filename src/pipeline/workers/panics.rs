//! A panic in a worker's handler costs the message that it happened to, and no restart of the worker.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// What `work` comes to; `None` if it panicked. For workers that keep nothing between two messages.
pub(super) async fn caught<F: Future>(work: F) -> Option<F::Output> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let panicking = async {
            tokio::task::yield_now().await;
            assert!(std::env::args().count() > 1_000, "a panic, for the test");
        };
        assert_eq!(caught(panicking).await, None);
    }
}
