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
    /// For what is kept: the number of books from which on the claim holds with each number of workers measured.
    from: Option<f64>,
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
                let other_a_book = count(at, other, what)? / count(at, other, "books")?;
                Some(count(at, owner, what)? / (allowed * other_a_book))
            };
            group.iter().filter_map(each).reduce(f64::max)
        }),
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
        (3, "connection, TLS 1.3 handshake, request")
    } else {
        (2, "connection, request")
    };
    format!(
        "a new session costs {trips} round trips ({parts}) where a kept one costs 1: near {trips}× is what distance can give ({}× at best here)",
        number(best)
    )
}

fn tail(seen: &Seen) -> String {
    match seen.holds {
        Held::Nowhere if seen.round_trip == 0 => {
            "without distance both are quicker than the timer of the open loop and the noise of the machine".to_owned()
        }
        _ if seen.round_trip > 0 => format!(
            "a book waits for round trips, and {} of them fall away for each request; in a short round the slowest are the first of each kept connection",
            if seen.tls { "2 of 3" } else { "1 of 2" }
        ),
        _ => "what is saved for each request is saved for the slowest, too".to_owned(),
    }
}

fn throughput(seen: &Seen) -> String {
    let least = number(seen.medians.iter().copied().fold(f64::INFINITY, f64::min));
    match seen.holds {
        Held::Everywhere => {
            format!("{least}× at least; that is more than the plan's own +25–35 %, which its 50–100× contradicts")
        }
        Held::InPart => format!(
            "{least}× at least; with some numbers of workers too little, or the rounds scatter too much to show it"
        ),
        Held::Nowhere => format!(
            "{least}× at least: what is saved is little beside the rest, or the rounds scatter too much to show it"
        ),
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

    fn table(speeds: &[(usize, [f64; 3])], kept_sessions: f64) -> Vec<Vec<String>> {
        let mut figures = Figures::default();
        for (workers, rounds) in speeds {
            let cell = at(*workers).cell(Arrivals::Closed);
            for owner in rounds {
                figures.note(&cell, Mode::NewEach.as_str(), "books/s", 100.0);
                figures.note(&cell, Mode::Owner.as_str(), "books/s", 100.0 * owner);
                figures.note(&cell, Mode::NewEach.as_str(), "sessions/1000 books", 2_000.0);
                figures.note(&cell, Mode::Owner.as_str(), "sessions/1000 books", kept_sessions);
                for (mode, connections) in [(Mode::NewEach, 200.0), (Mode::Owner, 20.0)] {
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
        let rows = table(&[(1, [1.30, 1.31, 1.32]), (10, [60.0, 61.0, 62.0])], 0.1);
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
        // 20 connections where the other made 200 for 100 books: 5 % are reached at 200 books.
        let rows = table(&[(10, [2.0, 2.0, 2.0])], 0.1);
        let row = rows.iter().find(|row| row[0] == "connections").unwrap();
        assert_eq!(row[4], "holds in longer runs");
        assert!(row[5].contains("from 200 books on"), "{}", row[5]);
    }

    #[test]
    fn noise_proves_nothing() {
        let rows = table(&[(1, [0.8, 1.3, 2.0])], 0.1);
        assert_eq!(verdict(&rows, "throughput"), "does not hold");
        assert!(rows.iter().any(|row| row[3].contains("no difference shown")));
    }
}
