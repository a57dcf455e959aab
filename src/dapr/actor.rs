//! The actor that keeps the breaker, the count of what is under way, and lets go when told to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::actor::{ActorName, AskContext, ServeMessages, Worker};
use crate::dapr::breaker::{StoreBreaker, StoreSign};
use crate::dapr::requests::StateRequests;
use crate::dapr::{
    BulkGet, BulkItem, CloseStateStore, DeleteState, GetState, KeyState, SaveState, StateCloseReport, StateCounters,
    StateError, StateStoreConfig,
};
use crate::session::{Session, TimeoutPhase};

/// The state store's client. Many messages at a time; connections are the session's, of its class `state`.
pub struct StateActor {
    parts: Rc<ClientParts>,
}

/// What the messages share; lives as long as the actor.
struct ClientParts {
    requests: StateRequests,
    config: StateStoreConfig,
    breaker: Rc<StoreBreaker>,
    counters: Arc<StateCounters>,
    /// Asked at least once since the start or the last close.
    open: Cell<bool>,
    closing: Cell<usize>,
    under_way: Cell<usize>,
    landed: Notify,
    /// Cancelled when a close has run out of patience.
    cut: RefCell<CancellationToken>,
}

impl Worker for StateActor {
    const NAME: ActorName = ActorName::StateStore;
}

impl StateActor {
    pub(super) fn new(session: Session, config: StateStoreConfig, counters: Arc<StateCounters>) -> Self {
        let parts = ClientParts {
            requests: StateRequests::new(session, config.clone(), Arc::clone(&counters)),
            breaker: StoreBreaker::new(config.breaker),
            config,
            counters,
            open: Cell::new(false),
            closing: Cell::new(0),
            under_way: Cell::new(0),
            landed: Notify::new(),
            cut: RefCell::default(),
        };
        Self { parts: Rc::new(parts) }
    }

    /// Serves one message within the total time, unless there is too much to do or the breaker says no.
    fn serve_one<T, F, S>(
        &self,
        cx: AskContext,
        ask: S,
        refused: fn(&StateError) -> bool,
    ) -> impl Future<Output = Result<T, StateError>> + use<T, F, S>
    where
        F: Future<Output = Result<T, StateError>>,
        S: FnOnce(Rc<ClientParts>, AskContext) -> F,
    {
        let parts = Rc::clone(&self.parts);
        let begun = UnderWay::begin(&parts);
        async move {
            let result = match begun {
                Ok(_under_way) => parts.ask(cx, ask, refused).await,
                Err(error) => Err(error),
            };
            parts.counters.note(&result, parts.breaker.state());
            result
        }
    }
}

impl ClientParts {
    async fn ask<T, F, S>(
        self: &Rc<Self>,
        cx: AskContext,
        ask: S,
        refused: fn(&StateError) -> bool,
    ) -> Result<T, StateError>
    where
        F: Future<Output = Result<T, StateError>>,
        S: FnOnce(Rc<Self>, AskContext) -> F,
    {
        let pass = self
            .breaker
            .enter()
            .map_err(|retry_in| StateError::BreakerOpen { retry_in })?;
        let cut = self.cut.borrow().clone();
        let limited = cx.with_timeout(self.config.total);
        let asked = ask(Rc::clone(self), limited);
        let result = tokio::select! {
            biased;
            result = asked => result,
            // Only the asker itself: the end of our own time is told by the request.
            () = cx.cancelled() => Err(StateError::Cancelled),
            () = cut.cancelled() => Err(StateError::Closed),
        };
        // An asker with less time than a message may take has heard nothing of the store, good or bad.
        let hurried = cx.deadline().is_some_and(|end| Instant::now() >= end);
        pass.end(match &result {
            Err(StateError::Unavailable {
                phase: TimeoutPhase::Total,
                ..
            }) if hurried => StoreSign::None,
            result => sign(result, refused),
        });
        result
    }
}

/// What a result says about the store; `refused` knows the failures that may be refusals.
fn sign<T>(result: &Result<T, StateError>, refused: fn(&StateError) -> bool) -> StoreSign {
    match result {
        Err(StateError::Busy | StateError::Closed | StateError::Cancelled | StateError::Mailbox(_)) => StoreSign::None,
        // Refused here, before anything was sent.
        Err(StateError::Malformed { .. }) => StoreSign::None,
        Err(error) if refused(error) => StoreSign::None,
        Err(error) if error.is_the_stores() => StoreSign::Bad,
        // Waited for a place in vain: nothing was heard of the store.
        Err(StateError::Unavailable { .. }) => StoreSign::None,
        _ => StoreSign::Good,
    }
}

/// Nothing is ever refused in the form of a failure.
fn never(_: &StateError) -> bool {
    false
}

/// On Redis a refused first-write without an ETag looks like a failed store (PROTOCOL.md, section 8).
fn first_write(error: &StateError) -> bool {
    matches!(error, StateError::Failed { .. })
}

/// Counts one message as under way until dropped.
struct UnderWay(Rc<ClientParts>);

