//! The error table case by case, and what the API can do, against the simulator.

use serde_json::json;

use crate::dapr::tests::support::{item, parts, quick};
use crate::dapr::{
    BulkGet, DeleteState, GetState, KeyState, ReadConsistency, SaveState, StateError, StateItem, StateOperation,
    StateStoreConfig, ValueTtl,
};
use crate::lab::simulator::SidecarFault;

#[actix_rt::test]
async fn every_row_of_the_error_table_has_its_type() {
    let fixture = parts().start();
    fixture.save(item("k", 1).first_write()).await.unwrap();
    let delete = |etag: &str| fixture.store.ask(DeleteState::if_match("k", etag), &fixture.cx);

    assert_eq!(fixture.get("missing").await, Ok(KeyState::NotFound));
    let reason = |result: Result<(), StateError>| result.map_err(|error| error.reason());
    let save = |item: StateItem| async { reason(fixture.save(item).await) };
    assert_eq!(save(item("k", 2).first_write().if_match("9")).await, Err("conflict"));
    assert_eq!(save(item("k", 2).first_write().if_match("x")).await, Err("malformed"));
    assert_eq!(save(item("k", 2).first_write()).await, Err("failed"));
    assert_eq!(save(item("a||b", 2)).await, Err("malformed"));
    assert_eq!(reason(delete("9").await), Err("conflict"));
    assert_eq!(reason(delete("x").await), Err("malformed"));
    assert_eq!(reason(fixture.get("a||b").await.map(drop)), Err("malformed"));
    assert_eq!(reason(fixture.get("..").await.map(drop)), Err("malformed"));

    for (during, failed) in [
        (StateOperation::Get, {
            fixture.sidecar.inject(SidecarFault::Fail);
            fixture.get("k").await.map(drop)
        }),
        (StateOperation::Save, {
            fixture.sidecar.inject(SidecarFault::Fail);
            fixture.put("k2", 1).await
        }),
    ] {
        assert!(
            matches!(&failed, Err(StateError::Failed { during: told, message }) if *told == during && message.contains("on purpose")),
            "{failed:?}"
        );
    }
    fixture.sidecar.inject(SidecarFault::Fail);
    let deleted = fixture.store.ask(DeleteState::of("k"), &fixture.cx).await;
    assert!(
        matches!(
            deleted,
            Err(StateError::Failed {
                during: StateOperation::Delete,
                ..
            })
        ),
        "{deleted:?}"
    );
    assert_eq!(
        fixture.sidecar.stats().connections_accepted,
        1,
        "errors were read to their end"
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_store_that_is_not_there_and_none_at_all_are_told_apart() {
    let mut parts_of = parts();
    parts_of.store = StateStoreConfig {
        store: "other".to_owned(),
        ..parts_of.store
    };
    let fixture = parts_of.start();
    assert!(matches!(fixture.get("k").await, Err(StateError::StoreNotFound { .. })));
    assert!(matches!(
        fixture.put("k", 1).await,
        Err(StateError::StoreNotFound { .. })
    ));
    fixture.end();
    let mut parts_of = parts();
    parts_of.sidecar.stores.clear();
    let fixture = parts_of.start();
    assert!(matches!(fixture.get("k").await, Err(StateError::NotConfigured { .. })));
    fixture.end();
}

#[actix_rt::test]
async fn what_is_no_sidecar_is_a_protocol_error() {
    let mut parts_of = quick();
    parts_of.store.store = "statestore".to_owned();
    let fixture = parts_of.start();
    let config = StateStoreConfig {
        url: url::Url::parse(&format!("{}/somewhere", fixture.sidecar.base_url())).unwrap(),
        ..quick().store
    };
    let hub = crate::actor::ActorRegistry::new();
    let store = crate::dapr::StateStore::start(&hub, &actix_rt::Arbiter::current(), &fixture.session, config);
    let answer = store.ask(GetState::of("k"), &fixture.cx).await;
    assert!(
        matches!(answer, Err(StateError::Protocol { status: Some(404), .. })),
        "{answer:?}"
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_long_error_is_read_so_that_the_connection_is_used_again_and_an_endless_one_is_not() {
    let fixture = parts().start();
    fixture.sidecar.inject(SidecarFault::LongError(60_000));
    assert!(matches!(fixture.put("k", 1).await, Err(StateError::Failed { .. })));
    fixture.put("k", 1).await.unwrap();
    assert_eq!(fixture.sidecar.stats().connections_accepted, 1);
    fixture.sidecar.inject(SidecarFault::LongError(1_000_000));
    assert!(matches!(fixture.put("k", 1).await, Err(StateError::Protocol { .. })));
    fixture.put("k", 1).await.unwrap();
    assert_eq!(fixture.sidecar.stats().connections_accepted, 2);
    fixture.end();
}

#[actix_rt::test]
async fn saves_gets_and_deletes_do_what_they_say() {
    let fixture = parts().start();
    let odd = "claim/TESTLIB/ä b?#%2F";
    fixture.put(odd, 1).await.unwrap();
    let strong = fixture.store.ask(GetState::strong(odd), &fixture.cx).await.unwrap();
    assert_eq!(
        strong.value().unwrap().json::<serde_json::Value>().unwrap(),
        json!({ "n": 1 })
    );
    let mut eventual = DeleteState::of(odd);
    eventual.consistency = Some(ReadConsistency::Eventual);
    fixture.store.ask(eventual.clone(), &fixture.cx).await.unwrap();
    fixture.store.ask(eventual, &fixture.cx).await.unwrap();
    assert_eq!(fixture.get(odd).await, Ok(KeyState::NotFound));
    fixture.end();
}

#[actix_rt::test]
async fn many_keys_are_read_at_once() {
    let fixture = parts().start();
    let save = SaveState {
        items: vec![item("a", 1), item("b", 2)],
    };
    fixture.store.ask(save, &fixture.cx).await.unwrap();
    let keys = ["a", "missing", "b"].map(str::to_owned).to_vec();
    let items = fixture.store.ask(BulkGet::of(keys), &fixture.cx).await.unwrap();
    let told: Vec<_> = items
        .into_iter()
        .map(|item| {
            item.found
                .unwrap()
                .value()
                .map(|stored| (stored.json::<serde_json::Value>().unwrap()["n"].clone(), stored.etag))
        })
        .collect();
    assert_eq!(
        told,
        [
            Some((json!(1), Some("1".to_owned()))),
            None,
            Some((json!(2), Some("1".to_owned())))
        ]
    );
    assert_eq!(
        fixture.store.ask(BulkGet::of(Vec::new()), &fixture.cx).await,
        Ok(Vec::new())
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_value_is_forgotten_after_its_time_and_kept_when_told_to() {
    let fixture = parts().start();
    fixture.save(item("short", 1).for_seconds(60)).await.unwrap();
    let forever = StateItem {
        ttl: Some(ValueTtl::Never),
        ..item("long", 1)
    };
    fixture.save(forever).await.unwrap();
    fixture.sidecar.pass(std::time::Duration::from_secs(61));
    assert_eq!(fixture.get("short").await, Ok(KeyState::NotFound));
    assert!(fixture.get("long").await.unwrap().value().is_some());
    fixture.end();
}
