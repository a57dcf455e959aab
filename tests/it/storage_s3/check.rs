//! What a look at the bucket, or the first use of it, says.

use grind::lab::simulator::SimulatorConfig;
use grind::storage::{ObjectMeta, Storage, StorageConfig, StorageErrorClass};
use grind::vocabulary::FailureReason;

use crate::storage_s3::object;
use crate::storage_s3::server::{CONDITIONAL, KEYS, Server, key};
use crate::support::{Home, finish};

#[test]
fn a_look_writes_one_object_and_removes_it() {
    let server = Server::start();
    let storage = server.storage();
    for _ in 0..2 {
        storage.check().unwrap();
        let path = object(".grind-tmp/check");
        let methods: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(methods, [format!("PUT /{path}"), format!("DELETE /{path}")]);
        assert_eq!(server.files(), [""; 0]);
    }
    // Where nothing may be removed, one object stays however often it is looked.
    server.fault(|request| request.starts_with("DELETE").then_some(403));
    for _ in 0..3 {
        storage.check().unwrap();
    }
    assert_eq!(server.files().len(), 1, "{:?}", server.files());
    let mut wrong = server.config("/library");
    let keys = wrong.environment.as_mut().unwrap();
    keys.insert("AWS_SECRET_ACCESS_KEY".into(), "another".into());
    let denied = Storage::open(&wrong).unwrap().check().unwrap_err();
    assert_eq!(denied.reason(), FailureReason::StorageDenied, "{denied:?}");
}

/// All of it, or the archives alone, from the moment when the first one comes.
#[test]
fn a_run_that_the_storage_refused_ends_with_the_code_of_a_check() {
    for refuses_all in [true, false] {
        let server = Server::start();
        let library = SimulatorConfig {
            books: 3,
            pages: 1,
            image_bytes: 200,
            ..SimulatorConfig::default()
        };
        let home = Home::new(library, &server.settings());
        let run = |arguments: &[&str]| finish(home.command(arguments).envs(KEYS).spawn().unwrap());
        let mut has_refused = false;
        server.fault(move |request| {
            let is_write = request.starts_with("PUT") || request.starts_with("POST");
            has_refused |= is_write && request.contains("/raw/");
            let refuses = is_write && (request.contains("/raw/") || (refuses_all && has_refused));
            refuses.then_some(403)
        });
        let ended = run(&["run", "--once"]);
        assert_eq!(ended.status.code(), Some(77), "{refuses_all}: {}", ended.err);
        if refuses_all {
            let checked = run(&["check-config", "--connect"]);
            assert_eq!(checked.status.code(), Some(77), "{}", checked.out);
        }
    }
}

#[test]
fn what_is_wrong_with_the_bucket_is_said() {
    let server = Server::start();
    let put = |config: StorageConfig| {
        let storage = Storage::open(&config).unwrap();
        storage.put(&key("meta/x"), b"x", &ObjectMeta::default()).unwrap_err()
    };
    // This server makes a missing bucket when something is put there, but does not list one.
    let missing = StorageConfig {
        url: "s3://missing/x".into(),
        ..server.config("")
    };
    let mut listed = Storage::open(&missing).unwrap().list(None).unwrap();
    let missing = listed.next().unwrap().unwrap_err();
    assert_eq!(
        (missing.reason(), missing.class()),
        (FailureReason::StorageNoBucket, StorageErrorClass::NeedsPerson),
        "{missing:?}"
    );
    let mut wrong = server.config("/library");
    wrong
        .environment
        .as_mut()
        .unwrap()
        .insert("AWS_SECRET_ACCESS_KEY".into(), "another".into());
    let denied = put(wrong);
    assert_eq!(
        (denied.reason(), denied.class()),
        (FailureReason::StorageDenied, StorageErrorClass::NeedsPerson),
        "{denied:?}"
    );
    assert!(!format!("{denied:?}").contains("another"), "a secret was shown");
    let unreachable = put(StorageConfig {
        endpoint: Some("http://127.0.0.1:1".parse().unwrap()),
        ..server.config("")
    });
    assert_eq!(
        (unreachable.reason(), unreachable.class()),
        (FailureReason::StorageUnreachable, StorageErrorClass::Transient)
    );
}

#[test]
fn a_marker_replaces_none_whether_the_server_knows_conditions_or_not() {
    for knows in [true, false] {
        let server = Server::start();
        if !knows {
            server.fault(|request| request.ends_with(CONDITIONAL).then_some(501));
        }
        let (one, two) = (server.storage(), server.storage());
        assert!(one.create_marker("a").unwrap());
        assert!(!two.create_marker("b").unwrap(), "another was there first");
        assert!(
            two.create_marker("a").unwrap(),
            "as if the first answer had been lost, and the request were repeated"
        );
        assert_eq!(two.read_marker().unwrap().as_deref(), Some("a"));
        let written = server
            .requests()
            .into_iter()
            .filter(|request| request.starts_with("PUT"));
        let (asked, plain): (Vec<_>, Vec<_>) = written.partition(|request| request.ends_with(CONDITIONAL));
        assert!(asked.len() >= 3, "{asked:?}");
        assert_eq!(plain.len(), usize::from(!knows), "{plain:?}");
    }
}
