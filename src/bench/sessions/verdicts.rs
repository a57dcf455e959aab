//! Room `bench`: the plan's table beside the measured one, and where its numbers hold.

use super::callers::Mode;
use super::measure::Circumstances;
use super::sections::ways;
use crate::bench::figures::Figures;
use crate::bench::load::Arrivals;
use crate::bench::report::{Section, Table, change, number};
use crate::bench::stats::Ratio;

/// What the plan said one kept session would do.
struct Claim {
    what: &'static str,
    said: &'static str,
    figure: &'static str,
    arrivals: Arrivals,
    /// The median of owner ÷ new session each, as the plan has it.
    holds: fn(f64) -> bool,
    /// For what is opened once and then kept: its count, and the share of the other's that the plan allows.
    kept: Option<(&'static str, f64)>,
    why: fn(&Seen) -> String,
}

/// −99.99 %.
const SESSIONS: f64 = 0.000_1;

/// A p99 below this is made by the timer of the open loop, whose grain is 1 ms, and not by the way of asking.
const TIMER_MS: f64 = 2.0;

/// −95 %.
const CONNECTIONS: f64 = 0.05;

const OPEN: Arrivals = Arrivals::Open { rate: 1.0 };

const CLAIMS: [Claim; 5] = [
    Claim {
        what: "sessions",
        said: "−99.99 %",
        figure: "sessions/1000 books",
        arrivals: Arrivals::Closed,
        holds: |ratio| ratio <= SESSIONS,
        kept: Some(("sessions", SESSIONS)),
        why: sessions,
    },
    Claim {
        what: "connections",
        said: "≥ −95 %",
        figure: "connections/1000 books",
        arrivals: Arrivals::Closed,
        holds: |ratio| ratio <= CONNECTIONS,
        kept: Some(("connections", CONNECTIONS)),
        why: connections,
    },
    Claim {
        what: "books a second",
        said: "50–100×",
        figure: "books/s",
        arrivals: Arrivals::Closed,
        holds: |ratio| ratio >= 50.0,
        kept: None,
        why: speed,
    },
    Claim {
        what: "p99 at the same load",
        said: "−30–45 %",
        figure: "p99 ms",
        arrivals: OPEN,
        holds: |ratio| ratio <= 0.70,
        kept: None,
        why: tail,
    },
    Claim {
        what: "throughput",
        said: "+25–35 %",
        figure: "books/s",
        arrivals: Arrivals::Closed,
        holds: |ratio| ratio >= 1.25,
        kept: None,
        why: throughput,
    },
];

/// What was measured of one claim on one way, for the sentence that explains it.
struct Seen {
    round_trip: u64,
    tls: bool,
    /// Medians of the ratios, one a number of workers.
    medians: Vec<f64>,
    /// CPU of a request, owner ÷ new session each.
    cpu: Option<f64>,
    /// Books of the owner's longest round.
    books: f64,
    /// For what is kept: the number of books from which on the claim holds with each number of workers measured; `None` where
    /// it grew with the run.
    from: Option<f64>,
    /// The longest p99 of either way with any number of workers, in milliseconds; not a number where none was measured.
    slowest: f64,
    holds: Held,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Everywhere,
    InPart,
    Nowhere,
}

/// The table.
pub fn section(figures: &Figures, cells: &[(Circumstances, bool)]) -> Section {
    let mut table = Table::new(
        "The plan's numbers and the measured ones: session owner against a new session for each request",
        &[
            "claim",
            "the plan",
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
    Section::new("The plan's table")
        .say("A plan written before the first line of code gave these numbers for one kept session instead of one for each request. Measured here are the same quantities on this machine.")
        .table(table)
}

fn row(figures: &Figures, claim: &Claim, group: &[Circumstances]) -> Option<Vec<String>> {
    let (owner, other) = (Mode::Owner.as_str(), Mode::NewEach.as_str());
    let ratio = |at: &Circumstances, what: &str| figures.ratio(&at.cell(claim.arrivals), what, owner, other);
    let measured: Vec<(usize, Ratio)> = group
        .iter()
        .filter_map(|at| Some((at.workers, ratio(at, claim.figure)?)))
        .collect();
    let first = group.first()?;
    let count =
        |at: &Circumstances, mode: &str, what: &str| Some(figures.spread(&at.cell(claim.arrivals), mode, what)?.median);
    let medians: Vec<f64> = measured.iter().map(|(_, ratio)| ratio.spread.median).collect();
    let seen = Seen {
        round_trip: first.round_trip,
        tls: first.tls,
        cpu: group
            .iter()
            .filter_map(|at| Some(ratio(at, "CPU µs/request")?.spread.median))
            .reduce(f64::max),
        books: group
            .iter()
            .filter_map(|at| Some(figures.spread(&at.cell(claim.arrivals), owner, "books")?.max))
            .fold(0.0, f64::max),
        from: claim.kept.and_then(|(what, allowed)| {
            let each = |at: &Circumstances| {
                let kept = figures.spread(&at.cell(claim.arrivals), owner, what)?.max;
                if kept > most_kept(what, at.workers) {
                    // It grows with the run: no length makes it small.
                    return Some(f64::INFINITY);
                }
                let other_a_book = count(at, other, what)? / count(at, other, "books")?;
                Some(kept / (allowed * other_a_book))
            };
            let from = group.iter().filter_map(each).reduce(f64::max);
            from.filter(|books| books.is_finite())
        }),
        slowest: group
            .iter()
            .flat_map(|at| [owner, other].map(|mode| count(at, mode, "p99 ms")))
            .flatten()
            .fold(f64::NAN, f64::max),
        holds: held(&measured, claim.holds)?,
        medians,
    };
    let told: Vec<String> = measured
        .iter()
        .map(|(workers, ratio)| format!("{workers}: {}", said(claim, ratio)))
        .collect();
    let verdict = match seen.holds {
        Held::Everywhere => "holds",
        _ if seen.from.is_some() => "holds in longer runs",
        Held::InPart => "holds in part",
        Held::Nowhere => "does not hold",
    };
    let why = (claim.why)(&seen);
    Some(
        [claim.what, claim.said, &first.way(), &told.join("; "), verdict, &why]
            .map(str::to_owned)
            .into(),
    )
}

/// As many of it as are made once and kept, however long a run is: one session; a connection a worker, and the warming one.
fn most_kept(what: &str, workers: usize) -> f64 {
    if what == "sessions" { 1.0 } else { workers as f64 + 1.0 }
}

/// A claim holds where the median is within it and the rounds show a difference at all.
fn held(measured: &[(usize, Ratio)], holds: fn(f64) -> bool) -> Option<Held> {
    let good = measured
        .iter()
        .filter(|(_, ratio)| holds(ratio.spread.median) && ratio.shows_a_difference())
        .count();
    Some(match good {
        _ if measured.is_empty() => return None,
        0 => Held::Nowhere,
        all if all == measured.len() => Held::Everywhere,
        _ => Held::InPart,
    })
}

fn said(claim: &Claim, ratio: &Ratio) -> String {
    if claim.said.ends_with('×') && ratio.shows_a_difference() {
        return format!("{}×", number(ratio.spread.median));
    }
    change(Some(ratio))
}

fn sessions(seen: &Seen) -> String {
    format!(
        "one session whatever the number of requests, against two a book{}",
        from(seen)
    )
}

fn connections(seen: &Seen) -> String {
    format!("one connection a worker, kept, against one a request{}", from(seen))
}

/// What is opened once weighs less the longer a run is.
fn from(seen: &Seen) -> String {
    match (seen.holds, seen.from) {
        (Held::Everywhere, _) | (_, None) => String::new(),
        (_, Some(books)) => format!(
            ": it holds from {} books on with every number of workers; a round here had at most {}",
            number(books.ceil()),
            number(seen.books)
        ),
    }
}

fn speed(seen: &Seen) -> String {
    let best = seen.medians.iter().copied().fold(f64::NAN, f64::max);
    if seen.holds == Held::Everywhere {
        return "each request saved more than fifty times its own cost".to_owned();
    }
    if seen.round_trip == 0 {
        let cpu = seen.cpu.map_or(String::new(), |cpu| {
            format!("; the owner uses {} of the other's CPU for each request", percent(cpu))
        });
        let handshake = if seen.tls { " and a TLS handshake" } else { "" };
        return format!(
            "without distance only the work of making a client, a connection{handshake} is saved: {}× at best{cpu}",
            number(best)
        );
    }
    let (trips, parts) = if seen.tls {
        (3.0, "connection, TLS 1.3 handshake, request")
    } else {
        (2.0, "connection, request")
    };
    let more = if best > trips * 1.1 {
        "; the rest is CPU of connections and handshakes"
    } else {
        ""
    };
    format!(
        "a new session costs {trips} round trips ({parts}) where a kept one costs 1: near {trips}× is what distance can give ({}× at best here{more})",
        number(best)
    )
}

fn tail(seen: &Seen) -> String {
    let fall_away = if seen.tls { "2 of 3" } else { "1 of 2" };
    match (seen.holds, seen.round_trip) {
        (Held::Everywhere, 0) => "what is saved for each request is saved for the slowest, too".to_owned(),
        (Held::Everywhere, _) => {
            format!("a book waits for round trips, and {fall_away} of them fall away for each request")
        }
        (Held::InPart, 0) => "what is saved for each request is saved for the slowest only with some numbers of workers, or the rounds scatter too much to show it".to_owned(),
        (Held::InPart, _) => format!(
            "{fall_away} of the round trips of a request fall away, with some numbers of workers for the slowest, too; in a short round the slowest are the first of each kept connection"
        ),
        (Held::Nowhere, 0) if seen.slowest < TIMER_MS => {
            "without distance both are quicker than the timer of the open loop and the noise of the machine".to_owned()
        }
        (Held::Nowhere, 0) => {
            "too little of what the slowest wait for is saved, or the rounds scatter too much to show it".to_owned()
        }
        (Held::Nowhere, _) => "the slowest gain too little: in a short round they are the first of each kept connection, or the rounds scatter too much to show it".to_owned(),
    }
}

fn throughput(seen: &Seen) -> String {
    let least = seen.medians.iter().copied().fold(f64::INFINITY, f64::min);
    let told = number(least);
    match seen.holds {
        Held::Everywhere if least > 1.35 => {
            format!("{told}× at least; that is more than the plan's own +25–35 %, which its 50–100× contradicts")
        }
        Held::Everywhere => format!("{told}× at least, as the plan has it; its own 50–100× contradicts that"),
        Held::InPart => format!(
            "{told}× at least; with some numbers of workers too little, or the rounds scatter too much to show it"
        ),
        Held::Nowhere => {
            format!(
                "{told}× at least: what is saved is little beside the rest, or the rounds scatter too much to show it"
            )
        }
    }
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sessions::measure::Work;

    fn at(workers: usize) -> Circumstances {
        Circumstances {
            tls: false,
            round_trip: 0,
            workers,
            work: Work::Book,
        }
    }

    fn table(speeds: &[(usize, [f64; 3])], kept_sessions: f64, kept_connections: f64) -> Vec<Vec<String>> {
        let mut figures = Figures::default();
        for (workers, rounds) in speeds {
            let cell = at(*workers).cell(Arrivals::Closed);
            for owner in rounds {
                figures.note(&cell, Mode::NewEach.as_str(), "books/s", 100.0);
                figures.note(&cell, Mode::Owner.as_str(), "books/s", 100.0 * owner);
                figures.note(&cell, Mode::NewEach.as_str(), "sessions/1000 books", 2_000.0);
                figures.note(&cell, Mode::Owner.as_str(), "sessions/1000 books", kept_sessions);
                for (mode, connections) in [(Mode::NewEach, 200.0), (Mode::Owner, kept_connections)] {
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
        let rows = table(&[(1, [1.30, 1.31, 1.32]), (10, [60.0, 61.0, 62.0])], 0.1, 11.0);
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
        let rows = table(&[(10, [2.0, 2.0, 2.0])], 0.1, 11.0);
        let row = rows.iter().find(|row| row[0] == "connections").unwrap();
        assert_eq!(row[4], "holds in longer runs");
        assert!(row[5].contains("from 110 books on"), "{}", row[5]);
    }

    #[test]
    fn connections_that_grow_with_the_books_hold_in_no_run() {
        // 20 connections by 10 workers: more than are kept, so twice the books may make twice as many.
        let rows = table(&[(10, [2.0, 2.0, 2.0])], 0.1, 20.0);
        let row = rows.iter().find(|row| row[0] == "connections").unwrap();
        assert_eq!(row[4], "does not hold");
        assert!(!row[5].contains("books on"), "{}", row[5]);
    }

    #[test]
    fn the_reason_fits_what_was_measured() {
        let seen = |holds, round_trip, median, slowest| Seen {
            round_trip,
            tls: true,
            medians: vec![median],
            cpu: None,
            books: 100.0,
            from: None,
            slowest,
            holds,
        };
        assert!(throughput(&seen(Held::Everywhere, 0, 1.27, 1.0)).contains("as the plan has it"));
        assert!(throughput(&seen(Held::Everywhere, 0, 1.40, 1.0)).contains("more than the plan"));
        assert!(tail(&seen(Held::Nowhere, 0, 1.0, 1.5)).contains("timer"));
        assert!(!tail(&seen(Held::Nowhere, 0, 1.0, 80.0)).contains("timer"));
        assert!(!tail(&seen(Held::Nowhere, 20, 1.0, 80.0)).contains("fall away"));
        assert!(tail(&seen(Held::Everywhere, 20, 0.5, 80.0)).contains("2 of 3"));
        assert!(tail(&seen(Held::InPart, 0, 0.6, 3.0)).contains("some numbers of workers"));
        assert!(speed(&seen(Held::Nowhere, 20, 5.0, 80.0)).contains("the rest is CPU"));
        assert!(!speed(&seen(Held::Nowhere, 20, 3.0, 80.0)).contains("the rest is CPU"));
    }

    #[test]
    fn noise_proves_nothing() {
        let rows = table(&[(1, [0.8, 1.3, 2.0])], 0.1, 11.0);
        assert_eq!(verdict(&rows, "throughput"), "does not hold");
        assert!(rows.iter().any(|row| row[3].contains("no difference shown")));
    }
}
