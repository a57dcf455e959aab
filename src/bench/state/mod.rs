//! Room `bench`: `grind bench state`: a new client for every request against the session owner, on a state store.

mod carts;
mod sections;

use std::cell::RefCell;
use std::time::Duration;

use carts::{Cart, Mode};
use url::Url;

use super::cpu;
use super::effort::Effort;
use super::error::BenchError;
use super::figures::Figures;
use super::helper::{Helper, ourselves};
use super::latency::Latencies;
use super::load::{Arrivals, run as load};
use super::progress::{self, Progress};
use super::report::{Heading, Report};
use super::stats::order;

/// Users at once.
const USERS: [usize; 5] = [1, 3, 5, 10, 15];

/// Of what the slower way managed in the closed loop, this share arrives in the open one: both can cope, and waiting shows.
const SHARE: f64 = 0.7;

/// Gets and saves of one cart.
const CHANGES: usize = 20;

/// Requests of one cart: made, twenty times read and changed, taken away.
const REQUESTS: usize = 1 + 2 * CHANGES + 1;

/// The two ways that are compared.
const MODES: [Mode; 2] = [Mode::NewEach, Mode::Owner];

/// What is measured.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long the sidecar takes for an answer, in milliseconds; none: the usual ones.
    pub delays: Vec<u64>,
}

/// The circumstances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Circumstances {
    delay: u64,
    users: usize,
}

impl Circumstances {
    fn cell(self, arrivals: Arrivals) -> String {
        let many = if self.users == 1 { "user" } else { "users" };
        let open = match arrivals {
            Arrivals::Closed => "",
            Arrivals::Open { .. } => ", open loop",
        };
        format!("store answers in {} ms, {} {many}{open}", self.delay, self.users)
    }
}

/// Measures, and says what came out.
pub fn run(effort: &Effort, options: &Options) -> Result<Report, BenchError> {
    let begun = Heading {
        bench: "state",
        title: "A state store: a new client for every request, or the session owner".to_owned(),
        programs: &[],
    }
    .begin();
    let rounds = effort.rounds(3, 5);
    let lasting = effort.lasting(0.4, 1.0);
    let users: &[usize] = if effort.quick { &[1, 10] } else { &USERS };
    let delays = match &options.delays[..] {
        [] => vec![0, 5],
        chosen => chosen.to_vec(),
    };
    let mut figures = Figures::default();
    let mut progress = Progress::new(2 * users.len() * delays.len());
    progress::say(&format!(
        "state: {rounds} rounds of {:.1} s for each way",
        lasting.as_secs_f64()
    ));
    for &delay in &delays {
        let (_sidecar, url) = sidecar(delay)?;
        for &users in users {
            let at = Circumstances { delay, users };
            let mut arrivals = Arrivals::Closed;
            for _ in 0..2 {
                if effort.wants(&at.cell(Arrivals::Closed)) {
                    one_cell((at, arrivals), &url, (rounds, lasting), &mut figures)?;
                }
                progress.step(&told(&figures, at, arrivals));
                arrivals = open_loop(&figures, at);
            }
        }
    }
    let sections = sections::of(&figures, &delays, users);
    Ok(begun.end(notes(rounds, lasting), sections, figures))
}

/// Carts arrive as fast as both ways can cope with.
fn open_loop(figures: &Figures, at: Circumstances) -> Arrivals {
    let slower = figures.spread(&at.cell(Arrivals::Closed), Mode::NewEach.as_str(), "carts/s");
    let rate = slower.map_or(1.0, |spread| spread.median * SHARE).max(1.0);
    Arrivals::Open { rate }
}

/// The look-alike of a sidecar, in a process of its own.
fn sidecar(delay: u64) -> Result<(Helper, Url), BenchError> {
    let mut command = ourselves()?;
    command
        .args(["-q", "simulate", "--books", "1", "--no-auth", "--listen", "127.0.0.1:0"])
        .args(["--state-store", "127.0.0.1:0", "--delay-ms", &delay.to_string()])
        .arg("--until-input-ends")
        .stderr(std::process::Stdio::null());
    let mut helper = Helper::start(command)?;
    helper.line()?;
    let address = helper.line()?;
    let url = Url::parse(&address).map_err(|error| BenchError::Helper(format!("{address:?}: {error}")))?;
    Ok((helper, url))
}

