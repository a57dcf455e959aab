//! Permits under contention.

use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;

use crate::session::permits::*;

fn permits(limit: usize, per_host: usize, reserved: &[(PermitClass, usize)]) -> RequestPermits {
    let mut limits = ConnectionLimits {
        reserved: [0; CLASSES],
        ..ConnectionLimits::new(limit, per_host)
    };
    for (class, share) in reserved {
        limits.reserved[class.index()] = *share;
    }
    RequestPermits::new(&limits, &ConnectionLimits::new(2, 2), &Arc::default())
}

fn url(host: &str) -> Url {
    Url::parse(&format!("http://{host}/x")).unwrap()
}

/// Takes a permit that must be free.
fn now(permits: &RequestPermits, class: PermitClass, host: &str) -> RequestPermit {
    permits
        .acquire(class, &url(host))
        .now_or_never()
        .expect("free")
        .unwrap()
}

fn is_free(permits: &RequestPermits, class: PermitClass, host: &str) -> bool {
    permits.acquire(class, &url(host)).now_or_never().is_some()
}

#[test]
fn archives_have_places_of_their_own_beside_the_permits() {
    let permits = permits(8, 8, &[]);
    permits.set_bulk_places(2);
    let first = now(&permits, PermitClass::Bulk, "a");
    let _second = now(&permits, PermitClass::Bulk, "b");
    let url = url("a");
    let mut third = Box::pin(permits.acquire(PermitClass::Bulk, &url));
    assert!(third.as_mut().now_or_never().is_none());
    assert!(
        is_free(&permits, PermitClass::Check, "a"),
        "nobody else waits behind it"
    );
    permits.set_bulk_places(1);
    drop(first);
    assert!(third.as_mut().now_or_never().is_none(), "one is on its way");
    permits.set_bulk_places(2);
    assert!(third.as_mut().now_or_never().is_some());
}

#[test]
fn bulk_leaves_the_others_their_share() {
    let permits = permits(4, 4, &[(PermitClass::Check, 1), (PermitClass::Auth, 1)]);
    let _bulk = [
        now(&permits, PermitClass::Bulk, "a"),
        now(&permits, PermitClass::Bulk, "a"),
    ];
    assert!(!is_free(&permits, PermitClass::Bulk, "a"));
    let _check = now(&permits, PermitClass::Check, "a");
    assert!(
        !is_free(&permits, PermitClass::Check, "a"),
        "auth's share is not check's"
    );
    let _auth = now(&permits, PermitClass::Auth, "a");
    assert!(!is_free(&permits, PermitClass::Auth, "a"));
}

#[test]
fn shares_hold_within_a_host_too() {
    let permits = permits(100, 3, &[(PermitClass::Check, 1)]);
    let _bulk = [
        now(&permits, PermitClass::Bulk, "a"),
        now(&permits, PermitClass::Bulk, "a"),
    ];
    assert!(!is_free(&permits, PermitClass::Bulk, "a"));
    assert!(is_free(&permits, PermitClass::Check, "a"));
    assert!(is_free(&permits, PermitClass::Bulk, "b"));
    assert!(
        is_free(&permits, PermitClass::Bulk, "a:81"),
        "another port is another host"
    );
}

#[test]
fn one_permit_alone_serves_every_class() {
    let permits = permits(1, 1, &[(PermitClass::Check, 1), (PermitClass::Auth, 1)]);
    for class in [
        PermitClass::Bulk,
        PermitClass::Check,
        PermitClass::Lists,
        PermitClass::Auth,
    ] {
        assert!(is_free(&permits, class, "a"), "{class:?}");
    }
}

#[test]
fn the_state_store_has_permits_of_its_own() {
    let permits = permits(1, 1, &[]);
    let _bulk = now(&permits, PermitClass::Bulk, "a");
    let _state = [
        now(&permits, PermitClass::State, "a"),
        now(&permits, PermitClass::State, "a"),
    ];
    assert!(!is_free(&permits, PermitClass::State, "a"));
    let free = permits.counters.snapshot().permits;
    assert_eq!((free["bulk"].free, free["state"].free, free["state"].held), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn the_longest_waiting_is_served_first_and_its_wait_measured() {
    let permits = permits(1, 1, &[]);
    let held = now(&permits, PermitClass::Bulk, "a");
    let order = RefCell::new(Vec::new());
    let one = |name: &'static str, class| {
        let (permits, order) = (&permits, &order);
        async move {
            let _permit = permits.acquire(class, &url("a")).await.unwrap();
            order.borrow_mut().push(name);
        }
    };
    let release = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(held);
    };
    tokio::join!(
        one("first", PermitClass::Lists),
        one("second", PermitClass::Bulk),
        one("third", PermitClass::Lists),
        release
    );
    assert_eq!(*order.borrow(), ["first", "second", "third"]);
    let snapshot = permits.counters.snapshot();
    let waits = &snapshot.permits["lists"].wait_seconds;
    assert_eq!(waits.count, 2);
    assert!((waits.sum_seconds - 6.0).abs() < 0.1, "{}", waits.sum_seconds);
    assert_eq!(snapshot.permits["lists"].waiting, 0);
}

