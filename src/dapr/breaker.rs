//! The circuit breaker: after failures in a row nothing is asked for a while, then one message tries.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// When the breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures of the store itself in a row; 0: never.
    pub failures: u32,
    /// How long nothing is asked then.
    pub pause: Duration,
}

impl Default for BreakerConfig {
    /// Three failures, one minute (PROTOCOL.md, section 9).
    fn default() -> Self {
        Self {
            failures: 3,
            pause: Duration::from_secs(60),
        }
    }
}

/// How the breaker stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything passes.
    #[default]
    Closed,
    /// Nothing passes.
    Open,
    /// One message tries; the others do not pass.
    HalfOpen,
}

/// What an ended message says about the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreSign {
    /// It works.
    Good,
    /// It failed.
    Bad,
    /// Nothing: cancelled, or refused before it was asked.
    None,
}

/// Owned by the actor, so that it outlives every message.
pub(super) struct StoreBreaker {
    config: BreakerConfig,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    failures: u32,
    opened: Option<Instant>,
    probing: bool,
}

/// The right to ask once; its end is told by [`BreakerPass::end`], or says nothing when dropped.
pub(super) struct BreakerPass {
    breaker: Rc<StoreBreaker>,
    probe: bool,
    told: bool,
}

impl StoreBreaker {
    pub(super) fn new(config: BreakerConfig) -> Rc<Self> {
        Rc::new(Self {
            config,
            inner: RefCell::default(),
        })
    }

    /// Lets a message pass, or says how long it should wait.
    pub(super) fn enter(self: &Rc<Self>) -> Result<BreakerPass, Duration> {
        let mut inner = self.inner.borrow_mut();
        let probe = match inner.opened {
            None => false,
            Some(opened) => {
                let left = self.config.pause.saturating_sub(opened.elapsed());
                if inner.probing || !left.is_zero() {
                    return Err(left);
                }
                inner.probing = true;
                true
            }
        };
        Ok(BreakerPass {
            breaker: Rc::clone(self),
            probe,
            told: false,
        })
    }

    pub(super) fn state(&self) -> BreakerState {
        let inner = self.inner.borrow();
        match inner.opened {
            None => BreakerState::Closed,
            Some(opened) if opened.elapsed() < self.config.pause => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    fn note(&self, probe: bool, sign: StoreSign) {
        let mut inner = self.inner.borrow_mut();
        if probe {
            inner.probing = false;
            match sign {
                StoreSign::Good => *inner = Inner::default(),
                StoreSign::Bad => inner.opened = Some(Instant::now()),
                StoreSign::None => {}
            }
            return;
        }
        // Messages that passed before it opened say nothing new.
        if inner.opened.is_some() {
            return;
        }
        match sign {
            StoreSign::Good => inner.failures = 0,
            StoreSign::Bad => {
                inner.failures += 1;
                if self.config.failures > 0 && inner.failures >= self.config.failures {
                    tracing::warn!(failures = inner.failures, "circuit breaker open for the state store");
                    inner.opened = Some(Instant::now());
                }
            }
            StoreSign::None => {}
        }
    }
}

impl BreakerPass {
    pub(super) fn end(mut self, sign: StoreSign) {
        self.told = true;
        self.breaker.note(self.probe, sign);
    }
}

impl Drop for BreakerPass {
    fn drop(&mut self) {
        if !self.told {
            self.breaker.note(self.probe, StoreSign::None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Rc<StoreBreaker> {
        StoreBreaker::new(BreakerConfig::default())
    }

    fn fail(breaker: &Rc<StoreBreaker>, times: usize) {
        for _ in 0..times {
            breaker.enter().ok().unwrap().end(StoreSign::Bad);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_failures_in_a_row_open_it_for_a_minute_and_one_probe_closes_it() {
        let breaker = breaker();
        fail(&breaker, 3);
        assert_eq!(breaker.enter().err(), Some(Duration::from_secs(60)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        let probe = breaker.enter().ok().unwrap();
        assert!(breaker.enter().is_err(), "one probe at a time");
        probe.end(StoreSign::Good);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&breaker, 2);
        assert!(breaker.enter().is_ok(), "the count began anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_answer_between_failures_ends_the_row_and_a_cancelled_one_does_not() {
        let breaker = breaker();
        fail(&breaker, 2);
        breaker.enter().ok().unwrap().end(StoreSign::Good);
        fail(&breaker, 2);
        drop(breaker.enter().ok().unwrap());
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&breaker, 1);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_opens_it_again_and_a_cancelled_probe_leaves_the_next_one_to_try() {
        let breaker = breaker();
        fail(&breaker, 3);
        tokio::time::advance(Duration::from_secs(61)).await;
        drop(breaker.enter().ok().unwrap());
        breaker.enter().ok().unwrap().end(StoreSign::Bad);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.enter().err(), Some(Duration::from_secs(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_passed_before_it_opened_neither_closes_nor_prolongs_it() {
        let breaker = breaker();
        let late = [breaker.enter().ok().unwrap(), breaker.enter().ok().unwrap()];
        fail(&breaker, 3);
        tokio::time::advance(Duration::from_secs(30)).await;
        let [good, bad] = late;
        good.end(StoreSign::Good);
        bad.end(StoreSign::Bad);
        assert_eq!(breaker.enter().err(), Some(Duration::from_secs(30)));
    }
}
