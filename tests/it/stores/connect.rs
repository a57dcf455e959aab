//! What is said of a bucket that is not there, of wrong keys, and of rights that are missing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use grind::storage::{ObjectMeta, Storage, StorageConfig, StorageErrorClass};
use grind::vocabulary::FailureReason;
use ring::hmac;
use url::form_urlencoded;

use super::publish::{MIB, RAW, published, read};
use super::{ACCOUNT, ACCOUNT_KEY, BUCKET, StoreKind, TestStore, stores};
use crate::storage_s3::server::{bytes, key};

fn put_reason(config: &StorageConfig) -> FailureReason {
    let storage = Storage::open(config).unwrap();
    let refused = storage.put(&key("meta/x"), b"x", &ObjectMeta::default()).unwrap_err();
    assert_eq!(refused.class(), StorageErrorClass::NeedsPerson, "{refused}");
    assert!(!format!("{refused:?} {refused}").contains("sesame"), "{refused:?}");
    refused.reason()
}

fn with_keys(store: &TestStore, keys: &[(&str, &str)]) -> StorageConfig {
    StorageConfig {
        environment: Some(
            keys.iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        ),
        ..store.config()
    }
}

/// s3s and SeaweedFS make what is missing.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_bucket_that_is_not_there_is_found() {
    for store in stores(|kind| matches!(kind, StoreKind::Moto | StoreKind::Azurite)) {
        let missing = store.config_at("missing", &store.endpoint);
        assert_eq!(put_reason(&missing), FailureReason::StorageNoBucket, "{:?}", store.kind);
    }
}

/// moto takes any key.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_wrong_key_is_not_permitted() {
    for store in stores(|kind| matches!(kind, StoreKind::InProcess | StoreKind::Seaweed | StoreKind::Azurite)) {
        let wrong = match store.kind {
            StoreKind::Azurite => with_keys(&store, &[("AZURE_STORAGE_KEY", "c2VzYW1l")]),
            _ => with_keys(
                &store,
                &[("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "sesame")],
            ),
        };
        assert_eq!(put_reason(&wrong), FailureReason::StorageDenied, "{:?}", store.kind);
    }
}

/// A shared access signature for the container: so many rights, until then.
fn shared_access(rights: &str, until: &str) -> String {
    let version = "2021-12-02";
    let signed = format!("{rights}\n\n{until}\n/blob/{ACCOUNT}/{BUCKET}\n\n\n\n{version}\nc\n\n\n\n\n\n\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(ACCOUNT_KEY).unwrap());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("sv", version),
            ("sr", "c"),
            ("sp", rights),
            ("se", until),
            ("sig", &signature),
        ])
        .finish()
}

/// Who may read and not write is told so when something is written, not before.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn rights_that_are_missing_are_told_from_a_wrong_key() {
    let never = "2099-01-01T00:00:00Z";
    for store in stores(|kind| matches!(kind, StoreKind::Seaweed | StoreKind::Azurite)) {
        let name = key("meta/x");
        store.storage().put(&name, b"x", &ObjectMeta::default()).unwrap();
        let reader = match store.kind {
            StoreKind::Azurite => with_keys(&store, &[("AZURE_STORAGE_SAS_TOKEN", &shared_access("rl", never))]),
            _ => with_keys(
                &store,
                &[("AWS_ACCESS_KEY_ID", "reader"), ("AWS_SECRET_ACCESS_KEY", "secret")],
            ),
        };
        let storage = Storage::open(&reader).unwrap();
        assert_eq!(storage.stat(&name).unwrap().unwrap().bytes, 1, "{:?}", store.kind);
        assert_eq!(put_reason(&reader), FailureReason::StorageDenied, "{:?}", store.kind);
        let kept = storage.remove(&name).unwrap_err();
        assert_eq!(kept.reason(), FailureReason::StorageDenied, "{:?}: {kept}", store.kind);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_shared_access_signature_is_enough_until_it_ends() {
    for store in stores(|kind| kind == StoreKind::Azurite) {
        let file = store.notes.path().join("sas");
        std::fs::write(&file, format!("?{}\n", shared_access("racwdl", "2099-01-01T00:00:00Z"))).unwrap();
        let by_file = StorageConfig {
            credentials_file: Some(file),
            ..with_keys(&store, &[])
        };
        let storage = Storage::open(&by_file).unwrap();
        published(&storage, true, 20 * MIB, "1").unwrap();
        published(&storage, false, 20 * MIB, "2").unwrap();
        assert!(read(&storage, RAW) == bytes(20 * MIB));
        assert!(storage.remove(&key(RAW)).unwrap());
        let ended = shared_access("racwdl", "2020-01-01T00:00:00Z");
        let ended = with_keys(&store, &[("AZURE_STORAGE_SAS_TOKEN", &ended)]);
        assert_eq!(put_reason(&ended), FailureReason::StorageDenied);
    }
}

/// Keys in a file come before those of the environment.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn keys_may_stand_in_a_file() {
    for store in stores(|kind| matches!(kind, StoreKind::Seaweed | StoreKind::Azurite)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let text = match store.kind {
            StoreKind::Azurite => format!("AccountName={ACCOUNT};AccountKey={}\n", super::ACCOUNT_KEY),
            _ => "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n".to_owned(),
        };
        std::fs::write(&file, text).unwrap();
        let config = StorageConfig {
            account: None,
            credentials_file: Some(file),
            environment: Some([("AWS_ACCESS_KEY_ID".into(), "other".into())].into()),
            ..store.config_at(BUCKET, &store.endpoint)
        };
        Storage::open(&config).unwrap().check().unwrap();
    }
}
