//! The sentences that say why a claim about one kept session holds or does not.

use crate::lab::bench::report::number;

/// A p99 below this is made by the timer of the open loop, whose grain is 1 ms, and not by the way of asking.
const TIMER_MS: f64 = 2.0;

const SCATTERED: &str = "the rounds scatter too much, or are too few, to show it";

/// What was measured of one claim on one way, for the sentence that explains it.
pub struct ClaimMeasure {
    /// Milliseconds there and back.
    pub round_trip: u64,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Medians of the ratios, one a number of workers.
    pub medians: Vec<f64>,
    /// CPU of a request, owner ÷ new session each.
    pub cpu: Option<f64>,
    /// Books of the owner's longest round.
    pub books: f64,
    /// For what is kept: the number of books from which on the claim holds with each number of workers measured; `None` where
    /// it grew with the run.
    pub from: Option<f64>,
    /// The longest p99 of either way with any number of workers, in milliseconds; not a number where none was measured.
    pub slowest: f64,
    /// Whether the claim holds.
    pub holds: ClaimHolds,
}

/// With which numbers of workers a claim holds, of those that were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimHolds {
    /// With every number of workers.
    Everywhere,
    /// With some numbers of workers.
    InPart,
    /// With no number of workers.
    Nowhere,
    /// Not with any for certain, and not surely with none.
    NotShown,
}

/// Why of the number of sessions.
pub fn sessions(seen: &ClaimMeasure) -> String {
    format!(
        "one session whatever the number of requests, against two a book{}",
        from(seen)
    )
}

/// Why of the number of connections.
pub fn connections(seen: &ClaimMeasure) -> String {
    format!("one connection a worker, kept, against one a request{}", from(seen))
}

/// What is opened once weighs less the longer a run is.
fn from(seen: &ClaimMeasure) -> String {
    match (seen.holds, seen.from) {
        (ClaimHolds::Everywhere, _) | (_, None) => String::new(),
        (_, Some(books)) => format!(
            ": it holds from {} books on with every number of workers; a round here had at most {}",
            number(books.ceil()),
            number(seen.books)
        ),
    }
}

/// Why of books a second.
pub fn speed(seen: &ClaimMeasure) -> String {
    let best = seen.medians.iter().copied().fold(f64::NAN, f64::max);
    if seen.holds == ClaimHolds::NotShown {
        return SCATTERED.to_owned();
    }
    if seen.holds == ClaimHolds::Everywhere {
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

/// Why of the slowest.
pub fn tail(seen: &ClaimMeasure) -> String {
    let fall_away = if seen.tls { "2 of 3" } else { "1 of 2" };
    match (seen.holds, seen.round_trip) {
        (ClaimHolds::Everywhere, 0) => "what is saved for each request is saved for the slowest, too".to_owned(),
        (ClaimHolds::Everywhere, _) => {
            format!("a book waits for round trips, and {fall_away} of them fall away for each request")
        }
        (ClaimHolds::InPart, 0) => {
            "what is saved for each request is saved for the slowest, too, but shown only with some numbers of workers"
                .to_owned()
        }
        (ClaimHolds::InPart, _) => format!(
            "{fall_away} of the round trips of a request fall away, but only with some numbers of workers it shows as much for the slowest"
        ),
        (ClaimHolds::Nowhere, _) => "what is saved is too little of what the slowest wait for".to_owned(),
        (ClaimHolds::NotShown, 0) if seen.slowest < TIMER_MS => {
            "without distance both are quicker than the timer of the open loop and the noise of the machine".to_owned()
        }
        (ClaimHolds::NotShown, _) => SCATTERED.to_owned(),
    }
}

/// Why of the throughput.
pub fn throughput(seen: &ClaimMeasure) -> String {
    let least = seen.medians.iter().copied().fold(f64::INFINITY, f64::min);
    let told = number(least);
    match seen.holds {
        ClaimHolds::Everywhere if least > 1.35 => {
            format!("{told}× at least; that is more than the estimate's own +25–35 %, which its 50–100× contradicts")
        }
        ClaimHolds::Everywhere => format!("{told}× at least, as estimated; its own 50–100× contradicts that"),
        ClaimHolds::InPart => {
            format!("{told}× at least: with some numbers of workers too little, or too scattered to show it")
        }
        ClaimHolds::Nowhere => format!("{told}× at least: what is saved is little beside the rest"),
        ClaimHolds::NotShown => SCATTERED.to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_fits_what_was_measured() {
        let seen = |holds, round_trip, median, slowest| ClaimMeasure {
            round_trip,
            tls: true,
            medians: vec![median],
            cpu: None,
            books: 100.0,
            from: None,
            slowest,
            holds,
        };
        assert!(throughput(&seen(ClaimHolds::Everywhere, 0, 1.27, 1.0)).contains("as estimated"));
        assert!(throughput(&seen(ClaimHolds::Everywhere, 0, 1.40, 1.0)).contains("more than the estimate"));
        assert!(throughput(&seen(ClaimHolds::NotShown, 0, 1.40, 1.0)).contains("scatter"));
        assert!(tail(&seen(ClaimHolds::NotShown, 0, 1.0, 1.5)).contains("timer"));
        assert!(!tail(&seen(ClaimHolds::NotShown, 0, 1.0, 80.0)).contains("timer"));
        assert!(!tail(&seen(ClaimHolds::Nowhere, 0, 1.0, 1.5)).contains("scatter"));
        assert!(!tail(&seen(ClaimHolds::Nowhere, 20, 1.0, 80.0)).contains("fall away"));
        assert!(tail(&seen(ClaimHolds::Everywhere, 20, 0.5, 80.0)).contains("2 of 3"));
        assert!(tail(&seen(ClaimHolds::InPart, 0, 0.6, 3.0)).contains("some numbers of workers"));
        assert!(speed(&seen(ClaimHolds::Nowhere, 20, 5.0, 80.0)).contains("the rest is CPU"));
        assert!(!speed(&seen(ClaimHolds::Nowhere, 20, 3.0, 80.0)).contains("the rest is CPU"));
    }
}
