//! Facts of actix 0.13 and actix-rt 2 that this module exists for. If one of these fails after an update,
//! the design may be simpler, or no longer sound.
#![expect(clippy::disallowed_methods, reason = "these tests show what the forbidden ways do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use actix::{Actor, ActorContext, AtomicResponse, Context, Handler, ResponseFuture, WrapFuture};
use actix::{Addr, MailboxError, Supervised, Supervisor};
use actix_rt::Arbiter;
use tokio::sync::{Notify, oneshot};

use crate::actor::tests::settled;

/// Bare actix: counts what happens to it.
#[derive(Default)]
struct Bare {
    capacity: usize,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    handled: AtomicU32,
    stopped: AtomicU32,
    restarted: AtomicU32,
    dropped: AtomicU32,
    in_flight: AtomicU32,
    free: Notify,
}

impl Actor for Bare {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(self.capacity);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.seen.stopped.fetch_add(1, SeqCst);
    }
}

impl Supervised for Bare {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.seen.restarted.fetch_add(1, SeqCst);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.seen.dropped.fetch_add(1, SeqCst);
    }
}

#[derive(actix::Message)]
#[rtype(result = "u32")]
struct Count;

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Panic;

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

/// Runs until freed, beside the mailbox.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Beside(Option<oneshot::Sender<()>>);

/// Runs until freed, in front of the mailbox.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct InFront;

impl Handler<Count> for Bare {
    type Result = u32;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> u32 {
        self.seen.handled.fetch_add(1, SeqCst) + 1
    }
}

impl Handler<Panic> for Bare {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("as the test wants");
    }
}

impl Handler<Stop> for Bare {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Beside> for Bare {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Beside(done): Beside, _: &mut Context<Self>) -> Self::Result {
        let seen = Arc::clone(&self.seen);
        seen.in_flight.fetch_add(1, SeqCst);
        Box::pin(async move {
            seen.free.notified().await;
            done.map(|done| done.send(()));
        })
    }
}

impl Handler<InFront> for Bare {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: InFront, _: &mut Context<Self>) -> Self::Result {
        let seen = Arc::clone(&self.seen);
        seen.in_flight.fetch_add(1, SeqCst);
        AtomicResponse::new(Box::pin(async move { seen.free.notified().await }.into_actor(self)))
    }
}

fn bare(capacity: usize) -> (Addr<Bare>, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    (
        Bare {
            capacity,
            seen: Arc::clone(&seen),
        }
        .start(),
        seen,
    )
}

#[actix_rt::test]
async fn every_clone_of_an_address_gets_one_message_past_a_full_mailbox() {
    let (addr, _) = bare(2);
    settled().await;
    let accepted = |addr: &Addr<Bare>| (0..10).filter(|_| addr.try_send(Count).is_ok()).count();
    assert_eq!(accepted(&addr), 2, "the capacity");
    let clones: Vec<_> = (0..5).map(|_| addr.clone()).collect();
    assert_eq!(clones.iter().map(accepted).sum::<usize>(), 5, "one more for each clone");
}

#[actix_rt::test]
async fn do_send_ignores_the_capacity() {
    let (addr, seen) = bare(1);
    (0..100).for_each(|_| addr.do_send(Count));
    assert_eq!(addr.send(Count).await, Ok(101));
    assert_eq!(seen.handled.load(SeqCst), 101);
}

#[actix_rt::test]
async fn do_send_to_an_ended_actor_is_dropped_silently() {
    let (addr, seen) = bare(1);
    addr.send(Stop).await.unwrap();
    settled().await;
    addr.do_send(Count);
    settled().await;
    assert_eq!((addr.connected(), seen.handled.load(SeqCst)), (false, 0));
}

#[actix_rt::test]
async fn the_mailbox_is_emptied_before_any_future_is_done() {
    let (addr, seen) = bare(4);
    let asks: Vec<_> = (0..50)
        .map(|_| {
            let addr = addr.clone();
            actix_rt::spawn(async move { addr.send(Beside(None)).await })
        })
        .collect();
    settled().await;
    assert_eq!(
        seen.in_flight.load(SeqCst),
        50,
        "a capacity of 4 does not bound what is in flight"
    );
    seen.free.notify_waiters();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), Ok(()));
    }
}

