//! Tests of the second pass: one config a rule, and the words that must be said.

use std::os::unix::fs::PermissionsExt;

use crate::settings::tests::{House, assert_said};
use crate::settings::{Settings, SettingsFindingLevel};

#[test]
fn the_shipped_defaults_are_sound_once_the_library_is_named() {
    let loaded = House::new().load().unwrap();
    assert!(
        loaded
            .findings
            .iter()
            .all(|finding| finding.level == SettingsFindingLevel::Warning),
        "{:?}",
        loaded.findings
    );
    assert_eq!(loaded.settings.grin.token_hosts, ["books.google.com"]);
    let said = House::new().without("GRIND__LIBRARY__DIRECTORY").said();
    assert_said(&said, &["error", "library.directory is not set"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn contradictions_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[work]\nleases = \"dapr\"",
            &["work.leases", "sharing is automatic", "PostgreSQL", "catalog.url"],
        ),
        ("[work]\ninstance = \"a/b\"", &["work.instance", "letters"]),
        ("[work]\ninstance = \"\"", &["work.instance", "1 to 64"]),
        ("[work]\nlease_time = \"1s\"", &["work.lease_time", "less than 2s"]),
        ("[library]\ndirectory = \"../x\"", &["library.directory", "'.'"]),
        (
            "[grin]\nbase_url = \"http://books.google.com/libraries/\"",
            &["grin.base_url", "http to books.google.com", "https"],
        ),
        (
            "[grin]\nbase_url = \"https://me:pw@books.google.com/\"",
            &["grin.base_url", "password"],
        ),
        (
            "[grin]\ntoken_hosts = [\"example.org\"]",
            &["grin.token_hosts", "books.google.com"],
        ),
        (
            "[grin]\nredirect_hosts = [\"https://google.com/\"]",
            &["grin.redirect_hosts", "bare name"],
        ),
        (
            "[grin]\nrequests_per_second = 0",
            &["grin.requests_per_second", "work.paused"],
        ),
        ("[grin]\npage_size = 0", &["grin.page_size"]),
        ("[grin]\nconversion_queue_limit = 0", &["grin.conversion_queue_limit"]),
        (
            "[auth]\ntoken_uri_allowed = [\"http://evil.example/token\"]",
            &["auth.token_uri_allowed", "https://"],
        ),
        ("[auth]\ntoken_uri_allowed = []", &["auth.token_uri_allowed", "empty"]),
        ("[work]\nqueues = []", &["work.queues", "empty"]),
        ("[work]\nlimit = 0", &["work.limit"]),
        (
            "[work]\nbarcodes_file = \"none.txt\"",
            &["work.barcodes_file", "none.txt", "not there"],
        ),
        (
            "[observe]\nlisten = \"0.0.0.0:9618\"",
            &["observe.listen", "every machine", "observe.token_file"],
        ),
        ("[session]\nlimit = 0", &["session.limit ", "is 0"]),
        (
            "[session]\nlimit = 10\nlimit_per_host = 11",
            &["session.limit_per_host", "is 11", "session.limit (10)"],
        ),
        (
            "[session]\nlimit = 3\nlimit_per_host = 3",
            &["workers.download", "session.limit"],
        ),
        (
            "[session]\nconnect_timeout = \"2m\"",
            &["session.connect_timeout", "(2m)", "session.total_timeout (1m)"],
        ),
        (
            "[session]\nread_timeout = \"2m\"",
            &["session.read_timeout", "session.total_timeout"],
        ),
        (
            "[session]\ndownload_timeout = \"30s\"",
            &["session.total_timeout", "session.download_timeout (30s)"],
        ),
        (
            "[session]\nkeep_alive = \"1h\"",
            &["session.keep_alive", "session.max_connection_age"],
        ),
        ("[session]\nread_timeout = \"0s\"", &["session.read_timeout", "is 0"]),
        ("[session]\nca_file = \"no.pem\"", &["session.ca_file", "not there"]),
        ("[workers]\ncheck = 0", &["workers.check", "is 0"]),
        ("[workers]\nenrich = 9999", &["workers.enrich", "9999", "256"]),
        ("[retry]\nattempts = 0", &["retry.attempts"]),
        ("[retry]\nbase = \"0s\"", &["retry.base", "without a pause"]),
        ("[retry]\nbase = \"1h\"", &["retry.base", "retry.cap"]),
        (
            "[retry]\nmax_sequential_failures = 0",
            &["retry.max_sequential_failures"],
        ),
        (
            "[storage]\nraw_prefix = \"../raw\"",
            &["storage.raw_prefix", "begins with a dot"],
        ),
        ("[storage]\nraw_prefix = \"\"", &["storage.raw_prefix"]),
        ("[storage]\nraw_prefix = \"a+b\"", &["storage.raw_prefix", "plus sign"]),
        (
            "[storage]\nlayout = \"flat\"",
            &["storage.layout", "per-book, grin-transfer"],
        ),
        ("[storage]\nrun = \"a/b\"", &["storage.run", "it has a slash"]),
        ("[storage]\nrun = \"quarantine\"", &["storage.run", "has this name"]),
        (
            "[storage]\nraw_prefix = \"meta\"",
            &["storage.meta_prefix", "same as storage.raw_prefix"],
        ),
        (
            "[storage]\ndisk_reserve = \"100%\"",
            &["storage.disk_reserve", "whole disk"],
        ),
        (
            "[state_store]\nenabled = true\nlimit_per_host = 101",
            &["state_store.limit_per_host", "state_store.limit (100)"],
        ),
        (
            "[state_store]\nenabled = true\nurl = \"http://dapr.example:3500\"",
            &["state_store.url", "in clear"],
        ),
        (
            "[state_store]\nenabled = true\nconnect_timeout = \"11s\"",
            &["state_store.connect_timeout", "state_store.total_timeout"],
        ),
        (
            "[schedule]\ncollect_every = \"0s\"",
            &["schedule.collect_every", "\"off\""],
        ),
        ("[log]\nlevel = \"info,grind=loud\"", &["log.level", "grind=loud"]),
    ];
    for (toml, words) in cases {
        let house = House::new().toml(toml);
        let house = if toml.starts_with("[library") {
            house.without("GRIND__LIBRARY__DIRECTORY")
        } else {
            house
        };
        assert_said(&house.said(), &[&["error: "], *words].concat());
    }
}

