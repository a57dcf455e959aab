//! `grind bench state`: a new client for every request against the session owner, on a state store.

mod carts;
mod sections;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::lab::bench::state::carts::{CartClient, CartMode, CartTally, ShoppingCart};
use futures::future::join_all;
use url::Url;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::compare::slower;
use crate::lab::bench::measure::cpu;
use crate::lab::bench::measure::effort::{BenchEffort, RoundTarget, open_round};
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::LatencyPools;
use crate::lab::bench::measure::stats::{ENOUGH_ROUNDS, order};
use crate::lab::bench::progress;
use crate::lab::bench::progress::BenchProgress;
use crate::lab::bench::report::{BenchReport, ReportHeading};
use crate::lab::bench::rig::fresh::ClientUsage;
use crate::lab::bench::rig::helper::{HelperProcess, ourselves};
use crate::lab::bench::rig::load::{ArrivalPattern, LoadResult, run as load};

/// Users at once.
const USERS: [usize; 5] = [1, 3, 5, 10, 15];

/// Of what the slower way managed in the closed loop, this share arrives in the open one: both can cope, and waiting shows.
const SHARE: f64 = 0.7;

/// Gets and saves of one cart.
const CHANGES: usize = 20;

/// Requests of one cart: made, twenty times read and changed, taken away.
const REQUESTS: usize = 1 + 2 * CHANGES + 1;

/// The two ways that are compared.
const MODES: [CartMode; 2] = [CartMode::NewEach, CartMode::Owner];

/// What is measured, as the command line says.
#[derive(Debug, Clone, Default)]
pub struct StateBenchOptions {
    /// How long the sidecar takes for an answer, in milliseconds; none: the usual ones.
    pub delays: Vec<u64>,
}

/// Rounds and length of a measurement, and what those of the open loop are to have.
#[derive(Debug, Clone, Copy)]
struct RoundSchedule {
    rounds: usize,
    lasting: Duration,
    wanted: RoundTarget,
}

/// Under what a round is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Circumstances {
    delay: u64,
    users: usize,
}

impl Circumstances {
    fn cell(self, arrivals: ArrivalPattern) -> String {
        let many = if self.users == 1 { "user" } else { "users" };
        let open = match arrivals {
            ArrivalPattern::Closed => "",
            ArrivalPattern::Open { .. } => ", open loop",
        };
        format!("store answers in {} ms, {} {many}{open}", self.delay, self.users)
    }
}

/// Measures, and says what came out.
pub fn run(effort: &BenchEffort, options: &StateBenchOptions) -> Result<BenchReport, BenchError> {
    let begun = ReportHeading {
        bench: "state",
        title: "A state store: a new client for every request, or the session owner".to_owned(),
        programs: &[],
    }
    .begin();
    let schedule = RoundSchedule {
        rounds: effort.rounds(3, 5),
        lasting: effort.lasting(0.4, 1.0),
        wanted: effort.wanted(),
    };
    let users: &[usize] = if effort.quick { &[1, 10] } else { &USERS };
    let delays = match &options.delays[..] {
        [] => vec![0, 5],
        chosen => chosen.to_vec(),
    };
    let mut figures = BenchFigures::default();
    let mut progress = BenchProgress::new(2 * users.len() * delays.len());
    progress::say(&format!(
        "state: {} rounds of {:.1} s for each way",
        schedule.rounds,
        schedule.lasting.as_secs_f64()
    ));
    for &delay in &delays {
        let (_sidecar, url) = sidecar(delay)?;
        for &users in users {
            let at = Circumstances { delay, users };
            let wanted = effort.wants(&at.cell(ArrivalPattern::Closed));
            for open in [false, true] {
                let told = match loop_of(&figures, at, open, schedule).filter(|_| wanted) {
                    Some((arrivals, schedule)) => {
                        one_cell(CartCell { at, arrivals }, &url, schedule, &mut figures)?;
                        told(&figures, at, arrivals)
                    }
                    None if open => format!("{}: open loop left out", at.cell(ArrivalPattern::Closed)),
                    None => format!("{}: left out", at.cell(ArrivalPattern::Closed)),
                };
                progress.step(&told);
            }
        }
    }
    let sections = sections::of(&figures, &delays, users);
    Ok(begun.end(notes(schedule), sections, figures))
}