#[actix_rt::test]
async fn an_atomic_response_holds_the_mailbox() {
    let (addr, seen) = bare(0);
    addr.do_send(InFront);
    addr.do_send(Count);
    settled().await;
    assert_eq!((seen.in_flight.load(SeqCst), seen.handled.load(SeqCst)), (1, 0));
    seen.free.notify_one();
    assert_eq!(addr.send(Count).await, Ok(2));
}

#[actix_rt::test]
async fn a_response_future_outlives_its_actor() {
    let (addr, seen) = bare(0);
    let (done, ended) = oneshot::channel();
    addr.do_send(Beside(Some(done)));
    addr.do_send(Stop);
    settled().await;
    assert_eq!((addr.connected(), seen.dropped.load(SeqCst)), (false, 1));
    seen.free.notify_one();
    assert_eq!(ended.await, Ok(()));
}

#[actix_rt::test]
async fn a_timed_out_ask_is_skipped_if_queued_but_runs_on_if_begun() {
    let (addr, seen) = bare(0);
    let (done, ended) = oneshot::channel();
    let begun = addr.send(Beside(Some(done))).timeout(Duration::from_millis(1)).await;
    assert_eq!(begun, Err(MailboxError::Timeout));
    seen.free.notify_one();
    assert_eq!(ended.await, Ok(()), "nobody waits, and still it runs to its end");
    addr.do_send(InFront);
    let queued = addr.send(Count).timeout(Duration::from_millis(1)).await;
    assert_eq!(queued, Err(MailboxError::Timeout));
    seen.free.notify_one();
    assert_eq!(addr.send(Count).await, Ok(1), "the one before was never begun");
}

#[actix_rt::test]
async fn a_panic_ends_only_its_own_actor() {
    let ((addr, seen), (other, _)) = (bare(0), bare(0));
    assert_eq!(addr.send(Panic).await, Err(MailboxError::Closed));
    assert_eq!((addr.connected(), seen.dropped.load(SeqCst)), (false, 1));
    assert_eq!(other.send(Count).await, Ok(1));
}

#[actix_rt::test]
async fn the_supervisor_restarts_after_a_stop_but_not_after_a_panic() {
    let seen = Arc::new(Seen::default());
    let kept = Arc::clone(&seen);
    let addr = Supervisor::start(|_| Bare {
        capacity: 0,
        seen: kept,
    });
    addr.do_send(Stop);
    assert_eq!(
        addr.send(Count).await,
        Ok(1),
        "queued messages are kept over the restart"
    );
    assert_eq!(
        (seen.restarted.load(SeqCst), seen.dropped.load(SeqCst)),
        (1, 0),
        "the same value goes on"
    );
    assert_eq!(addr.send(Panic).await, Err(MailboxError::Closed));
    assert_eq!(addr.send(Count).await, Err(MailboxError::Closed));
    assert_eq!((seen.restarted.load(SeqCst), seen.dropped.load(SeqCst)), (1, 1));
}

#[actix_rt::test]
async fn a_stop_drops_the_queue_and_dropped_addresses_drain_it() {
    let (addr, seen) = bare(0);
    addr.do_send(Stop);
    (0..5).for_each(|_| addr.do_send(Count));
    settled().await;
    assert_eq!(seen.handled.load(SeqCst), 0);
    let (addr, seen) = bare(0);
    (0..5).for_each(|_| addr.do_send(Count));
    drop(addr);
    settled().await;
    assert_eq!((seen.handled.load(SeqCst), seen.stopped.load(SeqCst)), (5, 1));
}

#[test]
fn stopping_the_system_does_not_wait_for_other_arbiters() {
    let (ended, is_ended) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (works, at_work) = std::sync::mpsc::channel();
    let system = actix_rt::System::new();
    let arbiter = system.block_on(async { Arbiter::new() });
    arbiter.spawn_fn(move || {
        let _ = works.send(());
        let _ = released.recv();
        let _ = ended.send(());
    });
    at_work.recv().unwrap();
    actix_rt::System::current().stop();
    system.run().unwrap();
    assert!(
        is_ended.try_recv().is_err(),
        "run has returned while the arbiter still works"
    );
    drop(release);
    arbiter.join().unwrap();
    assert!(is_ended.try_recv().is_ok());
}