#[test]
fn storage_and_catalog_addresses_are_judged_by_scheme() {
    let cases = [
        ("STORAGE__URL", "gs:///x", "no bucket"),
        ("STORAGE__URL", "az://key@container/x", "storage.credentials_file"),
        ("STORAGE__URL", "ftp://bucket/x", "az://"),
        ("STORAGE__RAW_URL", "s3://bucket/../x", "no folder"),
        ("STORAGE__URL", "/var/lib/grind", "should begin with file://"),
        ("STORAGE__URL", "file:library", "absolute path"),
        ("STORAGE__URL", "file:///srv/../etc", "absolute path"),
        ("STORAGE__URL", "s3:///prefix", "no bucket"),
        ("STORAGE__URL", "s3://bucket/../x", "no folder"),
        ("STORAGE__URL", "s3://key:secret@bucket/x", "AWS_*"),
        ("STORAGE__ENDPOINT", "http://s3.example.org", "in clear"),
        ("CATALOG__URL", "mysql://me:pw@host/db", "sqlite://"),
        (
            "CATALOG__URL",
            "postgres://me:pw@host:port/db",
            "no address of a server",
        ),
        ("CATALOG__URL", "postgres://me@host/db?password=x", "passfile"),
        ("CATALOG__URL", "postgres://me:1234#pw@host/db", "written %23"),
        ("CATALOG__URL", "postgres:me:pw@host/db", "no address of a server"),
        ("CATALOG__URL", "jdbc:postgresql://host/db?password=pw@", "sqlite://"),
        ("CATALOG__URL", "host=db password=pw@", "sqlite://"),
        ("CATALOG__URL", "sqlite:catalog.db", "absolute path"),
    ];
    for (key, value, words) in cases {
        let house = House::new();
        let house = if key == "STORAGE__ENDPOINT" {
            house.env("GRIND__STORAGE__URL", "s3://bucket")
        } else {
            house
        };
        let said = house.env(&format!("GRIND__{key}"), value).said();
        assert_said(&said, &["error: ", words]);
        assert!(!said.join("\n").contains("pw@"), "a password was shown: {said:#?}");
    }
}

#[test]
fn keys_of_another_kind_of_store_mean_nothing() {
    for (url, key, value, words) in [
        (
            "s3://b",
            "ACCOUNT",
            "books",
            "storage.account means nothing for s3: storage",
        ),
        ("az://b", "REGION", "eu", "storage.region means nothing for az: storage"),
    ] {
        let house = House::new().env("GRIND__STORAGE__URL", url);
        let said = house.env(&format!("GRIND__STORAGE__{key}"), value).said();
        assert_said(&said, &["warning: ", words]);
    }
}

#[test]
fn places_of_objects_are_apart_and_one_provider_s_keys_go_to_no_other() {
    type Given<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Given<'_>, &[&str]); 6] = [
        (
            "s3://b/x",
            &[("META_URL", "s3://b/x/")],
            &["error: storage.meta_url", "place of storage.url"],
        ),
        (
            "s3://b/x",
            &[("RAW_URL", "s3://b/x/raw")],
            &["error: storage.raw_url", "inside the other"],
        ),
        (
            "file:///tmp/grind",
            &[("RAW_URL", "file:///tmp/gr%69nd/raw")],
            &["error: storage.raw_url", "inside the other"],
        ),
        (
            "s3://b",
            &[("RAW_URL", "s3://c"), ("FULL_URL", "s3://c")],
            &["error: storage.full_url", "place of storage.raw_url"],
        ),
        (
            "s3://b",
            &[("RAW_URL", "s3://c"), ("FULL_PREFIX", "raw/text")],
            &["error: storage.full_prefix", "inside the folder raw"],
        ),
        (
            "s3://b",
            &[("RAW_URL", "az://b"), ("ENDPOINT", "https://s3.example.org")],
            &["error: storage.endpoint", "several providers"],
        ),
    ];
    for (url, more, words) in cases {
        let mut house = House::new().env("GRIND__STORAGE__URL", url);
        for (key, value) in more {
            house = house.env(&format!("GRIND__STORAGE__{key}"), value);
        }
        assert_said(&house.said(), words);
    }
    let apart = House::new()
        .env("GRIND__STORAGE__URL", "s3://books/x")
        .env("GRIND__STORAGE__RAW_URL", "s3://books/xy");
    assert!(!apart.said().join("\n").contains("storage."), "{:#?}", apart.said());
}

