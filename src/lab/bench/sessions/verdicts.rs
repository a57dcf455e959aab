//! The figures once estimated for one kept session beside the measured ones, and where they hold.

use crate::lab::bench::measure::compare::{SampleComparison, compare};
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::pooled;
use crate::lab::bench::measure::stats::PairedRatio;
use crate::lab::bench::measure::target::{TargetBound, TargetReached};
use crate::lab::bench::report::{ReportSection, ReportTable, change, number, percent};
use crate::lab::bench::rig::load::ArrivalPattern;
use crate::lab::bench::sessions::callers::CallMode;
use crate::lab::bench::sessions::measure::BenchConditions;
use crate::lab::bench::sessions::sections::ways;
use crate::lab::bench::sessions::whys;
use crate::lab::bench::sessions::whys::{ClaimHolds, ClaimMeasure};

/// A figure estimated for one kept session before anything was measured.
struct Claim {
    what: &'static str,
    said: &'static str,
    figure: &'static str,
    arrivals: ArrivalPattern,
    /// Owner ÷ new session each, as estimated.
    holds: TargetBound,
    /// For what is opened once and then kept: its count, and the estimated share of the other's.
    kept: Option<(&'static str, f64)>,
    why: fn(&ClaimMeasure) -> String,
}

/// −99.99 %.
const SESSIONS: f64 = 0.000_1;

/// −95 %.
const CONNECTIONS: f64 = 0.05;

const OWNER: &str = CallMode::Owner.as_str();

const OTHER: &str = CallMode::NewEach.as_str();

const OPEN: ArrivalPattern = ArrivalPattern::Open { rate: 1.0 };

const CLAIMS: [Claim; 5] = [
    Claim {
        what: "sessions",
        said: "−99.99 %",
        figure: "sessions/1000 books",
        arrivals: ArrivalPattern::Closed,
        holds: TargetBound::AtMost(SESSIONS),
        kept: Some(("sessions", SESSIONS)),
        why: whys::sessions,
    },
    Claim {
        what: "connections",
        said: "≥ −95 %",
        figure: "connections/1000 books",
        arrivals: ArrivalPattern::Closed,
        holds: TargetBound::AtMost(CONNECTIONS),
        kept: Some(("connections", CONNECTIONS)),
        why: whys::connections,
    },
    Claim {
        what: "books a second",
        said: "50–100×",
        figure: "books/s",
        arrivals: ArrivalPattern::Closed,
        holds: TargetBound::AtLeast(50.0),
        kept: None,
        why: whys::speed,
    },
    Claim {
        what: "p99 at the same load",
        said: "−30–45 %",
        figure: "p99 ms",
        arrivals: OPEN,
        holds: TargetBound::AtMost(0.70),
        kept: None,
        why: whys::tail,
    },
    Claim {
        what: "throughput",
        said: "+25–35 %",
        figure: "books/s",
        arrivals: ArrivalPattern::Closed,
        holds: TargetBound::AtLeast(1.25),
        kept: None,
        why: whys::throughput,
    },
];

/// The table of estimates and measurements.
pub fn section(figures: &BenchFigures, cells: &[(BenchConditions, bool)]) -> ReportSection {
    let mut table = ReportTable::new(
        "Estimated and measured figures: session owner against a new session for each request",
        &[
            "claim",
            "estimate",
            "where",
            "measured, by number of workers",
            "does it hold?",
            "why",
        ],
    );
    for claim in &CLAIMS {
        for group in ways(cells) {
            table.rows.extend(row(figures, claim, &group));
        }
    }
    ReportSection::new("Estimates and measurements")
        .say("These figures were estimated before anything was measured, for one kept session instead of one for each request. The same quantities are measured here on this machine.")
        .table(table)
}

fn row(figures: &BenchFigures, claim: &Claim, group: &[BenchConditions]) -> Option<Vec<String>> {
    let first = group.first()?;
    let measured: Vec<Measured> = group.iter().filter_map(|at| claim.measured(figures, *at)).collect();
    let seen = claim.seen(figures, group, &measured)?;
    let told: Vec<String> = measured.iter().map(|measured| measured.told(claim)).collect();
    let (verdict, why) = (verdict(&seen, &measured), claim.reason(&seen, &measured));
    Some(
        [claim.what, claim.said, &first.way(), &told.join("; "), &verdict, &why]
            .map(str::to_owned)
            .into(),
    )
}

/// One claim with one number of workers.
struct Measured {
    workers: usize,
    compared: SampleComparison,
    errors: f64,
}

impl Measured {
    fn ratio(&self) -> Option<&PairedRatio> {
        match &self.compared {
            SampleComparison::By(ratio) => Some(ratio),
            SampleComparison::TooFew => None,
        }
    }

