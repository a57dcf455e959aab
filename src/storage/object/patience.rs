//! How long a request may take, its repetitions included. The client's own limit must suit a server that copies a gigabyte; whoever
//! waits for an answer that never comes holds a book, or the whole work, for so long.

use std::future::Future;
use std::time::Duration;

use futures::stream::{Stream, TryStreamExt};

/// For a request without a body, and an answer of a few bytes.
const ANSWER: Duration = Duration::from_mins(1);
/// A line that carries less cannot be told from one that stands still.
const BYTES_PER_SECOND: u64 = 32 << 10;

/// How long a request may take that sends, or is answered with, so many bytes.
fn longest(bytes: usize) -> Duration {
    ANSWER + Duration::from_secs(bytes as u64 / BYTES_PER_SECOND)
}

/// The answer to a request that sends, or is answered with, so many bytes, if it comes in time.
pub(super) async fn in_time<T>(
    bytes: usize,
    request: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let longest = longest(bytes);
    match tokio::time::timeout(longest, request).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(object_store::Error::Generic {
            store: "object store",
            source: format!("no answer within {} seconds", longest.as_secs()).into(),
        }),
    }
}

/// The next name of a listing, if it comes in time.
pub(super) async fn next_in_time<T>(
    listing: &mut (impl Stream<Item = object_store::Result<T>> + Unpin),
) -> Option<object_store::Result<T>> {
    in_time(0, listing.try_next()).await.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[test]
    fn a_request_may_take_as_long_as_a_slow_line_needs_for_its_bytes() {
        for (bytes, seconds) in [(0, 60), (1_000, 60), (1 << 20, 92), (8 << 20, 316)] {
            assert_eq!(longest(bytes), Duration::from_secs(seconds), "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_never_answered_fails() {
        let began = tokio::time::Instant::now();
        let never = std::future::pending::<object_store::Result<()>>();
        let error = in_time(0, never).await.unwrap_err();
        assert!(error.to_string().contains("no answer within 60 seconds"), "{error}");
        assert_eq!(began.elapsed(), ANSWER);
        assert!(in_time(0, async { Ok(()) }).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_listing_that_never_goes_on_fails() {
        let mut listing = futures::stream::iter([Ok(1)]).chain(futures::stream::pending());
        assert_eq!(next_in_time(&mut listing).await.unwrap().unwrap(), 1);
        let error = next_in_time(&mut listing).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("no answer within 60 seconds"), "{error}");
        assert!(
            next_in_time(&mut futures::stream::empty::<object_store::Result<()>>())
                .await
                .is_none()
        );
    }
}