#[test]
fn doubtful_things_are_warnings() {
    let cases = [
        (
            "[storage]\nendpoint = \"https://s3.example.org\"",
            "means nothing for file: storage",
        ),
        ("[storage]\nrun = \"harvard\"", "means nothing with storage.layout"),
        ("[work]\nqueues = [\"all\", \"all\"]", "twice"),
        ("[work]\nleases = \"process\"", "sharing is automatic"),
        ("[work]\nleases = \"sqlite\"", "remove it"),
        ("[grin]\nrequests_per_second = 50", "GRIN allows 5"),
        ("[grin]\npage_size = 60000", "largest"),
        ("[shutdown]\ngrace = \"10m\"", "TimeoutStopSec"),
        (
            "[auth]\ncredentials_file = \"credentials.json\"",
            "grind auth login makes it",
        ),
    ];
    for (toml, words) in cases {
        let house = House::new().toml(toml);
        assert!(house.load().is_ok(), "{toml} was refused: {:#?}", house.said());
        assert_said(&house.said(), &["warning: ", words]);
    }
}

#[test]
fn a_server_for_the_catalog_is_warned_of_and_accepted() {
    let said = |url: &str| House::new().env("GRIND__CATALOG__URL", url).said();
    assert_said(
        &said("postgres://me@db.example.org/grind"),
        &["warning: catalog.url", "does not demand TLS"],
    );
    assert_said(
        &said("postgres://me:pw@localhost/grind"),
        &["warning: catalog.url", "into a file"],
    );
    for url in [
        "postgres://me@db.example.org/grind?sslmode=verify-full",
        "postgresql:///grind?host=/run/postgresql",
    ] {
        assert!(!said(url).join("\n").contains("catalog.url"), "{url}: {:#?}", said(url));
    }
}

#[test]
fn a_storage_folder_below_a_file_is_refused() {
    let house = House::new().file("plain", "x");
    let url = format!("file://{}/library", house.path("plain").display());
    assert_said(
        &house.env("GRIND__STORAGE__URL", &url).said(),
        &["error: storage.url", "not a folder"],
    );
}

#[test]
fn open_secrets_and_open_configs_are_noticed() {
    let house = House::new()
        .toml("[archive]\npassphrase_file = \"pass\"\n")
        .file("pass", "secret");
    let open = |name: &str, mode| {
        std::fs::set_permissions(house.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open("pass", 0o644);
    assert_said(&house.said(), &["error: archive.passphrase_file", "chmod 600"]);
    open("pass", 0o640);
    open("grind.toml", 0o666);
    assert!(house.load().is_ok());
    assert_said(&house.said(), &["warning: ", "grind.toml can be changed by every user"]);
}

#[test]
fn passwords_in_addresses_are_never_shown() {
    let mut settings: Settings = House::new().settings();
    settings.storage.url = "s3://key:secret@bucket/prefix".into();
    settings.hooks.on_stored = Some("https://me:secret@h/told?key=secret".into());
    settings.auth.token_uri_allowed = vec!["http://me:secret@h/token?key=secret".into(), "http://h/t".into()];
    let printed = settings.effective();
    for shown in [
        "s3://***@bucket/prefix",
        "\"https://h/***\"",
        "[\"http://***@h/token?***\", \"http://h/t\"]",
    ] {
        assert!(printed.contains(shown) && !printed.contains("secret@"), "{printed}");
    }
    assert!(!printed.contains("key=secret"), "{printed}");
    for (hook, told) in [
        ("https://h.example/hush/?key=hush", "\"https://h.example/***\""),
        ("https://h.example/", "\"https://h.example/\""),
        ("/bin/told https://k:hush@h.example/x", "\"/bin/told ***\""),
        ("/bin/told --token hush", "\"/bin/told ***\""),
    ] {
        settings.hooks.on_stored = Some(hook.into());
        let printed = settings.effective();
        assert!(
            printed.contains(&format!("on_stored = {told}\n")) && !printed.contains("hush"),
            "{hook}: {printed}"
        );
    }
}

#[test]
fn a_loopback_grin_needs_no_https_and_no_signing_in() {
    let house = House::new().toml("[grin]\nbase_url = \"http://127.0.0.1:8080/libraries\"\n");
    let loaded = house.load().unwrap();
    assert_eq!(loaded.findings, []);
    assert_eq!(
        loaded.settings.grin.base_url.as_str(),
        "http://127.0.0.1:8080/libraries/"
    );
    assert_eq!(loaded.settings.grin.token_hosts, ["127.0.0.1"]);
}
