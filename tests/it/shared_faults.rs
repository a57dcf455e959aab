//! Three daemons on one library while everything goes wrong that may: one is killed, one stands still for longer than its membership
//! lasts, one is drained; where the catalog is on a server (tests/parts/postgres), its connections are ended, it crashes, lets nobody
//! write, has a full disk and stands still, and the clock of one daemon is hours wrong. A seed decides in which order and when. No book
//! is lost or stored twice, no daemon ends by itself, one at a time reads the lists, and GRIN is never asked more often than it allows.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::{Duration, Instant};

use crate::catalog_server::ServerSchema;
use crate::support::daemons::{Daemon, DaemonClock, LEASE, SharedLibrary};
use crate::support::fault_plan::{FaultPlan, PlannedFault, ServerFaults, SharedFault, hundredths};
use crate::support::stalls::StallMeter;
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use jiff::Timestamp;
use rustix::process::Signal;

/// How often it is looked whether all is in order.
const LOOK: Duration = Duration::from_millis(250);

/// A library, and how often GRIN may be asked.
#[derive(Clone, Copy)]
struct FaultyRun {
    books: u32,
    rate: u32,
    lease: Duration,
    /// How long the server stands still.
    pause: Duration,
}

impl FaultyRun {
    fn library(self, seed: u64) -> SimulatorConfig {
        SimulatorConfig {
            books: self.books,
            pages: 2,
            image_bytes: 2_000,
            s2k_count: 1_024,
            seed,
            delay: Duration::from_millis(30),
            ..SimulatorConfig::default()
        }
    }

    /// What it takes at the rate, several times: other work may use the machine; and what the faults cost.
    fn patience(self) -> Duration {
        Duration::from_secs(u64::from(self.books / self.rate) * 5) + self.lease * 20 + self.pause
    }

    fn survive(self, seed: u64, schema: Option<&ServerSchema>) {
        let plan = FaultPlan::of(seed, schema.is_some());
        println!("seed {seed}: {plan:?}");
        let (began, stalls) = (Instant::now(), StallMeter::begin());
        let mut library = FaultyLibrary::begin(self, seed, &plan, schema);
        for step in &plan.steps {
            let books = self.books * step.after / 1_000;
            library.until("enough books are fetched", |library| library.has_fetched(books));
            println!("{:6.1} s: {step:?}", began.elapsed().as_secs_f64());
            library.happen(step, &plan);
        }
        library.until("all is home", |library| {
            library.shared.in_state("stored") == u64::from(self.books)
        });
        println!("{:6.1} s: all is home", began.elapsed().as_secs_f64());
        let slept = library.daemons[plan.sleeper].as_ref().unwrap().log();
        assert!(
            slept.contains("it is a member again"),
            "nobody removed the one that stood still"
        );
        for number in [plan.killed, plan.sleeper] {
            library.drain(number);
        }
        library.shared.is_complete(self.books);
        library.was_asked_rarely_enough(stalls.end());
        library.shared.only_what_was_lost_is_fetched_again();
    }
}

/// Three daemons, their library, and its catalog's server.
struct FaultyLibrary<'s> {
    run: FaultyRun,
    /// Without those that were drained.
    daemons: Vec<Option<Daemon>>,
    asleep: Option<usize>,
    shared: SharedLibrary,
    schema: Option<&'s ServerSchema>,
    server: Option<ServerFaults>,
}

impl<'s> FaultyLibrary<'s> {
    fn begin(run: FaultyRun, seed: u64, plan: &FaultPlan, schema: Option<&'s ServerSchema>) -> Self {
        let extra = format!("[grin]\nrequests_per_second = {}\n", run.rate);
        let url = schema.map(ServerSchema::address);
        let shared = SharedLibrary::leasing(run.lease, run.library(seed), url.as_deref(), &extra);
        let mut library = Self {
            run,
            daemons: Vec::new(),
            asleep: None,
            shared,
            schema,
            server: ServerFaults::named(),
        };
        for number in 0..3 {
            let clock = plan.clock(number, schema.is_some());
            let daemon = library.shared.daemon_with(clock);
            library.daemons.push(Some(daemon));
            library.until("it begins its log", |library| library.shows(number, clock));
        }
        library
    }

