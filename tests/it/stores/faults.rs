//! Faults on the way to a server: nothing is lost, doubled or left behind.

use std::time::Duration;

use grind::storage::{ObjectMeta, Storage, StorageErrorClass};
use grind::vocabulary::FailureReason;

use super::proxy::{FaultProxy, ProxyFault};
use super::publish::{MIB, RAW, only, published, read};
use super::{BUCKET, StoreKind, TestStore, stores};
use crate::storage_s3::server::{bytes, key};

/// Servers that take objects in parts.
fn in_parts(kind: StoreKind) -> bool {
    kind.is_s3() || kind == StoreKind::Azurite
}

struct Faulty {
    store: TestStore,
    proxy: FaultProxy,
    storage: Storage,
}

fn each() -> impl Iterator<Item = Faulty> {
    stores(in_parts).into_iter().map(|store| {
        let proxy = FaultProxy::before(&store.endpoint);
        let storage = Storage::open(&store.config_at(BUCKET, &proxy.endpoint())).unwrap();
        Faulty { store, proxy, storage }
    })
}

/// The steps of a publication, by what its requests have in them; some stores have fewer.
const STEPS: [&str; 7] = [
    "partNumber=2",
    "X1.tar.gz?partNumber",
    "comp=block&",
    "POST",
    "comp=blocklist",
    "X1.tar.gz?uploads",
    "X1.tar.gz?uploadId",
];

/// What the step does in this store is removing the temporary object of an archive that is published; the next sweep does it then.
fn removes(store: &TestStore, step: &str) -> bool {
    store.kind == StoreKind::Azurite && step == "POST"
}

