//! A storm of asks from several threads, with panics, askers that give up and a pool that changes its
//! size; at the end every message is accounted for and every place is free again.

use std::time::Duration;

use actix_rt::Arbiter;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::actor::{ActorRegistry, AskContext, AskError, MessageSnapshot, RestartBudget, SpawnOptions, WorkerPool};

use crate::actor::tests::{Hand, answer, checker, held, panicking, run};

const ASKERS: u64 = 3;
const ASKS: u64 = 2_000;
const SIZES: [usize; 6] = [1, 5, 2, 7, 3, 4];

/// One asker's asks; every third is given up after a while, if it was not answered by then.
async fn asker(pool: WorkerPool<Hand>, seed: u64) {
    let (mut random, cx) = (StdRng::seed_from_u64(seed), AskContext::root("storm"));
    for number in 0..ASKS {
        let message = match random.random_range(0..10) {
            0 => panicking(),
            1..4 => run(|_| async {
                tokio::task::yield_now().await;
                1
            }),
            _ => answer(number),
        };
        let patience = random.random_range(1..20);
        let give_up = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answered = pool.ask(message, &cx) => assert!(matches!(answered, Ok(_) | Err(AskError::Panicked))),
            () = give_up, if number % 3 == 0 => {}
        }
        if number % 50 == 0 {
            give_up_running(&pool, &cx).await;
        }
        if number % 300 == 0 {
            pool.resize(SIZES[random.random_range(0..SIZES.len())]);
        }
    }
}

/// Asks, and goes away as soon as the message runs.
async fn give_up_running(pool: &WorkerPool<Hand>, cx: &AskContext) {
    let (message, begun, _free) = held();
    tokio::select! {
        biased;
        answered = pool.ask(message, cx) => panic!("answered with {answered:?} though nobody freed it"),
        begun = begun => begun.unwrap(),
    }
}

#[actix_rt::test]
async fn every_message_is_accounted_for() {
    let hub = ActorRegistry::new();
    let arbiters: Vec<_> = (0..ASKERS).map(|_| Arbiter::new()).collect();
    let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
    let budget = RestartBudget {
        max_restarts: u32::MAX,
        base: Duration::ZERO,
        ..RestartBudget::default()
    };
    let pool = WorkerPool::start(&hub, &handles, 4, SpawnOptions { capacity: 2, budget }, || Hand);
    let (done, mut all_done) = tokio::sync::mpsc::channel(1);
    for (seed, arbiter) in (0..).zip(&handles) {
        let (pool, done) = (pool.clone(), done.clone());
        arbiter.spawn(async move {
            asker(pool, seed).await;
            let _ = done.send(()).await;
        });
    }
    for _ in 0..ASKERS {
        assert_eq!(all_done.recv().await, Some(()));
    }
    pool.resize(4);
    let quiet = tokio::time::timeout(Duration::from_secs(10), becomes_quiet(&hub, &pool)).await;
    assert!(quiet.is_ok(), "{:?}", checker(&hub));
    assert_every_place_is_free(&hub, &pool).await;
    pool.close();
    pool.drained().await;
    assert_balanced(&hub);
    for arbiter in arbiters {
        arbiter.stop();
        arbiter.join().unwrap();
    }
}

/// Given-up messages may still be queued or running when their askers are done.
async fn becomes_quiet(hub: &ActorRegistry, pool: &WorkerPool<Hand>) {
    while pool.idle() < 4 || checker(hub).depth > 0 {
        tokio::task::yield_now().await;
    }
}

/// Four can run and eight more be queued, not one more or less.
async fn assert_every_place_is_free(hub: &ActorRegistry, pool: &WorkerPool<Hand>) {
    let cx = AskContext::root("after the storm");
    let (mut asks, mut frees) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (message, begun, free) = held();
        let mut ask = Box::pin(pool.ask(message, &cx));
        tokio::select! {
            biased;
            _ = &mut ask => panic!("it is held"),
            begun = begun => begun.unwrap(),
        }
        asks.push(ask);
        frees.push(free);
    }
    let mut queued: Vec<_> = (0..20).map(|_| Box::pin(pool.ask(answer(1), &cx))).collect();
    for ask in &mut queued {
        assert!(futures::poll!(ask.as_mut()).is_pending());
    }
    let told = checker(hub);
    assert_eq!((told.depth, told.waiting_for_room), (8, 12));
    for free in frees {
        free.notify_one();
    }
    assert!(
        futures::future::join_all(asks)
            .await
            .iter()
            .all(|answer| *answer == Ok(200))
    );
}

fn assert_balanced(hub: &ActorRegistry) {
    let told = checker(hub);
    let MessageSnapshot {
        sent,
        handled,
        abandoned,
        in_flight,
        handle,
        ..
    } = told.message("do").unwrap().clone();
    let ended: u64 = handled.values().sum();
    assert_eq!(
        sent,
        ended + abandoned.get("queued").unwrap_or(&0),
        "{handled:?} {abandoned:?}"
    );
    assert_eq!(
        (told.depth, in_flight, told.wait.count, handle.count),
        (0, 0, ended, ended)
    );
    assert_eq!(handled["panicked"], told.restarts["panic"]);
    assert!(
        abandoned["running"] > 0 && handled["cancelled"] > 0,
        "the storm was too mild"
    );
    assert!(told.peak <= 14, "{} queued in at most 7 mailboxes of 2", told.peak);
    assert!(hub.snapshot().waits.is_empty());
}