    /// Whether the daemon's clock is seen in its log, as wrong as it shall be.
    fn shows(&self, number: usize, clock: DaemonClock) -> bool {
        let Some(moment) = self.daemons[number].as_ref().and_then(Daemon::first_moment) else {
            return false;
        };
        let wrong = moment.duration_since(Timestamp::now()).as_secs_f64() / 3_600.0;
        assert!((wrong - f64::from(clock.0)).abs() < 0.1, "{wrong} hours");
        true
    }

    fn has_fetched(&self, books: u32) -> bool {
        let simulator = &self.shared.home.simulator;
        simulator.wait_for(SimulatorRequest::Get, u64::from(books), LOOK)
    }

    /// Waits, and looks meanwhile whether all is in order.
    fn until(&mut self, what: &str, mut good: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !good(self) {
            assert!(began.elapsed() < self.run.patience(), "never: {what}");
            self.look();
            // What is looked at lies in other processes, which tell nobody.
            std::thread::sleep(LOOK / 5);
        }
    }

    fn look(&mut self) {
        for daemon in self.daemons.iter_mut().flatten() {
            assert!(daemon.runs(), "{} has ended", daemon.config.display());
        }
        // One may have given them up and another taken them between two looks.
        let two = || (0..2).all(|_| self.awake().filter(|daemon| reads_lists(daemon)).count() > 1);
        assert!(!two(), "two read the lists");
    }

    fn awake(&self) -> impl Iterator<Item = &Daemon> {
        let asleep = self.asleep;
        let daemons = self.daemons.iter().enumerate();
        daemons.filter_map(move |(number, daemon)| daemon.as_ref().filter(|_| asleep != Some(number)))
    }

    fn happen(&mut self, step: &PlannedFault, plan: &FaultPlan) {
        let lasts = hundredths(self.run.lease, step.lasts);
        let sleeper = |library: &Self, signal| library.daemons[plan.sleeper].as_ref().unwrap().signal(signal);
        match step.fault {
            SharedFault::Kill => {
                let daemon = self.daemons[plan.killed].as_mut().unwrap();
                let starts = ready(daemon);
                daemon.restart();
                // One that starts while its catalog is away ends, and is begun again by whoever begins it.
                self.until("it is a member again", |library| {
                    library.daemons[plan.killed].as_ref().map(ready) > Some(starts)
                });
            }
            SharedFault::Sleep => {
                sleeper(self, Signal::STOP);
                // Whoever stands still in the middle of a transaction keeps the lock of a file, and nobody else can go on.
                while self.schema.is_none() && !self.shared.can_be_written() {
                    sleeper(self, Signal::CONT);
                    sleeper(self, Signal::STOP);
                }
                self.asleep = Some(plan.sleeper);
            }
            SharedFault::Wake => {
                let name = format!("daemon-{}", plan.sleeper);
                self.until("another removes the one that stands still", |library| {
                    library.awake().any(|daemon| !knows(daemon, &name))
                });
                sleeper(self, Signal::CONT);
                self.asleep = None;
            }
            SharedFault::Drain => self.drain(plan.drained),
            SharedFault::EndConnections => self.schema.unwrap().end_connections(),
            SharedFault::ReadOnly => {
                self.schema.unwrap().set_read_only(true);
                self.until("a daemon says so", |library| library.say("the catalog is read-only"));
                self.wait(lasts);
                self.schema.unwrap().set_read_only(false);
            }
            SharedFault::Restart => self.cause(&["restart"], Duration::ZERO),
            SharedFault::DiskFull => self.cause(&["fill", "free"], self.run.lease + lasts),
            SharedFault::Pause => self.cause(&["pause", "continue"], self.run.pause),
        }
    }

