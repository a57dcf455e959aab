//! One session: opened at first use, reused, closed, opened anew; limits and timeouts as set (PROTOCOL.md, section 9).

use std::time::Duration;

use crate::dapr::tests::support::{parts, quick};
use crate::dapr::{CloseStateStore, StateCloseReport};
use crate::session::PermitClass;

const CLOSE: CloseStateStore = CloseStateStore {
    grace: Duration::from_secs(1),
};

#[actix_rt::test]
async fn the_first_message_makes_the_session_and_none_is_made_before() {
    let fixture = parts().start();
    assert_eq!(fixture.counted().sessions_created, 0);
    fixture.put("cart", 1).await.unwrap();
    assert_eq!(fixture.counted().sessions_created, 1);
    assert_eq!(fixture.store.counters().snapshot().openings, 1);
    fixture.end();
}

#[actix_rt::test]
async fn later_messages_use_the_same_session_and_connection() {
    let fixture = parts().start();
    for number in 0..20 {
        fixture.put("cart", number).await.unwrap();
        assert_eq!(fixture.value("cart").await.0["n"], number);
    }
    assert_eq!(fixture.counted().sessions_created, 1);
    assert_eq!(fixture.sidecar.stats().connections_accepted, 1);
    fixture.end();
}

#[actix_rt::test]
async fn a_close_lets_go_of_session_and_connections() {
    let fixture = parts().start();
    fixture.put("cart", 1).await.unwrap();
    let report = fixture.store.ask(CLOSE, &fixture.cx).await.unwrap();
    assert_eq!(
        report,
        StateCloseReport {
            was_open: true,
            finished: 0,
            cut: 0
        }
    );
    fixture.close_session().await;
    fixture
        .until("the connection is closed", || {
            fixture.sidecar.stats().connections_open == 0
        })
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn a_message_after_a_close_makes_a_new_session_and_counts_it() {
    let fixture = parts().start();
    fixture.put("cart", 1).await.unwrap();
    fixture.store.ask(CLOSE, &fixture.cx).await.unwrap();
    fixture.close_session().await;
    assert_eq!(fixture.value("cart").await.0["n"], 1);
    assert_eq!(fixture.counted().sessions_created, 2);
    assert_eq!(fixture.store.counters().snapshot().openings, 2);
    assert_eq!(fixture.sidecar.stats().connections_accepted, 2);
    fixture.end();
}

#[actix_rt::test]
async fn the_timeouts_are_the_plans() {
    let parts = parts();
    let timeouts = parts.session.timeouts_of(PermitClass::State);
    let seconds = |time: Duration| time.as_secs();
    assert_eq!(seconds(timeouts.total), 10);
    assert_eq!(seconds(parts.store.total), 10);
    assert_eq!((timeouts.wait.map(seconds), seconds(timeouts.connect)), (Some(3), 3));
    assert_eq!(seconds(timeouts.read), 5);
    assert_eq!(seconds(parts.session.dns_ttl), 300);
    assert_eq!(seconds(parts.session.state_keep_alive), 15);
}

#[actix_rt::test]
async fn the_limits_are_the_plans() {
    let parts = parts();
    let limits = &parts.session.state_limits;
    assert_eq!((limits.limit, limits.limit_per_host), (100, 50));
    assert_eq!(limits.reserved.iter().sum::<usize>(), 0, "every place can be used");
    assert_eq!(
        (parts.store.breaker.failures, parts.store.breaker.pause.as_secs()),
        (3, 60)
    );
}

#[actix_rt::test]
async fn closing_twice_is_harmless() {
    let fixture = quick().start();
    fixture.put("cart", 1).await.unwrap();
    let first = fixture.store.ask(CLOSE, &fixture.cx).await.unwrap();
    let second = fixture.store.ask(CLOSE, &fixture.cx).await.unwrap();
    assert_eq!((first.was_open, second.was_open), (true, false));
    fixture.close_session().await;
    fixture.close_session().await;
    fixture.end();
}

#[actix_rt::test]
async fn closing_before_the_first_use_is_harmless() {
    let fixture = quick().start();
    let report = fixture.store.ask(CLOSE, &fixture.cx).await.unwrap();
    assert!(!report.was_open);
    fixture.close_session().await;
    assert_eq!(fixture.counted().sessions_created, 0);
    fixture.end();
}