/// How carts arrive and for how long; in the open loop as fast as both ways can cope with, and `None` where too few would.
fn loop_of(
    figures: &BenchFigures,
    at: Circumstances,
    open: bool,
    schedule: RoundSchedule,
) -> Option<(ArrivalPattern, RoundSchedule)> {
    if !open {
        return Some((ArrivalPattern::Closed, schedule));
    }
    let rate = slower(
        figures,
        &at.cell(ArrivalPattern::Closed),
        &MODES.map(CartMode::as_str),
        "carts/s",
    ) * SHARE;
    let lasting = open_round(rate, schedule.lasting, schedule.wanted)?;
    Some((ArrivalPattern::Open { rate }, RoundSchedule { lasting, ..schedule }))
}

/// The sidecar simulator, in a process of its own.
fn sidecar(delay: u64) -> Result<(HelperProcess, Url), BenchError> {
    let mut command = ourselves()?;
    command
        .args(["-q", "simulate", "--books", "1", "--no-auth", "--listen", "127.0.0.1:0"])
        .args(["--state-store", "127.0.0.1:0", "--delay-ms", &delay.to_string()])
        .arg("--until-input-ends")
        .stderr(std::process::Stdio::null());
    let mut helper = HelperProcess::start(command)?;
    helper.line()?;
    let address = helper.line()?;
    let url = Url::parse(&address).map_err(|error| BenchError::Helper(format!("{address:?}: {error}")))?;
    Ok((helper, url))
}

/// What one round measures.
#[derive(Clone, Copy)]
struct CartCell {
    at: Circumstances,
    arrivals: ArrivalPattern,
}

fn one_cell(
    measured: CartCell,
    url: &Url,
    schedule: RoundSchedule,
    figures: &mut BenchFigures,
) -> Result<(), BenchError> {
    let cell = measured.at.cell(measured.arrivals);
    let (mut requests, mut carts) = (LatencyPools::of(""), LatencyPools::of("cart "));
    actix_rt::System::new().block_on(async {
        for round in 0..schedule.rounds {
            for mode in order(&MODES, round) {
                let taken = measure(measured, url, mode, schedule.lasting).await?;
                requests.round(figures, &cell, mode.as_str(), &taken.requests.good);
                carts.round(figures, &cell, mode.as_str(), &taken.done.latencies);
                taken.note(figures, &cell, mode);
            }
        }
        requests.end(figures, &cell);
        carts.end(figures, &cell);
        Ok(())
    })
}

/// What one measurement gave.
struct Taken {
    done: LoadResult,
    requests: CartTally,
    made: ClientUsage,
    cpu_seconds: f64,
}

impl Taken {
    fn note(&self, figures: &mut BenchFigures, cell: &str, mode: CartMode) {
        let count = self.requests.good.count() as f64;
        let values = [
            ("requests/s", count / self.done.seconds),
            ("carts/s", self.done.good as f64 / self.done.seconds),
            ("CPU µs/request", self.cpu_seconds * 1e6 / count),
            ("sessions", self.made.sessions as f64),
            ("connections", self.made.connections as f64),
            (
                "connections/1000 requests",
                self.made.connections as f64 * 1_000.0 / count,
            ),
            ("errors", self.requests.failed as f64),
        ];
        for (what, value) in values {
            figures.note(cell, mode.as_str(), what, value);
        }
    }
}

async fn measure(
    CartCell { at, arrivals }: CartCell,
    url: &Url,
    mode: CartMode,
    lasting: Duration,
) -> Result<Taken, BenchError> {
    let carts = CartClient::start(mode, url)?;
    if !warm(&carts, at.users).await? {
        return Err(BenchError::Helper(format!(
            "{}: the store does not answer",
            at.cell(arrivals)
        )));
    }
    let (requests, next) = (RefCell::new(CartTally::new()?), Cell::new(0_u64));
    let before = cpu::own();
    let done = load(at.users, arrivals, lasting, || {
        next.set(next.get() + 1);
        let cart = ShoppingCart::new(&carts, &format!("cart-{}", next.get()), &requests);
        async move { cart.shop(CHANGES).await }
    })
    .await?;
    let cpu_seconds = cpu::own() - before;
    let made = carts.made().await;
    carts.end().await?;
    Ok(Taken {
        done,
        requests: requests.into_inner(),
        made,
        cpu_seconds,
    })
}

