//! Measures what an ask costs over plain actix: both kinds of actor in one run, on this thread and on another.

#![allow(clippy::unwrap_used, reason = "a measurement may fail where it stands")]

use std::time::{Duration, Instant};

use actix::{Actor, Addr, AtomicResponse, Context, Handler, MessageResult, WrapFuture};
use actix_rt::{Arbiter, ArbiterHandle, System, SystemRunner};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use grind::actor::{
    ActorName, ActorRegistry, AskContext, ConcurrentRunner, HandleMessage, KeptTelemetry, Mailbox, Message,
    SerialRunner, ServeMessages, SpawnOptions, Worker, spawn,
};

struct Plain;

impl Actor for Plain {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(0);
    }
}

/// Answered at once, the cheapest that plain actix has.
struct AtOnce(u64);

impl actix::Message for AtOnce {
    type Result = u64;
}

impl Handler<AtOnce> for Plain {
    type Result = MessageResult<AtOnce>;

    fn handle(&mut self, AtOnce(number): AtOnce, _: &mut Context<Self>) -> Self::Result {
        MessageResult(number)
    }
}

/// Answered by a future that holds the mailbox, as ours are.
struct InTurn(u64);

impl actix::Message for InTurn {
    type Result = u64;
}

impl Handler<InTurn> for Plain {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, InTurn(number): InTurn, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(Box::pin(async move { number }.into_actor(self)))
    }
}

struct Tracked;

struct Ping(u64);

impl Message for Ping {
    type Reply = u64;
    const KIND: &'static str = "ping";
}

impl Worker for Tracked {
    const NAME: ActorName = ActorName::SessionOwner;
}

impl HandleMessage<Ping> for Tracked {
    async fn handle(&mut self, Ping(number): Ping, _: &AskContext) -> u64 {
        number
    }
}

impl ServeMessages<Ping> for Tracked {
    fn serve(&mut self, Ping(number): Ping, _: AskContext) -> impl Future<Output = u64> + 'static {
        std::future::ready(number)
    }
}

/// The four actors, on one arbiter.
#[derive(Clone)]
struct Actors {
    plain: Addr<Plain>,
    serial: Mailbox<SerialRunner<Tracked>>,
    concurrent: Mailbox<ConcurrentRunner<Tracked>>,
    cx: AskContext,
}

impl Actors {
    fn start(arbiter: &ArbiterHandle) -> Self {
        Self::counted_by(&ActorRegistry::new(), arbiter)
    }

    fn counted_by(hub: &ActorRegistry, arbiter: &ArbiterHandle) -> Self {
        let options = SpawnOptions::with_capacity(128);
        Self {
            plain: Plain::start_in_arbiter(arbiter, |_| Plain),
            serial: spawn::serial(hub, arbiter, options, || Tracked),
            concurrent: spawn::concurrent(hub, arbiter, options, || Tracked),
            cx: AskContext::root("bench"),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "plain actix is what the mailbox is measured against"
    )]
    async fn at_once(&self, number: u64) -> u64 {
        self.plain.send(AtOnce(number)).await.expect("it lives")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "plain actix is what the mailbox is measured against"
    )]
    async fn in_turn(&self, number: u64) -> u64 {
        self.plain.send(InTurn(number)).await.expect("it lives")
    }

    async fn serial(&self, number: u64) -> u64 {
        self.serial.ask(Ping(number), &self.cx).await.expect("it lives")
    }

    async fn concurrent(&self, number: u64) -> u64 {
        self.concurrent.ask(Ping(number), &self.cx).await.expect("it lives")
    }
}

/// `rounds` asks, `in_flight` of them in flight at a time.
async fn timed<F: Future<Output = u64>>(rounds: u64, in_flight: u64, ask: impl Fn(u64) -> F) -> Duration {
    let ask = &ask;
    let begun = Instant::now();
    let lanes = (0..in_flight).map(|lane| async move {
        for number in 0..rounds.saturating_sub(lane).div_ceil(in_flight) {
            std::hint::black_box(ask(number).await);
        }
    });
    futures::future::join_all(lanes).await;
    begun.elapsed()
}

fn compare(system: &SystemRunner, group: &mut BenchmarkGroup<'_, WallTime>, actors: &Actors, in_flight: u64) {
    group.bench_function("plain, at once", |bench| {
        bench.iter_custom(|rounds| system.block_on(timed(rounds, in_flight, |number| actors.at_once(number))));
    });
    group.bench_function("plain, in turn", |bench| {
        bench.iter_custom(|rounds| system.block_on(timed(rounds, in_flight, |number| actors.in_turn(number))));
    });
    group.bench_function("tracked, serial", |bench| {
        bench.iter_custom(|rounds| system.block_on(timed(rounds, in_flight, |number| actors.serial(number))));
    });
    group.bench_function("tracked, concurrent", |bench| {
        bench.iter_custom(|rounds| system.block_on(timed(rounds, in_flight, |number| actors.concurrent(number))));
    });
}

fn mailbox(criterion: &mut Criterion) {
    for in_flight in [1, 64] {
        let system = System::new();
        let here = system.block_on(async { Actors::start(&Arbiter::current()) });
        let other = system.block_on(async { Arbiter::new() });
        let there = Actors::start(&other.handle());
        for (place, actors) in [("same arbiter", &here), ("other arbiter", &there)] {
            let mut group = criterion.benchmark_group(format!("{place}, {in_flight} in flight"));
            group
                .sample_size(20)
                .measurement_time(Duration::from_secs(2))
                .warm_up_time(Duration::from_millis(500));
            compare(&system, &mut group, actors, in_flight);
            group.finish();
        }
        other.stop();
        other.join().expect("it ends when stopped");
    }
}

/// What it costs to keep what is kept of messages: all of it, without black boxes, and nothing, in one run.
fn telemetry(criterion: &mut Criterion) {
    let system = System::new();
    let mut group = criterion.benchmark_group("telemetry, same arbiter, 64 in flight");
    group
        .sample_size(40)
        .measurement_time(Duration::from_secs(4))
        .warm_up_time(Duration::from_millis(500));
    let kept = [
        ("nothing", KeptTelemetry::Nothing),
        ("no black box", KeptTelemetry::NoBlackBox),
        ("all", KeptTelemetry::All),
    ];
    let started = kept.map(|(name, kept)| {
        let hub = ActorRegistry::keeping(kept);
        (
            name,
            system.block_on(async { Actors::counted_by(&hub, &Arbiter::current()) }),
        )
    });
    for (name, actors) in &started {
        group.bench_function(format!("serial, {name}"), |bench| {
            bench.iter_custom(|rounds| system.block_on(timed(rounds, 64, |number| actors.serial(number))));
        });
        group.bench_function(format!("concurrent, {name}"), |bench| {
            bench.iter_custom(|rounds| system.block_on(timed(rounds, 64, |number| actors.concurrent(number))));
        });
    }
    group.finish();
}

criterion_group!(benches, mailbox, telemetry);
criterion_main!(benches);
