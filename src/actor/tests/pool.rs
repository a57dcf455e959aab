//! Pools: least loaded first, bounds, resizing, ends.

use std::sync::{Arc, Mutex};

use actix_rt::Arbiter;
use futures::FutureExt;
use tokio::sync::{Notify, oneshot};

use crate::actor::{
    ActorName, ActorRegistry, AskContext, AskError, ExitReason, HandleMessage, RestartBudget, SpawnOptions, Worker,
    WorkerPool, tasks,
};

use crate::actor::tests::{Do, Hand, answer, checker, held, here, panicking, quick, settled};

fn pool(hub: &ActorRegistry, size: usize) -> WorkerPool<Hand> {
    WorkerPool::start(
        hub,
        &[here()],
        size,
        SpawnOptions {
            capacity: 1,
            budget: quick(),
        },
        || Hand,
    )
}

/// An ask under way that ends when told to.
struct Held {
    asking: tasks::TaskHandle<Result<u64, AskError>>,
    begun: oneshot::Receiver<()>,
    free: Arc<Notify>,
}

fn hold(hub: &ActorRegistry, pool: &WorkerPool<Hand>) -> Held {
    let (message, begun, free) = held();
    let pool = pool.clone();
    let asking = tasks::spawn(hub, "hold", async move {
        pool.ask(message, &AskContext::root("test")).await
    });
    Held { asking, begun, free }
}

async fn hold_begun(hub: &ActorRegistry, pool: &WorkerPool<Hand>) -> Held {
    let mut held = hold(hub, pool);
    (&mut held.begun).await.unwrap();
    held
}

fn free<'a>(all: impl IntoIterator<Item = &'a Held>) {
    for held in all {
        held.free.notify_one();
    }
}

/// Whether one ask more has to wait for a place. It goes away again.
fn is_full(hub: &ActorRegistry, pool: &WorkerPool<Hand>) -> bool {
    let cx = AskContext::root("test");
    let mut asking = Box::pin(pool.ask(answer(1), &cx));
    let waits = (&mut asking).now_or_never().is_none();
    waits && checker(hub).waiting_for_room == 1
}

#[actix_rt::test]
async fn each_worker_gets_one_before_any_gets_two() {
    let hub = ActorRegistry::new();
    let pool = pool(&hub, 3);
    settled().await;
    assert_eq!(pool.idle(), 3);
    let mut all = Vec::new();
    for idle in [2, 1, 0] {
        all.push(hold_begun(&hub, &pool).await);
        assert_eq!(pool.idle(), idle);
    }
    for _ in 0..3 {
        all.push(hold(&hub, &pool));
    }
    settled().await;
    let told = checker(&hub);
    assert!(
        told.instances.iter().all(|one| (one.in_flight, one.depth) == (1, 1)),
        "{:?}",
        told.instances
    );
    assert!(is_full(&hub, &pool), "one more has to wait");
    free(&all);
    for held in all {
        assert_eq!(held.asking.join().await, Ok(Ok(200)));
    }
    assert_eq!((pool.idle(), checker(&hub).capacity), (3, 3));
}

#[actix_rt::test]
async fn an_ask_waits_for_room_in_any_mailbox() {
    let hub = ActorRegistry::new();
    let pool = pool(&hub, 2);
    let mut all = vec![hold_begun(&hub, &pool).await, hold_begun(&hub, &pool).await];
    all.push(hold(&hub, &pool));
    all.push(hold(&hub, &pool));
    settled().await;
    let cx = AskContext::root("test");
    let (last, ()) = futures::join!(pool.ask(answer(5), &cx), async {
        settled().await;
        assert_eq!(checker(&hub).waiting_for_room, 1);
        free(&all);
    });
    assert_eq!(last, Ok(5));
}

#[actix_rt::test]
async fn a_grown_pool_works_more_at_once() {
    let hub = ActorRegistry::new();
    let pool = pool(&hub, 1);
    let first = hold_begun(&hub, &pool).await;
    pool.resize(3);
    let others = [hold_begun(&hub, &pool).await, hold_begun(&hub, &pool).await];
    assert_eq!((pool.size(), pool.idle(), checker(&hub).capacity), (3, 0, 3));
    for held in others.into_iter().chain([first]) {
        held.free.notify_one();
        assert_eq!(held.asking.join().await, Ok(Ok(200)));
    }
}

