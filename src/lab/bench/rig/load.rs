//! Load: workers that ask one thing after the other, or things that arrive whether or not anyone is free.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::latency::LatencySamples;

/// When the next piece of work begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArrivalPattern {
    /// Each worker begins the next piece when it has ended one.
    Closed,
    /// So many a second at fixed times. A piece that finds no worker free waits, and its waiting counts.
    Open {
        /// Pieces a second.
        rate: f64,
    },
}

/// What came of it.
#[derive(Debug)]
pub struct LoadResult {
    /// Pieces of work ended well.
    pub good: u64,
    /// Pieces that failed.
    pub failed: u64,
    /// Until the last piece ended.
    pub seconds: f64,
    /// Of the good ones: from beginning (closed) or from the time of arrival (open) to the end.
    pub latencies: LatencySamples,
}

/// Runs `work` with so many workers for so long; what has begun or arrived by then is ended.
pub async fn run<F: Future<Output = bool>>(
    workers: usize,
    arrivals: ArrivalPattern,
    lasting: Duration,
    work: impl Fn() -> F,
) -> Result<LoadResult, BenchError> {
    let latencies =
        LatencySamples::new().ok_or_else(|| BenchError::Helper("latencies do not fit into memory".to_owned()))?;
    let line = Line {
        arrivals,
        began: Instant::now(),
        lasting,
        next: Cell::new(0),
        failed: Cell::new(0),
        latencies: RefCell::new(latencies),
    };
    join_all((0..workers).map(|_| line.worker(&work))).await;
    let latencies = line.latencies.into_inner();
    Ok(LoadResult {
        good: latencies.count(),
        failed: line.failed.get(),
        seconds: line.began.elapsed().as_secs_f64(),
        latencies,
    })
}

/// What the workers share; all are on one thread.
struct Line {
    arrivals: ArrivalPattern,
    began: Instant,
    lasting: Duration,
    next: Cell<u32>,
    failed: Cell<u64>,
    latencies: RefCell<LatencySamples>,
}

impl Line {
    async fn worker<F: Future<Output = bool>>(&self, work: &impl Fn() -> F) {
        while let Some(arrived) = self.take() {
            if arrived > Instant::now() {
                sleep_until(arrived).await;
            }
            if work().await {
                self.latencies.borrow_mut().note(arrived.elapsed());
            } else {
                self.failed.set(self.failed.get() + 1);
            }
        }
    }

    /// When the next piece arrives; `None` when there are no more.
    fn take(&self) -> Option<Instant> {
        let arrives = match self.arrivals {
            ArrivalPattern::Closed => Instant::now(),
            ArrivalPattern::Open { rate } => {
                let number = self.next.get();
                self.next.set(number.saturating_add(1));
                let after = Duration::try_from_secs_f64(f64::from(number) / rate).ok()?;
                self.began + after
            }
        };
        (arrives < self.began + self.lasting).then_some(arrives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(100);

    async fn busy() -> bool {
        tokio::time::sleep(PIECE).await;
        true
    }

    #[tokio::test(start_paused = true)]
    async fn closed_loop_begins_the_next_when_one_has_ended() {
        let done = run(3, ArrivalPattern::Closed, PIECE * 10, busy).await.unwrap();
        assert_eq!((done.good, done.failed), (30, 0));
        assert!((done.latencies.longest() - 100.0).abs() < 3.0);
    }

    #[tokio::test(start_paused = true)]
    async fn open_loop_counts_the_waiting_of_what_finds_nobody_free() {
        // 20 a second arrive, one worker ends 10 a second: the last of the first second waits for another second.
        let done = run(1, ArrivalPattern::Open { rate: 20.0 }, Duration::from_secs(1), busy)
            .await
            .unwrap();
        assert_eq!(done.good, 20);
        let (most, least) = (done.latencies.longest(), done.latencies.percentile(1.0));
        assert!(most > 1_000.0 && least < 110.0, "{least} to {most}");
        assert!(done.seconds > 1.9);
    }

    #[tokio::test(start_paused = true)]
    async fn open_loop_keeps_its_rate_when_workers_are_free() {
        let done = run(10, ArrivalPattern::Open { rate: 50.0 }, Duration::from_secs(2), busy)
            .await
            .unwrap();
        assert_eq!(done.good, 100);
        assert!(done.latencies.longest() < 110.0);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_counted_apart() {
        let odd = Cell::new(false);
        let work = || {
            odd.set(!odd.get());
            let good = odd.get();
            async move { busy().await && good }
        };
        let done = run(1, ArrivalPattern::Closed, PIECE * 10, work).await.unwrap();
        assert_eq!((done.good, done.failed), (5, 5));
    }
}