/// What hits the first so many requests of a step.
fn hits(step: &'static str, mut count: u32, fault: ProxyFault) -> impl FnMut(&str) -> ProxyFault + Send {
    move |request| {
        let hit = count > 0 && request.contains(step) && !request.starts_with("DELETE");
        count -= u32::from(hit);
        if hit { fault } else { ProxyFault::None }
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn what_passes_is_tried_again_and_the_object_is_whole() {
    let slow_down = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
    let faults = [
        ProxyFault::Answer(500, ""),
        ProxyFault::Answer(503, slow_down),
        ProxyFault::Cut,
        ProxyFault::LoseAnswer,
    ];
    for Faulty { store, proxy, storage } in each() {
        let mut number = 0;
        for fault in faults {
            for step in STEPS {
                number += 1;
                proxy.fault(hits(step, 2, fault));
                let digest = number.to_string();
                published(&storage, number % 2 == 0, 20 * MIB, &digest)
                    .unwrap_or_else(|error| panic!("{:?}, {fault:?} at {step}: {error}", store.kind));
                proxy.fault(|_| ProxyFault::None);
                let stat = storage.stat(&key(RAW)).unwrap().unwrap();
                assert_eq!(stat.meta.sha256, Some(digest), "{:?}, {fault:?} at {step}", store.kind);
                assert!(read(&storage, RAW) == bytes(20 * MIB), "{:?}", store.kind);
                if removes(&store, step) {
                    storage.sweep();
                }
                // An upload whose id never came is empty; nothing can be known of it.
                match (fault, step) {
                    (ProxyFault::LoseAnswer | ProxyFault::Cut, _) => {
                        assert_eq!((store.everything(), store.open_notes()), (vec![RAW.to_owned()], 0))
                    }
                    _ => only(&store, &[RAW]),
                }
            }
        }
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn what_does_not_pass_leaves_the_older_object_and_nothing_else() {
    for Faulty { store, proxy, storage } in each() {
        published(&storage, true, 9 * MIB, "old").unwrap();
        for step in STEPS {
            for is_final in [false, true] {
                proxy.fault(hits(
                    step,
                    u32::MAX,
                    ProxyFault::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
                ));
                let outcome = published(&storage, is_final, 20 * MIB, "new");
                let requests = proxy.requests();
                let is_hit = |request: &String| request.contains(step) && !request.starts_with("DELETE");
                let was_hit = requests.iter().any(is_hit);
                proxy.fault(|_| ProxyFault::None);
                let is_tidying = removes(&store, step);
                assert_eq!(
                    outcome.is_ok(),
                    !was_hit || is_tidying,
                    "{:?}: {step}: {outcome:?}",
                    store.kind
                );
                if outcome.is_ok() {
                    published(&storage, true, 9 * MIB, "old").unwrap();
                }
                if is_tidying {
                    storage.sweep();
                }
                assert!(read(&storage, RAW) == bytes(9 * MIB), "{:?}: {step}", store.kind);
                only(&store, &[RAW]);
            }
        }
    }
}

/// s3s does not say of an upload that has ended that there is none, so that its note stays.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn an_upload_that_cannot_be_aborted_has_its_note_and_is_aborted_later() {
    for store in stores(|kind| matches!(kind, StoreKind::Moto | StoreKind::Seaweed)) {
        let proxy = FaultProxy::before(&store.endpoint);
        let storage = Storage::open(&store.config_at(BUCKET, &proxy.endpoint())).unwrap();
        proxy.fault(|request| match request.contains("X1.tar.gz?uploadId") {
            true => ProxyFault::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
            false => ProxyFault::None,
        });
        published(&storage, true, 20 * MIB, "1").unwrap_err();
        assert_eq!((store.open_notes(), store.open_uploads()), (1, 1), "{:?}", store.kind);
        proxy.fault(|_| ProxyFault::None);
        assert_eq!(storage.sweep().failures, [""; 0], "{:?}", store.kind);
        only(&store, &[]);
    }
}

/// The server did it, and never says so: at the temporary place, and at the final one.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_completion_that_is_never_answered_finds_its_object() {
    let is_completion = |request: &str| {
        (request.starts_with("POST") && request.contains("uploadId=")) || request.contains("comp=blocklist")
    };
    for Faulty { store, proxy, storage } in each() {
        for (number, place) in [".grind-tmp/", "X1.tar.gz"].into_iter().enumerate() {
            let mut is_done = false;
            proxy.fault(
                move |request| match (is_completion(request) && request.contains(place), is_done) {
                    (false, _) => ProxyFault::None,
                    (true, false) => {
                        is_done = true;
                        ProxyFault::LoseAnswer
                    }
                    (true, true) => ProxyFault::Answer(404, "<Error><Code>NoSuchUpload</Code></Error>"),
                },
            );
            let digest = number.to_string();
            let outcome = published(&storage, false, 20 * MIB, &digest);
            let requests = proxy.requests();
            let asked = requests
                .iter()
                .filter(|request| is_completion(request) && request.contains(place));
            assert!(asked.count() > 1, "{:?} at {place}: {requests:#?}", store.kind);
            outcome.unwrap_or_else(|error| panic!("{:?} at {place}: {error}\n{requests:#?}", store.kind));
            proxy.fault(|_| ProxyFault::None);
            assert_eq!(storage.stat(&key(RAW)).unwrap().unwrap().meta.sha256, Some(digest));
            assert!(read(&storage, RAW) == bytes(20 * MIB));
            only(&store, &[RAW]);
        }
    }
}

/// moto takes what is not what its digest says; SeaweedFS compares the one that is asked for, not the one in the signature.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn bytes_that_change_on_the_way_are_refused() {
    for store in stores(|kind| matches!(kind, StoreKind::Seaweed | StoreKind::Azurite)) {
        let proxy = FaultProxy::before(&store.endpoint);
        let mut config = store.config_at(BUCKET, &proxy.endpoint());
        let given = config.environment.as_mut().unwrap();
        given.insert("AWS_CHECKSUM_ALGORITHM".into(), "sha256".into());
        let storage = Storage::open(&config).unwrap();
        let part = if store.kind.is_s3() {
            "partNumber=2"
        } else {
            "comp=block&"
        };
        proxy.fault(hits(part, u32::MAX, ProxyFault::Flip));
        let refused = published(&storage, true, 20 * MIB, "1");
        assert!(refused.is_err(), "{:?}", store.kind);
        proxy.fault(|_| ProxyFault::None);
        only(&store, &[]);
        published(&storage, true, 20 * MIB, "2").unwrap();
        assert!(read(&storage, RAW) == bytes(20 * MIB));
        only(&store, &[RAW]);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn what_a_person_must_mend_is_told_apart() {
    let cases = [
        (
            ProxyFault::Answer(400, "<Error><Code>ExpiredToken</Code></Error>"),
            FailureReason::StorageDenied,
            "ExpiredToken",
        ),
        (
            ProxyFault::Answer(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
            FailureReason::StorageDenied,
            "clock",
        ),
        (
            ProxyFault::Answer(
                403,
                "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Request date header too old</AuthenticationErrorDetail></Error>",
            ),
            FailureReason::StorageDenied,
            "clock",
        ),
        (
            ProxyFault::Answer(404, "<Error><Code>NoSuchBucket</Code></Error>"),
            FailureReason::StorageNoBucket,
            "no bucket",
        ),
        (ProxyFault::Answer(507, ""), FailureReason::StorageFull, "no room"),
    ];
    for Faulty { store, proxy, storage } in each() {
        for (fault, reason, words) in cases {
            proxy.fault(move |_| fault);
            let refused = storage.put(&key("meta/x"), b"x", &ObjectMeta::default()).unwrap_err();
            let expected = (reason, StorageErrorClass::NeedsPerson);
            assert_eq!(
                (refused.reason(), refused.class()),
                expected,
                "{:?}: {refused}",
                store.kind
            );
            assert!(refused.to_string().contains(words), "{refused}");
        }
        proxy.fault(|_| ProxyFault::None);
        only(&store, &[]);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_tenth_of_a_second_to_each_answer_changes_nothing() {
    for Faulty { store, proxy, storage } in each() {
        proxy.fault(|_| ProxyFault::Delay(Duration::from_millis(100)));
        published(&storage, true, 20 * MIB, "1").unwrap();
        assert!(read(&storage, RAW) == bytes(20 * MIB));
        only(&store, &[RAW]);
    }
}