#[actix_rt::test]
async fn a_shrunk_pool_lets_busy_workers_finish() {
    let hub = ActorRegistry::new();
    let pool = pool(&hub, 3);
    let busy = [hold_begun(&hub, &pool).await, hold_begun(&hub, &pool).await];
    pool.resize(1);
    settled().await;
    assert_eq!(pool.size(), 1);
    assert_eq!(checker(&hub).exits["drained"], 1, "the idle one went at once");
    for held in busy {
        held.free.notify_one();
        assert_eq!(held.asking.join().await, Ok(Ok(200)));
    }
    settled().await;
    assert_eq!((checker(&hub).exits["drained"], checker(&hub).capacity), (2, 1));
    let _held = hold_begun(&hub, &pool).await;
    let _queued = hold(&hub, &pool);
    settled().await;
    assert!(is_full(&hub, &pool), "one more has to wait");
}

#[actix_rt::test]
async fn resizing_under_load_loses_nothing() {
    let hub = ActorRegistry::new();
    let arbiters = [Arbiter::new(), Arbiter::new()];
    let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
    let pool = WorkerPool::start(&hub, &handles, 4, SpawnOptions::with_capacity(2), || Hand);
    let asks: Vec<_> = (0..500)
        .map(|number| {
            let pool = pool.clone();
            tasks::spawn(&hub, "ask", async move {
                pool.ask(answer(number), &AskContext::root("test")).await
            })
        })
        .collect();
    for size in [1, 6, 2, 5, 1, 3] {
        pool.resize(size);
        tokio::task::yield_now().await;
    }
    for (number, ask) in asks.into_iter().enumerate() {
        assert_eq!(ask.join().await, Ok(Ok(number as u64)));
    }
    pool.close();
    assert!(
        pool.drained()
            .await
            .iter()
            .all(|entry| entry.reason == ExitReason::Drained)
    );
    assert_eq!(checker(&hub).message("do").unwrap().handled.values().sum::<u64>(), 500);
    for arbiter in arbiters {
        arbiter.stop();
        arbiter.join().unwrap();
    }
}

#[actix_rt::test]
async fn closing_a_pool_finishes_its_queues() {
    let hub = ActorRegistry::new();
    let pool = pool(&hub, 2);
    let (one, two) = (hold_begun(&hub, &pool).await, hold_begun(&hub, &pool).await);
    let queued = hold(&hub, &pool);
    settled().await;
    pool.close();
    pool.resize(5);
    assert_eq!(
        pool.ask(answer(1), &AskContext::root("test")).await,
        Err(AskError::Draining)
    );
    free([&one, &two, &queued]);
    let entries = pool.drained().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries.iter().map(|entry| entry.handled).sum::<u64>(), 3);
    assert_eq!(queued.asking.join().await, Ok(Ok(200)));
}

#[actix_rt::test]
async fn a_panic_costs_one_attempt_and_the_budget_is_the_pools() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let budget = RestartBudget {
        max_restarts: 2,
        ..quick()
    };
    let pool = WorkerPool::start(&hub, &[here()], 3, SpawnOptions { capacity: 2, budget }, || Hand);
    for _ in 0..3 {
        assert_eq!(pool.ask(panicking(), &cx).await, Err(AskError::Panicked));
    }
    assert_eq!(hub.gave_up().await.reason, ExitReason::BudgetSpent);
    assert_eq!(pool.ask(answer(1), &cx).await, Err(AskError::Closed));
    assert_eq!(checker(&hub).restarts["panic"], 2);
}

struct Threaded(Arc<Mutex<std::collections::HashSet<std::thread::ThreadId>>>);

impl Worker for Threaded {
    const NAME: ActorName = ActorName::Downloader;
}

impl HandleMessage<Do> for Threaded {
    async fn handle(&mut self, message: Do, cx: &AskContext) -> u64 {
        self.0.lock().unwrap().insert(std::thread::current().id());
        (message.0)(cx.clone()).await
    }
}

#[actix_rt::test]
async fn workers_are_spread_over_the_arbiters() {
    let (hub, seen) = (ActorRegistry::new(), Arc::new(Mutex::default()));
    let arbiters = [Arbiter::new(), Arbiter::new()];
    let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
    let note = Arc::clone(&seen);
    let pool = WorkerPool::start(&hub, &handles, 2, SpawnOptions::with_capacity(1), move || {
        Threaded(Arc::clone(&note))
    });
    let ((first, begun, free), cx) = (held(), AskContext::root("test"));
    let (first, ()) = futures::join!(pool.ask(first, &cx), async {
        begun.await.unwrap();
        assert_eq!(pool.ask(answer(1), &cx).await, Ok(1));
        free.notify_one();
    });
    assert_eq!((first, seen.lock().unwrap().len()), (Ok(200), 2));
    for arbiter in arbiters {
        arbiter.stop();
        arbiter.join().unwrap();
    }
}
