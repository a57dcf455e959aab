//! Tests that drive real actors. What a handler does is written in the test itself.

mod asking;
mod concurrent;
mod facts;
mod leaving;
mod memory;
mod pool;
mod restarting;
mod storm;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use futures::future::LocalBoxFuture;
use tokio::sync::{Notify, oneshot};

use crate::actor::{
    ActorName, ActorRegistry, ActorSnapshot, AskContext, HandleMessage, Mailbox, Message, RestartBudget, SerialRunner,
    ServeMessages, SpawnOptions, Worker, spawn,
};

/// A message that brings along what is to be done with it.
struct Do(Box<dyn FnOnce(AskContext) -> LocalBoxFuture<'static, u64> + Send>);

impl Message for Do {
    type Reply = u64;
    const KIND: &'static str = "do";

    fn failed(reply: &u64) -> bool {
        *reply == FAILED
    }
}

/// The reply that counts as a failure.
const FAILED: u64 = 404;

fn run<F: Future<Output = u64> + 'static>(work: impl FnOnce(AskContext) -> F + Send + 'static) -> Do {
    Do(Box::new(|cx| Box::pin(work(cx))))
}

fn answer(number: u64) -> Do {
    run(move |_| async move { number })
}

fn panicking() -> Do {
    run(|_| async { panic!("as the test wants") })
}

/// Says when it has begun, and ends when told to (or when cancelled, with 499).
fn held() -> (Do, oneshot::Receiver<()>, Arc<Notify>) {
    let (started, begun) = oneshot::channel();
    let free = Arc::new(Notify::new());
    let end = Arc::clone(&free);
    let message = run(move |cx| async move {
        let _ = started.send(());
        tokio::select! {
            () = end.notified() => 200,
            () = cx.cancelled() => 499,
        }
    });
    (message, begun, free)
}

/// A worker of layer 1.
struct Hand;

impl Worker for Hand {
    const NAME: ActorName = ActorName::Checker;
}

impl HandleMessage<Do> for Hand {
    async fn handle(&mut self, message: Do, cx: &AskContext) -> u64 {
        (message.0)(cx.clone()).await
    }
}

/// A worker of the lowest layer, serving many at a time.
struct Owner;

impl Worker for Owner {
    const NAME: ActorName = ActorName::SessionOwner;
}

impl ServeMessages<Do> for Owner {
    fn serve(&mut self, message: Do, cx: AskContext) -> impl Future<Output = u64> + 'static {
        (message.0)(cx)
    }
}

fn here() -> ArbiterHandle {
    Arbiter::current()
}

fn hand(hub: &ActorRegistry, capacity: usize) -> Mailbox<SerialRunner<Hand>> {
    spawn::serial(
        hub,
        &here(),
        SpawnOptions {
            capacity,
            budget: quick(),
        },
        || Hand,
    )
}

/// A budget that makes no test wait.
fn quick() -> RestartBudget {
    RestartBudget {
        base: Duration::ZERO,
        cap: Duration::ZERO,
        ..RestartBudget::default()
    }
}

fn checker(hub: &ActorRegistry) -> ActorSnapshot {
    hub.snapshot()
        .actor(ActorName::Checker)
        .cloned()
        .expect("it was spawned")
}

/// Lets every other task of this thread run until nothing moves any more.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
