//! How long a request that sends something may take, its repetitions included. The client's own limit must suit a server that copies a
//! gigabyte; whoever waits for an answer that never comes holds a book for so long.

use std::future::Future;
use std::time::Duration;

/// For a request without a body.
const ANSWER: Duration = Duration::from_mins(1);
/// A line that sends more slowly cannot be told from one that stands still.
const BYTES_PER_SECOND: u64 = 32 << 10;

/// How long a request that sends so many bytes may take.
fn longest(bytes: usize) -> Duration {
    ANSWER + Duration::from_secs(bytes as u64 / BYTES_PER_SECOND)
}

/// The answer to a request that sends so many bytes, if it comes in time.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