    fn drain(&mut self, number: usize) {
        let ended = self.daemons[number].take().unwrap().stop();
        assert!(ended.status.success(), "{}", ended.err);
    }

    fn say(&self, words: &str) -> bool {
        self.awake().any(|daemon| daemon.log().contains(words))
    }

    /// Does one after the other to the server, with so much time between; nothing where it is not ours.
    fn cause(&mut self, faults: &[&str], between: Duration) {
        let Some(server) = self.server.take() else { return };
        for (number, fault) in faults.iter().enumerate() {
            if number > 0 {
                self.wait(between);
            }
            if !server.cause(fault) {
                break;
            }
        }
        self.server = Some(server);
    }

    fn wait(&mut self, time: Duration) {
        let began = Instant::now();
        self.until("the fault has lasted long enough", |_| began.elapsed() >= time);
    }

    /// Requests are spaced where they are sent. On a machine that keeps a thread waiting for its processor, two of them come nearer to
    /// each other than they were sent by as long as that lasts.
    fn was_asked_rarely_enough(&self, stall: Duration) {
        let window = Duration::from_secs(5);
        let within = |window| self.shared.home.simulator.most_within(window);
        let (most, even) = (within(window), within(window.saturating_sub(stall)));
        let rate = self.run.rate;
        println!("{most} requests within 5 s at {rate} a second; {even} without the longest stall, {stall:?}");
        assert!(even <= 5 * rate as usize, "{even} requests within 5 s less {stall:?}");
    }
}

/// How often it has started.
fn ready(daemon: &Daemon) -> usize {
    daemon.log().matches(" ready version=").count()
}

/// Whether the daemon counts this name among the members.
fn knows(daemon: &Daemon, instance: &str) -> bool {
    let status = grind::observe::client::get(&daemon.endpoint(), "/api/status").unwrap_or_default();
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap_or_default();
    let members = status["daemon"]["members"].as_array();
    // A daemon that does not answer knows it still.
    members.is_none_or(|members| members.iter().any(|member| member["instance"] == instance))
}

/// Whether the daemon says of itself that it reads the lists.
fn reads_lists(daemon: &Daemon) -> bool {
    let page = grind::observe::client::get(&daemon.endpoint(), "/metrics").unwrap_or_default();
    String::from_utf8_lossy(&page).contains("grind_shared_task_held{task=\"lists\"} 1")
}

/// The seeds of `GRIND_TEST_SEEDS`: `7`, or `0-19`.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let named = std::env::var("GRIND_TEST_SEEDS").unwrap_or_else(|_| "1".into());
    let (first, last) = named.split_once('-').unwrap_or((&named, &named));
    first.parse().unwrap()..=last.parse().unwrap()
}

const SMALL: FaultyRun = FaultyRun {
    books: 250,
    rate: 10,
    lease: LEASE,
    pause: LEASE.saturating_mul(2),
};

const LARGE: FaultyRun = FaultyRun {
    books: 2_000,
    rate: 50,
    lease: LEASE.saturating_mul(3),
    pause: Duration::from_secs(60),
};

#[test]
fn three_daemons_with_a_catalog_in_a_file_lose_nothing() {
    SMALL.survive(1, None);
}

/// `GRIND_TEST_SEEDS=0-19 tests/parts/postgres cargo nextest run --run-ignored all on_a_server_lose_nothing` tries many.
#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn three_daemons_with_a_catalog_on_a_server_lose_nothing() {
    for seed in seeds() {
        SMALL.survive(seed, Some(&ServerSchema::new()));
    }
}

/// By hand, with the same variable: `tests/parts/postgres cargo nextest run --run-ignored all of_two_thousand_books`.
#[test]
#[ignore = "takes minutes for each seed"]
fn three_daemons_lose_nothing_of_two_thousand_books() {
    for seed in seeds() {
        LARGE.survive(seed, Some(&ServerSchema::new()));
    }
}