impl UnderWay {
    fn begin(parts: &Rc<ClientParts>) -> Result<Self, StateError> {
        if parts.closing.get() > 0 {
            return Err(StateError::Closed);
        }
        if parts.under_way.get() >= parts.config.most_in_flight {
            return Err(StateError::Busy);
        }
        if !parts.open.replace(true) {
            parts.counters.openings.fetch_add(1, Relaxed);
        }
        parts.under_way.set(parts.under_way.get() + 1);
        parts.counters.begun();
        Ok(Self(Rc::clone(parts)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.counters.ended();
        if self.0.under_way.get() == 0 {
            self.0.landed.notify_waiters();
        }
    }
}

impl ServeMessages<GetState> for StateActor {
    fn serve(&mut self, get: GetState, cx: AskContext) -> impl Future<Output = Result<KeyState, StateError>> + 'static {
        let ask = move |parts: Rc<ClientParts>, cx: AskContext| async move { parts.requests.get(&get, &cx).await };
        self.serve_one(cx, ask, never)
    }
}

impl ServeMessages<BulkGet> for StateActor {
    fn serve(
        &mut self,
        bulk: BulkGet,
        cx: AskContext,
    ) -> impl Future<Output = Result<Vec<BulkItem>, StateError>> + 'static {
        let ask =
            move |parts: Rc<ClientParts>, cx: AskContext| async move { parts.requests.bulk_get(&bulk, &cx).await };
        self.serve_one(cx, ask, never)
    }
}

impl ServeMessages<SaveState> for StateActor {
    fn serve(&mut self, save: SaveState, cx: AskContext) -> impl Future<Output = Result<(), StateError>> + 'static {
        let bare = |item: &crate::dapr::StateItem| item.etag.is_none() && item.first_write;
        let refused = if save.items.iter().any(bare) {
            first_write
        } else {
            never
        };
        let ask = move |parts: Rc<ClientParts>, cx: AskContext| async move { parts.requests.save(&save, &cx).await };
        self.serve_one(cx, ask, refused)
    }
}

impl ServeMessages<DeleteState> for StateActor {
    fn serve(&mut self, delete: DeleteState, cx: AskContext) -> impl Future<Output = Result<(), StateError>> + 'static {
        let ask =
            move |parts: Rc<ClientParts>, cx: AskContext| async move { parts.requests.delete(&delete, &cx).await };
        self.serve_one(cx, ask, never)
    }
}

impl ServeMessages<CloseStateStore> for StateActor {
    fn serve(
        &mut self,
        close: CloseStateStore,
        _: AskContext,
    ) -> impl Future<Output = Result<StateCloseReport, StateError>> + 'static {
        let parts = Rc::clone(&self.parts);
        async move { Ok(parts.close(close).await) }
    }
}

impl ClientParts {
    /// Waits for what is under way and cuts what does not end in time. A close during a close joins it.
    async fn close(self: Rc<Self>, close: CloseStateStore) -> StateCloseReport {
        let was_open = self.open.replace(false);
        let before = self.under_way.get();
        let _closing = Closing::begin(&self);
        let in_time = timeout(close.grace, self.all_landed()).await.is_ok();
        let cut = if in_time { 0 } else { self.under_way.get() };
        if !in_time {
            self.cut.take().cancel();
            self.all_landed().await;
        }
        StateCloseReport {
            was_open,
            finished: before.saturating_sub(cut),
            cut,
        }
    }

    async fn all_landed(&self) {
        while self.under_way.get() > 0 {
            self.landed.notified().await;
        }
    }
}

/// Lets messages in again, also when the close was dropped half-way.
struct Closing(Rc<ClientParts>);

impl Closing {
    fn begin(parts: &Rc<ClientParts>) -> Self {
        parts.closing.set(parts.closing.get() + 1);
        Self(Rc::clone(parts))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closing.set(self.0.closing.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{AskError, Message};
    use crate::dapr::StateMessage;
    use crate::dapr::tests::support::parts;

    /// Panics while it is being served, with the breaker's pass in its hands.
    #[derive(Debug)]
    struct Trip;

    impl Message for Trip {
        type Reply = Result<(), StateError>;
        const KIND: &'static str = "trip";
    }

    impl StateMessage for Trip {
        type Ok = ();
    }

    impl ServeMessages<Trip> for StateActor {
        fn serve(&mut self, _: Trip, cx: AskContext) -> impl Future<Output = Result<(), StateError>> + 'static {
            let trip = |_: Rc<ClientParts>, _: AskContext| async {
                tokio::task::yield_now().await;
                panic!("tripped")
            };
            self.serve_one(cx, trip, never)
        }
    }

    #[actix_rt::test]
    async fn a_panic_in_one_request_is_one_askers_error() {
        let fixture = parts().start();
        fixture.put("k", 1).await.unwrap();
        for _ in 0..4 {
            let (tripped, other) = futures::join!(fixture.store.ask(Trip, &fixture.cx), fixture.get("k"));
            assert_eq!(tripped, Err(StateError::Mailbox(AskError::Panicked)));
            assert!(other.is_ok(), "{other:?}");
        }
        let counted = fixture.store.counters().snapshot();
        assert_eq!((counted.in_flight, counted.openings), (0, 1));
        assert_eq!(
            fixture.counted().sessions_created,
            1,
            "the session is not the actor's to lose"
        );
        assert_eq!(fixture.value("k").await.0["n"], 1);
        fixture.end();
    }
}