    fn told(&self, claim: &Claim) -> String {
        let said = self
            .ratio()
            .map_or_else(|| "too few books for a p99".to_owned(), |ratio| said(claim, ratio));
        let errors = if self.errors > 0.0 {
            format!(" ({} books failed)", number(self.errors))
        } else {
            String::new()
        };
        format!("{}: {said}{errors}", self.workers)
    }
}

impl Claim {
    fn measured(&self, figures: &BenchFigures, at: BenchConditions) -> Option<Measured> {
        let cell = at.cell(self.arrivals);
        Some(Measured {
            workers: at.workers,
            compared: compare(figures, &cell, self.figure, [OWNER, OTHER])?,
            errors: figures.errors(&cell),
        })
    }

    /// `None` where nothing of it was measured.
    fn seen(&self, figures: &BenchFigures, group: &[BenchConditions], measured: &[Measured]) -> Option<ClaimMeasure> {
        let first = group.first().filter(|_| !measured.is_empty())?;
        let cells = || group.iter().map(|at| at.cell(self.arrivals));
        let median = |cell: &str, mode, what| Some(pooled(figures, cell, mode, what)?.median);
        let cpu = |cell: String| Some(figures.ratio(&cell, "CPU µs/request", OWNER, OTHER)?.spread.median);
        let books = |cell: String| Some(figures.spread(&cell, OWNER, "books")?.max);
        let ratios = || measured.iter().filter_map(Measured::ratio);
        Some(ClaimMeasure {
            round_trip: first.round_trip,
            tls: first.tls,
            cpu: cells().filter_map(cpu).reduce(f64::max),
            books: cells().filter_map(books).fold(0.0, f64::max),
            from: self.from(figures, group),
            slowest: cells()
                .flat_map(|cell| [OWNER, OTHER].map(|mode| median(&cell, mode, "p99 ms")))
                .flatten()
                .fold(f64::NAN, f64::max),
            holds: held(ratios().map(|ratio| self.reached(ratio))),
            medians: ratios().map(|ratio| ratio.spread.median).collect(),
        })
    }

    /// What is made once and kept is counted; anything else has to differ from round to round by less than it is.
    fn reached(&self, ratio: &PairedRatio) -> TargetReached {
        if self.kept.is_some() {
            return self.holds.counted(ratio.spread);
        }
        match self.holds.reached(ratio.spread) {
            TargetReached::Yes if !ratio.shows_a_difference() => TargetReached::NotShown,
            reached => reached,
        }
    }

    /// From how many books on a claim on what is kept holds with each number of workers.
    fn from(&self, figures: &BenchFigures, group: &[BenchConditions]) -> Option<f64> {
        let (what, allowed) = self.kept?;
        let each = |at: &BenchConditions| {
            let cell = at.cell(self.arrivals);
            let count = |mode: &str, what: &str| Some(figures.spread(&cell, mode, what)?.median);
            let kept = figures.spread(&cell, OWNER, what)?.max;
            if kept > most_kept(what, at.workers) {
                // It grows with the run: no length makes it small.
                return Some(f64::INFINITY);
            }
            let other_a_book = count(OTHER, what)? / count(OTHER, "books")?;
            Some(kept / (allowed * other_a_book))
        };
        let from = group.iter().filter_map(each).reduce(f64::max);
        from.filter(|books| books.is_finite())
    }

