//! What is retried and what is not, and the circuit breaker (PROTOCOL.md, section 9).

use std::time::Duration;

use crate::dapr::tests::support::{Fixture, item, parts, quick};
use crate::dapr::{BreakerState, DeleteState, GetState, KeyState, StateError, StateItem};
use crate::lab::simulator::SidecarFault;

fn lose(fixture: &Fixture, times: usize) {
    for _ in 0..times {
        fixture.sidecar.inject(SidecarFault::LoseAnswer);
    }
}

/// Over a connection that answered before, a loss is not taken for a connection that was closed while idle.
async fn warm(fixture: &Fixture) -> String {
    fixture.save(item("k", 1).first_write()).await.unwrap();
    fixture.value("k").await.1
}

#[actix_rt::test]
async fn a_get_is_repeated_until_an_answer_comes() {
    let fixture = parts().start();
    warm(&fixture).await;
    lose(&fixture, 2);
    assert_eq!(fixture.value("k").await.0["n"], 1);
    fixture.end();
}

#[actix_rt::test]
async fn a_save_without_an_etag_is_sent_once() {
    let fixture = parts().start();
    warm(&fixture).await;
    lose(&fixture, 1);
    let saved = fixture.put("other", 2).await;
    assert!(matches!(saved, Err(StateError::Unavailable { .. })), "{saved:?}");
    assert_eq!(fixture.sidecar.stats().saves, 2);
    fixture.end();
}

#[actix_rt::test]
async fn a_save_with_an_etag_whose_answer_was_lost_is_found_to_be_done() {
    let fixture = parts().start();
    let etag = warm(&fixture).await;
    lose(&fixture, 1);
    fixture.save(item("k", 2).first_write().if_match(&etag)).await.unwrap();
    assert_eq!(
        fixture.value("k").await,
        (serde_json::json!({ "n": 2 }), "2".to_owned())
    );
    assert_eq!(
        fixture.sidecar.stats().saves,
        3,
        "once lost, once in conflict, and it was ours"
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_conflict_with_somebody_elses_value_stays_one_also_after_a_retry() {
    let fixture = parts().start();
    let etag = warm(&fixture).await;
    fixture.save(item("k", 7).first_write().if_match(&etag)).await.unwrap();
    lose(&fixture, 1);
    let saved = fixture.save(item("k", 2).first_write().if_match(&etag)).await;
    assert_eq!(saved, Err(StateError::Conflict));
    assert_eq!(fixture.value("k").await.0["n"], 7);
    fixture.end();
}

#[actix_rt::test]
async fn a_delete_with_an_etag_whose_answer_was_lost_is_done() {
    let fixture = parts().start();
    let etag = warm(&fixture).await;
    lose(&fixture, 1);
    fixture
        .store
        .ask(DeleteState::if_match("k", &etag), &fixture.cx)
        .await
        .unwrap();
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound));
    assert_eq!(fixture.sidecar.stats().deletes, 2);
    fixture.end();
}

#[actix_rt::test]
async fn retries_stay_within_the_total_time() {
    let mut parts = quick();
    parts.store.retry.attempts = 100;
    let fixture = parts.start();
    lose(&fixture, 500);
    let began = tokio::time::Instant::now();
    assert!(fixture.get("k").await.is_err());
    assert!(began.elapsed() < Duration::from_millis(1_300), "{:?}", began.elapsed());
    fixture.end();
}

#[actix_rt::test]
async fn failures_of_the_store_open_the_breaker_and_a_probe_closes_it() {
    let mut parts = quick();
    parts.store.breaker.pause = Duration::from_millis(200);
    let fixture = parts.start();
    fixture.sidecar.set_down(true);
    for _ in 0..3 {
        assert!(matches!(fixture.get("k").await, Err(StateError::Failed { .. })));
    }
    let before = fixture.sidecar.stats().requests;
    assert!(matches!(fixture.get("k").await, Err(StateError::BreakerOpen { .. })));
    assert_eq!(fixture.sidecar.stats().requests, before, "nothing was sent");
    assert_eq!(fixture.store.counters().snapshot().breaker, BreakerState::Open);
    fixture.sidecar.set_down(false);
    tokio::time::sleep(Duration::from_millis(220)).await;
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound));
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound));
    assert_eq!(fixture.store.counters().snapshot().breaker, BreakerState::Closed);
    fixture.end();
}

#[actix_rt::test]
async fn answers_that_are_too_large_and_askers_in_a_hurry_say_nothing_against_the_store() {
    let mut parts = quick();
    parts.store.largest_value = 100;
    let fixture = parts.start();
    fixture
        .save(StateItem::json("large", &"x".repeat(200)).unwrap())
        .await
        .unwrap();
    for _ in 0..4 {
        let large = fixture.get("large").await;
        assert!(
            matches!(large, Err(StateError::Protocol { status: Some(200), .. })),
            "{large:?}"
        );
    }
    fixture.sidecar.set_delay(Duration::from_millis(200));
    for _ in 0..4 {
        let hurried = fixture.cx.with_timeout(Duration::from_millis(30));
        let late = fixture.store.ask(GetState::of("k"), &hurried).await;
        assert!(matches!(late, Err(StateError::Unavailable { .. })), "{late:?}");
    }
    fixture.sidecar.set_delay(Duration::ZERO);
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound), "the breaker is closed");
    fixture.end();
}

#[actix_rt::test]
async fn a_failure_is_one_however_much_is_said_about_it() {
    let mut parts = parts();
    parts.store.largest_value = 100;
    let fixture = parts.start();
    for _ in 0..3 {
        fixture.sidecar.inject(SidecarFault::LongError(1_000_000));
        let failed = fixture.get("k").await;
        assert!(
            matches!(failed, Err(StateError::Protocol { status: Some(500), .. })),
            "{failed:?}"
        );
    }
    let refused = fixture.get("k").await;
    assert!(matches!(refused, Err(StateError::BreakerOpen { .. })), "{refused:?}");
    fixture.end();
}

#[actix_rt::test]
async fn missing_keys_conflicts_and_refused_first_writes_are_no_failures_of_the_store() {
    let fixture = parts().start();
    warm(&fixture).await;
    for _ in 0..5 {
        assert_eq!(fixture.get("missing").await, Ok(KeyState::NotFound));
    }
    for _ in 0..5 {
        let stale = fixture.save(item("k", 2).first_write().if_match("99")).await;
        assert_eq!(stale, Err(StateError::Conflict));
    }
    for _ in 0..5 {
        let refused = fixture.save(item("k", 2).first_write()).await;
        assert!(
            matches!(refused, Err(StateError::Failed { .. })),
            "Redis says 500: {refused:?}"
        );
    }
    assert_eq!(fixture.value("k").await.0["n"], 1, "the breaker is closed");
    fixture.end();
}