fn one_cell(
    at: (Circumstances, Arrivals),
    url: &Url,
    (rounds, lasting): (usize, Duration),
    figures: &mut Figures,
) -> Result<(), BenchError> {
    actix_rt::System::new().block_on(async {
        for round in 0..rounds {
            for mode in order(&MODES, round) {
                measure(at, url, mode, lasting, figures).await?;
            }
        }
        Ok(())
    })
}

async fn measure(
    (at, arrivals): (Circumstances, Arrivals),
    url: &Url,
    mode: Mode,
    lasting: Duration,
    figures: &mut Figures,
) -> Result<(), BenchError> {
    let carts = carts::Carts::start(mode, url)?;
    let requests =
        RefCell::new(Latencies::new().ok_or_else(|| BenchError::Helper("no room for latencies".to_owned()))?);
    // Threads and certificates are there before the clock runs.
    if !(Cart::new(&carts, "warm", &requests).shop(1).await) {
        return Err(BenchError::Helper(format!(
            "{}: the store does not answer",
            at.cell(arrivals)
        )));
    }
    requests.replace(Latencies::new().ok_or_else(|| BenchError::Helper("no room for latencies".to_owned()))?);
    let next = std::cell::Cell::new(0_u64);
    let before = cpu::own();
    let done = load(at.users, arrivals, lasting, || {
        next.set(next.get() + 1);
        let cart = Cart::new(&carts, &format!("cart-{}", next.get()), &requests);
        async move { cart.shop(CHANGES).await }
    })
    .await?;
    let cpu_seconds = cpu::own() - before;
    let made = carts.made();
    carts.end().await?;
    let requests = requests.into_inner();
    let count = requests.count() as f64;
    let values = [
        ("requests/s", count / done.seconds),
        ("carts/s", done.good as f64 / done.seconds),
        ("p50 ms", requests.percentile(50.0)),
        ("p95 ms", requests.percentile(95.0)),
        ("p99 ms", requests.percentile(99.0)),
        ("p99.9 ms", requests.percentile(99.9)),
        ("cart p50 ms", done.latencies.percentile(50.0)),
        ("cart p95 ms", done.latencies.percentile(95.0)),
        ("cart p99 ms", done.latencies.percentile(99.0)),
        ("CPU µs/request", cpu_seconds * 1e6 / count),
        ("sessions", made.sessions as f64),
        ("connections", made.connections as f64),
        ("connections/1000 requests", made.connections as f64 * 1_000.0 / count),
        ("errors", done.failed as f64),
    ];
    for (what, value) in values {
        figures.note(&at.cell(arrivals), mode.as_str(), what, value);
    }
    Ok(())
}

fn told(figures: &Figures, at: Circumstances, arrivals: Arrivals) -> String {
    figures.told(&at.cell(arrivals), MODES.iter().map(|mode| mode.as_str()), "requests/s")
}

fn notes(rounds: usize, lasting: Duration) -> Vec<String> {
    [
        format!("{rounds} rounds of {:.1} s for each way under each set of circumstances, the ways in alternating order (ABBA). Figures are medians of the rounds, least and most in brackets. Ratios are taken within each round; one that is not larger than the spread of its rounds is not called a difference.", lasting.as_secs_f64()),
        format!("Each user makes a cart, reads and changes it {CHANGES} times, and takes it away: {REQUESTS} requests, one after the other, then the next cart. Times are of single requests, those of carts of all {REQUESTS}. What is read is compared with what was saved."),
        format!("Closed loop: each user begins the next cart when the last is done. Open loop: carts arrive at fixed times, {:.0} % as many a second as “new session each” managed in the closed loop; the clock of a cart runs from its arrival, so waiting for a free user counts.", SHARE * 100.0),
        "The store is a look-alike of a Dapr sidecar with Redis behind it, in a process of its own on the same machine; it waits as long as the cell says before each answer. It speaks plain HTTP, as a sidecar on one's own machine does: there are no TLS handshakes to count. CPU is the client's alone (all its threads).".to_owned(),
        "“New session each” makes an HTTP client with a pool and a connector of its own for each request. “Session owner” asks the state store's client, which asks the session owner: two messages and their replies for each request.".to_owned(),
    ]
    .into()
}
