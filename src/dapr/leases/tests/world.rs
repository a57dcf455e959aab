//! A keeper of leases with members that have clocks of their own, for tests.

use std::rc::Rc;
use std::time::Duration;

use actix_rt::Arbiter;
use jiff::Timestamp;
use url::Url;

use crate::actor::ActorRegistry;
use crate::clock::SystemClock;
use crate::dapr::leases::{DaprLeases, GrantedLease, LeaseError, LeaseKeeper, LeaseTerms, ProcessLeases, SqliteLeases};
use crate::dapr::{LeaseGrant, StateStore, StateStoreConfig};
use crate::grin::RedirectPolicy;
use crate::lab::simulator::{RunningSidecar, SidecarConfig, SidecarSimulator};
use crate::session::{Session, SessionConfig, SessionThread};

pub const START: Timestamp = Timestamp::UNIX_EPOCH;
pub const TTL: Duration = Duration::from_secs(60);
pub const MARGIN: Duration = Duration::from_secs(5);

enum Keeper {
    Process(ProcessLeases),
    Sqlite(tempfile::TempDir),
    Dapr(Box<Dapr>),
}

struct Dapr {
    sidecar: RunningSidecar,
    store: StateStore,
    thread: Option<SessionThread>,
}

pub struct World {
    keeper: Keeper,
    clocks: std::cell::RefCell<Vec<SystemClock>>,
}

/// One daemon, as far as leases are concerned.
pub struct Member {
    pub leases: Rc<dyn LeaseKeeper>,
}

pub fn terms(owner: &str, clock: &SystemClock) -> LeaseTerms {
    LeaseTerms {
        owner: owner.to_owned(),
        clock: clock.clone(),
        margin: MARGIN,
    }
}

impl World {
    pub fn process() -> Self {
        let terms = terms("nobody", &SystemClock::manual(START));
        Self::of(Keeper::Process(ProcessLeases::new(terms)))
    }

    pub fn sqlite() -> Self {
        Self::of(Keeper::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub fn dapr() -> Self {
        let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
        let url = Url::parse(&sidecar.base_url()).unwrap();
        let hub = ActorRegistry::new();
        let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(&url, &[], &[]))).unwrap();
        let config = StateStoreConfig::new(&url, "statestore").unwrap();
        let store = StateStore::start(&hub, &Arbiter::current(), &session, config);
        Self::of(Keeper::Dapr(Box::new(Dapr {
            sidecar,
            store,
            thread: Some(thread),
        })))
    }

    fn of(keeper: Keeper) -> Self {
        Self {
            keeper,
            clocks: std::cell::RefCell::default(),
        }
    }

    /// A member whose clock is ahead of the others' by so much.
    pub fn member_ahead(&self, owner: &str, ahead: Duration) -> Member {
        let clock = SystemClock::manual(START);
        clock.advance(ahead);
        self.clocks.borrow_mut().push(clock.clone());
        let terms = terms(owner, &clock);
        let leases: Rc<dyn LeaseKeeper> = match &self.keeper {
            Keeper::Process(first) => Rc::new(first.member(terms)),
            Keeper::Sqlite(folder) => Rc::new(SqliteLeases::open(&folder.path().join("leases.db"), terms).unwrap()),
            Keeper::Dapr(dapr) => Rc::new(dapr.leases(terms)),
        };
        Member { leases }
    }

    /// A member's own leases, to take its steps one by one.
    pub fn dapr_leases(&self, owner: &str) -> DaprLeases {
        let clock = SystemClock::manual(START);
        self.clocks.borrow_mut().push(clock.clone());
        match &self.keeper {
            Keeper::Dapr(dapr) => dapr.leases(terms(owner, &clock)),
            _ => panic!("these leases are not in a state store"),
        }
    }

    pub fn member(&self, owner: &str) -> Member {
        self.member_ahead(owner, Duration::ZERO)
    }

    /// Time passes for everybody.
    pub fn pass(&self, time: Duration) {
        for clock in self.clocks.borrow().iter() {
            clock.advance(time);
        }
        if let Keeper::Dapr(dapr) = &self.keeper {
            dapr.sidecar.pass(time);
        }
    }

    /// The keeper stops working.
    pub fn break_down(&self) {
        match &self.keeper {
            Keeper::Process(_) => panic!("a process cannot lose its own memory"),
            Keeper::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(folder.path().join("leases.db")).unwrap();
                conn.execute_batch("DROP TABLE leases").unwrap();
            }
            Keeper::Dapr(dapr) => dapr.sidecar.set_down(true),
        }
    }
}

impl Dapr {
    fn leases(&self, terms: LeaseTerms) -> DaprLeases {
        DaprLeases::new(self.store.clone(), terms, "TESTLIB")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Keeper::Dapr(dapr) = &mut self.keeper {
            if let Some(thread) = dapr.thread.take() {
                thread.join().unwrap();
            }
        }
    }
}

impl Member {
    pub async fn try_acquire(&self, name: &str) -> Result<LeaseGrant, LeaseError> {
        let names = [name.to_owned()];
        self.leases.acquire(&names, TTL).await.remove(0)
    }

    /// The lease, or `None` when somebody else has it.
    pub async fn acquire(&self, name: &str) -> Option<GrantedLease> {
        self.try_acquire(name).await.unwrap().mine()
    }

    pub async fn renew(&self, lease: &GrantedLease) -> Result<GrantedLease, LeaseError> {
        self.leases.renew(std::slice::from_ref(lease), TTL).await.remove(0)
    }

    pub async fn release(&self, lease: &GrantedLease) {
        self.leases.release(std::slice::from_ref(lease)).await.unwrap();
    }

    /// What the keeper says of it.
    pub async fn holds(&self, lease: &GrantedLease) -> bool {
        let seen = self.leases.look(std::slice::from_ref(&lease.name)).await.unwrap();
        let holder = seen.into_iter().flatten().next();
        holder.is_some_and(|holder| (holder.owner, holder.fence) == (lease.owner.clone(), lease.fence))
    }

    pub fn counts_on(&self, lease: &GrantedLease) -> bool {
        self.leases.terms().is_good(lease)
    }
}