#[test]
fn one_host_at_its_limit_does_not_hold_up_another() {
    let permits = permits(3, 1, &[]);
    let _a = now(&permits, PermitClass::Bulk, "a");
    let target = url("a");
    let mut waits = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    assert!(waits.as_mut().now_or_never().is_none());
    assert!(is_free(&permits, PermitClass::Bulk, "b"));
}

#[test]
fn who_leaves_the_queue_gives_its_place_and_its_permit_away() {
    let permits = permits(1, 1, &[]);
    let held = now(&permits, PermitClass::Bulk, "a");
    let target = url("a");
    let mut gone = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    let mut granted_and_gone = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    let mut stays = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    for waits in [&mut gone, &mut granted_and_gone, &mut stays] {
        assert!(waits.as_mut().now_or_never().is_none());
    }
    drop(gone);
    drop(held);
    drop(granted_and_gone);
    assert!(stays.as_mut().now_or_never().is_some());
}

#[test]
fn a_full_queue_refuses() {
    let mut limits = ConnectionLimits::new(1, 1);
    limits.waiting = 1;
    let permits = RequestPermits::new(&limits, &limits, &Arc::default());
    let _held = now(&permits, PermitClass::Bulk, "a");
    let target = url("a");
    let mut waits = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    assert!(waits.as_mut().now_or_never().is_none());
    let refused = permits.acquire(PermitClass::Bulk, &target).now_or_never().unwrap();
    assert!(matches!(refused, Err(SessionError::Busy)));
}

#[test]
fn raised_limits_let_waiting_requests_go() {
    let permits = permits(1, 1, &[]);
    let _held = now(&permits, PermitClass::Bulk, "a");
    let target = url("a");
    let mut waits = Box::pin(permits.acquire(PermitClass::Bulk, &target));
    assert!(waits.as_mut().now_or_never().is_none());
    permits.set_limits(&ConnectionLimits::new(2, 2));
    assert!(waits.as_mut().now_or_never().is_some());
}

#[test]
fn accounts_of_hosts_are_bounded() {
    let permits = permits(4, 4, &[]);
    let _held = now(&permits, PermitClass::Bulk, "kept");
    for number in 0..500 {
        assert!(is_free(&permits, PermitClass::Bulk, &format!("h{number}")));
    }
    let books = permits.common.state.borrow();
    assert_eq!(books.hosts.len(), IDLE_HOSTS);
    assert_eq!(books.hosts[0].name, "kept");
}

proptest! {
    /// Whatever is taken and given back: never over a limit, and a class below its share is never refused.
    #[test]
    fn limits_and_shares_hold(steps in prop::collection::vec((0_usize..4, 0_usize..2, any::<bool>()), 1..200)) {
        let permits = permits(6, 5, &[(PermitClass::Check, 2), (PermitClass::Auth, 1)]);
        let hosts = ["a", "b"];
        let mut held: Vec<(usize, usize, RequestPermit)> = Vec::new();
        for (class, host, give_back) in steps {
            if give_back && !held.is_empty() {
                held.swap_remove(class % held.len());
                continue;
            }
            let taken = permits.acquire(PermitClass::ALL[class], &url(hosts[host])).now_or_never();
            let of_class = held.iter().filter(|(other, ..)| *other == class).count();
            let share = permits.common.state.borrow().shares[class];
            let host_full = held.iter().filter(|(_, other, _)| *other == host).count() >= 5;
            match taken {
                Some(permit) => held.push((class, host, permit.unwrap())),
                None => prop_assert!(of_class >= share || host_full || permits.common.state.borrow().host_shares[class] == 0),
            }
            prop_assert!(held.len() <= 6);
            for place in 0..2 {
                prop_assert!(held.iter().filter(|(_, other, _)| *other == place).count() <= 5);
            }
        }
    }
}
