//! One measurement of one way of asking under one set of circumstances.

use std::time::Duration;

use futures::future::join_all;
use url::Url;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::cpu;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::LatencyPools;
use crate::lab::bench::rig::answerer::AnswererSnapshot;
use crate::lab::bench::rig::fresh::ClientUsage;
use crate::lab::bench::rig::load::{ArrivalPattern, LoadResult, run};
use crate::lab::bench::rig::serve::BenchServer;
use crate::lab::bench::sessions::callers::{BenchCaller, BenchRequest, BenchTarget, CallMode};

/// So often all workers ask at once before a round; an answer that is quick leaves its connection to the next who asks, so that
/// once may not open all of them.
const WARMINGS: usize = 5;

/// What a worker does for one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookWork {
    /// A HEAD, then a small GET.
    Book,
    /// A HEAD alone.
    Head,
}

impl BookWork {
    const fn requests(self) -> &'static [BenchRequest] {
        match self {
            Self::Book => &[BenchRequest::Head, BenchRequest::Get],
            Self::Head => &[BenchRequest::Head],
        }
    }
}

/// Under what a round is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchConditions {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Milliseconds there and back.
    pub round_trip: u64,
    /// How many ask at once.
    pub workers: usize,
    /// What each of them requests.
    pub work: BookWork,
}

impl BenchConditions {
    /// `plain, 20 ms`.
    pub fn way(self) -> String {
        let transport = if self.tls { "TLS" } else { "plain" };
        format!("{transport}, {} ms", self.round_trip)
    }

    /// The name of the cell.
    pub fn cell(self, arrivals: ArrivalPattern) -> String {
        let work = match self.work {
            BookWork::Book => "",
            BookWork::Head => "HEADs only, ",
        };
        let arrivals = match arrivals {
            ArrivalPattern::Closed => "closed loop",
            ArrivalPattern::Open { .. } => "open loop",
        };
        let many = if self.workers == 1 { "worker" } else { "workers" };
        format!("{work}{}, {} {many}, {arrivals}", self.way(), self.workers)
    }

    fn target(self, server: &BenchServer) -> Result<BenchTarget, BenchError> {
        let places = if self.tls {
            &server.places.tls
        } else {
            &server.places.plain
        };
        let address = places
            .get(&self.round_trip)
            .ok_or_else(|| BenchError::Helper(format!("nobody listens {} ms away", self.round_trip)))?;
        let scheme = if self.tls { "https" } else { "http" };
        let url = |path: &str| {
            Url::parse(&format!("{scheme}://{address}/libraries/TEST/{path}"))
                .map_err(|error| BenchError::Helper(error.to_string()))
        };
        Ok(BenchTarget {
            head: url("TL0000000001.tar.gz.gpg")?,
            get: url("_barcode_search?barcodes=TL0000000001")?,
            ca_file: server.places.ca_file.clone(),
        })
    }
}

/// What one measurement gave.
#[derive(Debug)]
pub struct CellMeasure {
    done: LoadResult,
    made: ClientUsage,
    served: AnswererSnapshot,
    cpu_seconds: f64,
    requests: f64,
}

impl CellMeasure {
    /// Books a second.
    pub fn rate(&self) -> f64 {
        self.done.good as f64 / self.done.seconds
    }

    /// Adds everything to the figures, and the times to those of the other rounds.
    pub fn note(&self, figures: &mut BenchFigures, pools: &mut LatencyPools, cell: &str, mode: CallMode) {
        let books = self.done.good as f64;
        let thousand = |count: u64| count as f64 * 1_000.0 / books;
        pools.round(figures, cell, mode.as_str(), &self.done.latencies);
        let values = [
            ("books/s", self.rate()),
            ("CPU µs/request", self.cpu_seconds * 1e6 / self.requests),
            ("books", books),
            ("sessions", self.made.sessions as f64),
            ("connections", self.made.connections as f64),
            ("handshakes", self.served.handshakes as f64),
            ("sessions/1000 books", thousand(self.made.sessions)),
            ("connections/1000 books", thousand(self.made.connections)),
            ("handshakes/1000 books", thousand(self.served.handshakes)),
            ("connections seen by the server", self.served.connections as f64),
            ("errors", self.done.failed as f64),
        ];
        for (what, value) in values {
            figures.note(cell, mode.as_str(), what, value);
        }
    }
}

/// Measures for about `lasting`.
pub async fn measure(
    server: &mut BenchServer,
    mode: CallMode,
    at: BenchConditions,
    arrivals: ArrivalPattern,
    lasting: Duration,
) -> Result<CellMeasure, BenchError> {
    let before = server.served()?;
    let caller = BenchCaller::start(mode, &at.target(server)?)?;
    if !warm(&caller, at.workers).await {
        return Err(BenchError::Helper(format!(
            "{}: the server does not answer",
            at.cell(arrivals)
        )));
    }
    let cpu_before = cpu::own();
    let done = run(at.workers, arrivals, lasting, || book(&caller, at.work)).await?;
    let cpu_seconds = cpu::own() - cpu_before;
    let made = caller.made().await;
    caller.end().await?;
    let requests = (done.good + done.failed) as f64 * at.work.requests().len() as f64;
    Ok(CellMeasure {
        done,
        made,
        served: server.served()?.since(before),
        cpu_seconds,
        requests,
    })
}

/// Before the clock runs, certificates are read and threads are there; where connections are kept, so are they, one a worker:
/// a session is measured that has been there for a while. Whether the server answered.
async fn warm(caller: &BenchCaller, workers: usize) -> bool {
    if !caller.keeps() {
        return caller.call(BenchRequest::Head).await;
    }
    for _ in 0..WARMINGS {
        let all = join_all((0..workers).map(|_| caller.call(BenchRequest::Head))).await;
        if !all.into_iter().all(|good| good) {
            return false;
        }
        if caller.made().await.connections >= workers as u64 {
            break;
        }
    }
    true
}

async fn book(caller: &BenchCaller, work: BookWork) -> bool {
    for request in work.requests() {
        if !caller.call(*request).await {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_by_what_differs() {
        let at = BenchConditions {
            tls: true,
            round_trip: 20,
            workers: 1,
            work: BookWork::Book,
        };
        assert_eq!(at.cell(ArrivalPattern::Closed), "TLS, 20 ms, 1 worker, closed loop");
        let heads = BenchConditions {
            work: BookWork::Head,
            workers: 50,
            ..at
        };
        let open = ArrivalPattern::Open { rate: 1.0 };
        assert_eq!(heads.cell(open), "HEADs only, TLS, 20 ms, 50 workers, open loop");
    }
}