/// Threads and, where they are kept, the connections of all users are there before the clock runs. Whether the store answered.
async fn warm(carts: &CartClient, users: usize) -> Result<bool, BenchError> {
    let tally = RefCell::new(CartTally::new()?);
    let cart = |user: usize| ShoppingCart::new(carts, &format!("warm-{user}"), &tally);
    let carts: Vec<ShoppingCart<'_>> = (0..users).map(cart).collect();
    let all = join_all(carts.iter().map(|cart| cart.shop(1))).await;
    Ok(all.into_iter().all(|good| good))
}

fn told(figures: &BenchFigures, at: Circumstances, arrivals: ArrivalPattern) -> String {
    figures.told(&at.cell(arrivals), MODES.iter().map(|mode| mode.as_str()), "requests/s")
}

fn notes(schedule: RoundSchedule) -> Vec<String> {
    let (seconds, share) = (schedule.lasting.as_secs_f64(), SHARE * 100.0);
    [
        format!("{} rounds of {seconds:.1} s for each way under each set of circumstances, the ways in alternating order (ABBA). Figures are medians of the rounds, least and most in brackets. Ratios are taken within each round; one that is not larger than the spread of its rounds, or of fewer than {ENOUGH_ROUNDS} rounds, is not called a difference.", schedule.rounds),
        format!("Each user makes a cart, reads and changes it {CHANGES} times, and takes it away: {REQUESTS} requests, one after the other, then the next cart. Times are of single requests, those of carts of all {REQUESTS}. What is read is compared with what was saved. A request that fails ends its cart and counts as an error, not as work: it is in no rate and no percentile."),
        "A percentile is of all rounds together, n times of them, with the least and most of the rounds in brackets; it is given where n is enough for one time to lie beyond it (p99: 100, p99.9: 1 000), and compared where n is ten times that, by rounds that have enough each.".to_owned(),
        format!("Closed loop: each user begins the next cart when the last is done. Open loop: carts arrive at fixed times, {share:.0} % as many a second as the slower way managed in the closed loop; the clock of a cart runs from its arrival, so waiting for a free user counts. Its rounds are longer where fewer than {:.0} carts would arrive, up to {:.0} s, and at least so long that 10 do; where that would take longer, it is left out.", schedule.wanted.arrivals, schedule.wanted.longest.as_secs_f64()),
        "The store is a simulated Dapr sidecar with Redis behind it, in a process of its own on the same machine; it waits as long as the cell says before each answer. It speaks plain HTTP, as a sidecar on one's own machine does: there are no TLS handshakes to count. CPU is the client's alone (all its threads).".to_owned(),
        "“New session each” makes an HTTP client with a pool and a connector of its own for each request, on a thread that is asked over a channel. “Session owner” asks the state store's client, which asks the session owner on a thread of its own: two messages and their replies for each request. Before a round each user has taken one small cart home, so that what is kept is there; it is counted among sessions and connections only.".to_owned(),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carts_arrive_as_the_slower_way_can_cope_with_however_slow_that_is() {
        let (mut figures, at) = (BenchFigures::default(), Circumstances { delay: 5, users: 1 });
        for (mode, rate) in [(CartMode::NewEach, 2.0), (CartMode::Owner, 1.0)] {
            figures.note(&at.cell(ArrivalPattern::Closed), mode.as_str(), "carts/s", rate);
        }
        let schedule = RoundSchedule {
            rounds: 5,
            lasting: Duration::from_secs(1),
            wanted: RoundTarget {
                arrivals: 200.0,
                longest: Duration::from_secs(15),
            },
        };
        let (arrivals, longer) = loop_of(&figures, at, true, schedule).unwrap();
        assert_eq!(arrivals, ArrivalPattern::Open { rate: 0.7 });
        assert!(longer.lasting > Duration::from_secs(13), "ten arrive");
        assert!(loop_of(&BenchFigures::default(), at, true, schedule).is_none());
    }
}