    fn reason(&self, seen: &ClaimMeasure, measured: &[Measured]) -> String {
        if measured.iter().all(|measured| measured.ratio().is_none()) {
            return "too few books for a p99".to_owned();
        }
        (self.why)(seen)
    }
}

fn verdict(seen: &ClaimMeasure, measured: &[Measured]) -> String {
    let some_too_few = measured.iter().any(|measured| measured.ratio().is_none());
    let verdict = match seen.holds {
        ClaimHolds::Everywhere if some_too_few => "holds where there were enough books",
        ClaimHolds::Everywhere => "holds",
        _ if seen.from.is_some() => "holds in longer runs",
        ClaimHolds::InPart => "holds in part",
        ClaimHolds::Nowhere if some_too_few => "does not hold where there were enough books",
        ClaimHolds::Nowhere => "does not hold",
        ClaimHolds::NotShown => "not shown",
    };
    let errors = measured.iter().any(|measured| measured.errors > 0.0);
    format!("{verdict}{}", if errors { ", with errors" } else { "" })
}

/// As many of it as are made once and kept, however long a run is: one session; a connection a worker, and one that was opened
/// while a request was about to leave its own.
fn most_kept(what: &str, workers: usize) -> f64 {
    if what == "sessions" { 1.0 } else { workers as f64 + 1.0 }
}

fn held(each: impl Iterator<Item = TargetReached>) -> ClaimHolds {
    let each: Vec<TargetReached> = each.collect();
    let count = |wanted| each.iter().filter(|reached| **reached == wanted).count();
    match (count(TargetReached::Yes), count(TargetReached::No)) {
        (0, 0) => ClaimHolds::NotShown,
        (yes, _) if yes == each.len() => ClaimHolds::Everywhere,
        (_, no) if no == each.len() => ClaimHolds::Nowhere,
        (0, _) => ClaimHolds::NotShown,
        _ => ClaimHolds::InPart,
    }
}

fn said(claim: &Claim, ratio: &PairedRatio) -> String {
    if claim.kept.is_some() {
        return percent(ratio);
    }
    if claim.said.ends_with('×') && ratio.shows_a_difference() {
        return format!("{}×", number(ratio.spread.median));
    }
    change(Some(ratio))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::bench::measure::latency::LatencySamples;
    use crate::lab::bench::measure::percentiles::LatencyPools;
    use crate::lab::bench::sessions::measure::BookWork;

    fn at(workers: usize) -> BenchConditions {
        BenchConditions {
            tls: false,
            round_trip: 0,
            workers,
            work: BookWork::Book,
        }
    }

    fn table(speeds: &[(usize, [f64; 5])], kept_sessions: f64, kept_connections: f64) -> Vec<Vec<String>> {
        let mut figures = BenchFigures::default();
        for (workers, rounds) in speeds {
            let cell = at(*workers).cell(ArrivalPattern::Closed);
            for owner in rounds {
                figures.note(&cell, CallMode::NewEach.as_str(), "books/s", 100.0);
                figures.note(&cell, CallMode::Owner.as_str(), "books/s", 100.0 * owner);
                figures.note(&cell, CallMode::NewEach.as_str(), "sessions/1000 books", 2_000.0);
                figures.note(&cell, CallMode::Owner.as_str(), "sessions/1000 books", kept_sessions);
                for (mode, connections) in [(CallMode::NewEach, 200.0), (CallMode::Owner, kept_connections)] {
                    figures.note(&cell, mode.as_str(), "books", 100.0);
                    figures.note(&cell, mode.as_str(), "connections", connections);
                    figures.note(&cell, mode.as_str(), "connections/1000 books", connections * 10.0);
                    figures.note(&cell, mode.as_str(), "sessions", connections);
                }
            }
        }
        let cells: Vec<_> = speeds.iter().map(|(workers, _)| (at(*workers), false)).collect();
        section(&figures, &cells).tables[0].rows.clone()
    }

    fn verdict<'a>(rows: &'a [Vec<String>], claim: &str) -> &'a str {
        &rows.iter().find(|row| row[0] == claim).unwrap()[4]
    }

    #[test]
    fn each_claim_is_judged_by_the_ratios() {
        let rows = table(
            &[
                (1, [1.30, 1.31, 1.32, 1.31, 1.30]),
                (10, [60.0, 61.0, 62.0, 60.0, 61.0]),
            ],
            0.1,
            11.0,
        );
        assert_eq!(verdict(&rows, "sessions"), "holds");
        assert_eq!(verdict(&rows, "books a second"), "holds in part");
        assert_eq!(verdict(&rows, "throughput"), "holds");
        assert!(
            rows.iter().all(|row| row[0] != "p99 at the same load"),
            "not measured, not judged"
        );
    }

    #[test]
    fn what_is_kept_holds_in_longer_runs() {
        // 11 connections where the other made 200 for 100 books: 5 % are reached at 110 books.
        let rows = table(&[(10, [2.0; 5])], 0.1, 11.0);
        let row = rows.iter().find(|row| row[0] == "connections").unwrap();
        assert_eq!(row[4], "holds in longer runs");
        assert!(row[5].contains("from 110 books on"), "{}", row[5]);
    }

    #[test]
    fn connections_that_grow_with_the_books_hold_in_no_run() {
        // 20 connections by 10 workers: more than are kept, so twice the books may make twice as many.
        let rows = table(&[(10, [2.0; 5])], 0.1, 20.0);
        let row = rows.iter().find(|row| row[0] == "connections").unwrap();
        assert_eq!(row[4], "does not hold");
        assert!(!row[5].contains("books on"), "{}", row[5]);
    }

    #[test]
    fn noise_proves_nothing() {
        let rows = table(&[(1, [0.8, 1.3, 2.0, 1.3, 1.3])], 0.1, 11.0);
        assert_eq!(verdict(&rows, "throughput"), "not shown");
        assert!(rows.iter().any(|row| row[3].contains("no difference shown")));
    }

    /// The row of the claim on p99, of rounds with so many books and errors in the open loop.
    fn tail_row(books: u64, errors: f64) -> Vec<String> {
        let (mut figures, mut pools, cell) = (BenchFigures::default(), LatencyPools::of(""), at(3).cell(OPEN));
        for _ in 0..5 {
            for (mode, millis) in [(OTHER, 10), (OWNER, 5)] {
                let mut times = LatencySamples::new().unwrap();
                (0..books).for_each(|_| times.note(Duration::from_millis(millis)));
                pools.round(&mut figures, &cell, mode, &times);
                figures.note(&cell, mode, "errors", errors);
            }
        }
        pools.end(&mut figures, &cell);
        let rows = section(&figures, &[(at(3), true)]).tables[0].rows.clone();
        rows.into_iter().find(|row| row[0] == "p99 at the same load").unwrap()
    }

    #[test]
    fn a_p99_of_too_few_books_is_no_verdict() {
        let few = tail_row(199, 0.0);
        assert_eq!(
            few[3..],
            ["3: too few books for a p99", "not shown", "too few books for a p99"]
        );
        let enough = tail_row(200, 0.0);
        assert_eq!((enough[3].as_str(), enough[4].as_str()), ("3: −50.0 %", "holds"));
    }

    #[test]
    fn errors_are_told_with_the_verdict() {
        let row = tail_row(200, 1.0);
        assert_eq!(
            (row[3].as_str(), row[4].as_str()),
            ("3: −50.0 % (10 books failed)", "holds, with errors")
        );
    }
}
