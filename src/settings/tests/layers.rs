//! Tests of layers, kinds, unknown keys, printing and reload.

use std::time::Duration;

use bytesize::ByteSize;

use crate::settings::tests::{House, assert_said};
use crate::settings::{ChangeEffect, DEFAULT_TOML, DiskReserve, ScheduleInterval, Settings, diff};
use crate::vocabulary::Queue;

#[test]
fn defaults_document_every_key_and_no_other() {
    for key in Settings::keys() {
        let section = DEFAULT_TOML
            .split(&format!("\n[{}]\n", key.section))
            .nth(1)
            .unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        let line = section.lines().position(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            bare.split_once(" = ").is_some_and(|(name, _)| name == key.name)
        });
        assert!(line.is_some(), "{} is missing in default.toml", key.path());
        assert!(
            section.lines().next().unwrap().starts_with("# "),
            "[{}] begins without a comment",
            key.section
        );
    }
}

#[test]
fn commented_out_keys_of_the_defaults_are_known_and_well_typed() {
    let house = House::new()
        .without("GRIND__STORAGE__URL")
        .without("GRIND__CATALOG__URL");
    let all: String = DEFAULT_TOML
        .lines()
        .map(|line| {
            match line
                .strip_prefix("# ")
                .filter(|rest| rest.split(' ').nth(1) == Some("="))
            {
                Some(key)
                    if key
                        .split(' ')
                        .next()
                        .is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) =>
                {
                    key
                }
                _ => line,
            }
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let said = house.toml(&all).said();
    assert!(
        !said
            .iter()
            .any(|s| s.contains("not a known") || s.contains("but should be")),
        "{said:#?}"
    );
    assert_said(&said, &["archive.passphrase_file", "not there"]);
}

#[test]
fn later_layers_win_key_by_key() {
    let house = House::new()
        .toml("[session]\nlimit = 40\nlimit_per_host = 10\n[workers]\ndownload = 3\n")
        .file("grind.toml.d/20-more.toml", "[session]\nlimit = 30\n")
        .file(
            "grind.toml.d/10-less.toml",
            "[session]\nlimit = 20\nkeep_alive = \"5s\"\n",
        )
        .file("grind.toml.d/notes.txt", "this is [not read")
        .env("GRIND__WORKERS__DOWNLOAD", "7");
    let loaded = house.load().unwrap();
    let settings = &loaded.settings;
    assert_eq!((settings.session.limit, settings.session.limit_per_host), (30, 10));
    assert_eq!(settings.session.keep_alive, Duration::from_secs(5));
    assert_eq!(settings.workers.download, 7);
    assert_eq!(
        settings.session.read_timeout,
        Duration::from_secs(30),
        "untouched keys keep their default"
    );
    let names: Vec<_> = loaded
        .files
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["grind.toml", "10-less.toml", "20-more.toml"]);
}

#[test]
fn every_kind_is_read_from_the_environment() {
    let settings = House::new()
        .env("GRIND__GRIN__REQUESTS_PER_SECOND", "2.5")
        .env("GRIND__WORK__QUEUES", "changed, failed")
        .env("GRIND__WORK__PAUSED", "true")
        .env("GRIND__WORK__LIMIT", "12")
        .env("GRIND__SESSION__READ_TIMEOUT", "20s")
        .env("GRIND__SESSION__MINIMUM_SPEED", "1 MiB")
        .env("GRIND__STORAGE__DISK_RESERVE", "50GiB")
        .env("GRIND__SCHEDULE__EXPORT_EVERY", "off")
        .env("GRIND__LIBRARY__DIRECTORY", "12345")
        .env("UNRELATED", "x")
        .settings();
    assert_eq!(settings.grin.requests_per_second.to_bits(), 2.5f64.to_bits());
    assert_eq!(settings.work.queues, [Queue::Changed, Queue::Failed]);
    assert!(settings.work.paused);
    assert_eq!(settings.work.limit, Some(12));
    assert_eq!(settings.session.read_timeout, Duration::from_secs(20));
    assert_eq!(settings.session.minimum_speed, ByteSize::mib(1));
    assert_eq!(settings.storage.disk_reserve, DiskReserve::Size(ByteSize::gib(50)));
    assert_eq!(settings.schedule.export_every, ScheduleInterval(None));
    assert_eq!(
        settings.library.directory, "12345",
        "a text that looks like a number stays a text"
    );
}

#[test]
fn unknown_keys_are_refused_with_place_and_nearest() {
    let house = House::new()
        .toml("[session]\nlimit = 5\nlimt_per_host = 5\n[sesion]\nlimit = 3\n[work]\nkeep_alive = \"1s\"\nzzz = 1\n")
        .env("GRIND__WORKERS__DOWNLOADS", "3")
        .env("GRIND__NONSENSE", "3");
    let said = house.said();
    assert_said(
        &said,
        &[
            "session.limt_per_host",
            "grind.toml line 3",
            "did you mean session.limit_per_host?",
        ],
    );
    assert_said(&said, &["[sesion]", "grind.toml line 4", "did you mean session?"]);
    assert_said(
        &said,
        &["work.keep_alive", "line 7", "did you mean session.keep_alive?"],
    );
    assert_said(&said, &["work.zzz", "line 8", "grind check-config --print"]);
    assert_said(&said, &["GRIND__WORKERS__DOWNLOADS", "did you mean workers.download?"]);
    assert_said(&said, &["[nonsense]", "GRIND__NONSENSE"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn wrong_kinds_say_key_place_found_and_right() {
    let cases = [
        (
            "[session]\nlimit = \"many\"",
            ["session.limit ", "line 2", "the text \"many\"", "a whole number"],
        ),
        (
            "[session]\nlimit = -1",
            ["session.limit ", "line 2", "the number -1", "a whole number"],
        ),
        (
            "[session]\nlimit = 4294967296",
            ["session.limit ", "line 2", "4294967296", "4294967295"],
        ),
        (
            "[session]\nread_timeout = 30",
            ["session.read_timeout", "line 2", "the number 30", "\"90s\""],
        ),
        (
            "[session]\nminimum_speed = \"fast\"",
            ["session.minimum_speed", "line 2", "\"fast\"", "\"64MiB\""],
        ),
        (
            "[session]\nhttp2 = \"yes\"",
            ["session.http2", "line 2", "\"yes\"", "true or false"],
        ),
        (
            "[grin]\nbase_url = \"ftp://x/\"",
            ["grin.base_url", "line 2", "\"ftp://x/\"", "https://host/path"],
        ),
        (
            "[grin]\nrequests_per_second = nan",
            ["requests_per_second", "line 2", "NaN", "plain number"],
        ),
        (
            "[work]\nqueues = [\"convertd\"]",
            ["work.queues", "line 2", "convertd", "\"converted\""],
        ),
        (
            "[work]\nqueues = [1]",
            ["work.queues", "line 2", "a list with the number 1", "list of queues"],
        ),
        (
            "[storage]\ndisk_reserve = \"120%\"",
            ["disk_reserve", "line 2", "\"120%\"", "10%"],
        ),
        (
            "[observe]\nlisten = \"localhost\"",
            ["observe.listen", "line 2", "\"localhost\"", "127.0.0.1:9618"],
        ),
        ("[log]\nformat = \"xml\"", ["log.format", "line 2", "\"xml\"", "json"]),
        (
            "[library]\ndirectory = 3",
            ["library.directory", "line 2", "the number 3", "a text"],
        ),
        (
            "[library.directory]\nx = 3",
            ["library.directory", "line 1", "a table", "one value"],
        ),
        ("session = 3", ["session", "line 1", "one value", "a table [session]"]),
    ];
    for (toml, words) in cases {
        // The library must come from the file here, or the environment would cover the wrong value.
        let house = House::new().toml(toml);
        let house = if toml.starts_with("[library") {
            house.without("GRIND__LIBRARY__DIRECTORY")
        } else {
            house
        };
        let said = house.said();
        assert_said(&said, &words);
        assert!(house.load().is_err(), "{toml} was taken");
    }
}

#[test]
fn all_findings_come_at_once_and_none_twice() {
    let house = House::new()
        .toml("[session]\nlimit = \"x\"\nread_timeout = 5\n[retry]\nattempts = 0\n[sesion]\n[log]\nlevel = \"loud\"\n")
        .file("grind.toml.d/bad.toml", "this is = = not toml");
    let said = house.said();
    for key in [
        "session.limit ",
        "session.read_timeout",
        "retry.attempts",
        "[sesion]",
        "log.level",
        "bad.toml is not TOML",
    ] {
        assert_eq!(
            said.iter().filter(|sentence| sentence.contains(key)).count(),
            1,
            "{key} in {said:#?}"
        );
    }
    assert_said(&said, &["bad.toml", "(line 1)"]);
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let house = House::new();
    let missing = crate::settings::SettingsSources::of_file(&house.path("no.toml"));
    let error = Settings::load(&missing).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("no.toml is not there; `grind init` writes"), "{said}");
    assert_eq!(error.findings.len(), 1, "nothing is said of defaults: {said}");
}

#[test]
fn relative_paths_are_tried_among_credentials_first_then_beside_the_file() {
    let house = House::new()
        .toml("[auth]\nclient_secret_file = \"client.json\"\n[archive]\npassphrase_file = \"pass\"\n")
        .file("client.json", "{}")
        .file("pass", "old")
        .file("credentials/pass", "new");
    for name in ["client.json", "pass", "credentials/pass"] {
        close(&house.path(name));
    }
    let credentials = house.path("credentials");
    let house = house.env("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let settings = house.settings();
    assert_eq!(settings.archive.passphrase_file, Some(credentials.join("pass")));
    assert_eq!(settings.auth.client_secret_file, Some(house.path("client.json")));
}

fn close(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_effective_config_reads_back_as_itself() {
    let house = House::new()
        .toml("[session]\nminimum_speed = \"1500B\"\nkeep_alive = \"1m 5s\"\n[storage]\ndisk_reserve = \"2.5%\"\n");
    let settings = house.settings();
    let printed = settings.effective();
    assert!(
        printed.contains("minimum_speed = \"1500B\"") && printed.contains("# limit is not set"),
        "{printed}"
    );
    let again = House::new()
        .without("GRIND__STORAGE__URL")
        .without("GRIND__CATALOG__URL")
        .toml(&printed);
    assert_eq!(again.settings(), settings);
}

#[test]
fn a_reload_tells_live_keys_from_the_others() {
    let house = House::new().toml("");
    let before = house.settings();
    assert_eq!(diff(&before, &before), []);
    let live = [
        ("WORKERS__DOWNLOAD", "9"),
        ("GRIN__REQUESTS_PER_SECOND", "1"),
        ("WORK__PAUSED", "true"),
        ("LOG__LEVEL", "debug"),
        ("RETRY__CAP", "1h"),
    ];
    let fixed = [
        ("SESSION__LIMIT", "60"),
        ("STORAGE__RAW_PREFIX", "archives"),
        ("GRIN__PAGE_SIZE", "5"),
        ("WORK__LIMIT", "3"),
        ("WORK__QUEUES", "all"),
        ("SCHEDULE__CONVERT_EVERY", "2h"),
    ];
    let with_effect = |(name, value): (&str, &str), effect: ChangeEffect| {
        let changed = House::new().toml("").env(&format!("GRIND__{name}"), value);
        let mut after = changed.settings();
        (after.storage.url, after.catalog.url) = (before.storage.url.clone(), before.catalog.url.clone());
        let found = diff(&before, &after);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].key.as_str(), found[0].effect),
            (&*name.to_lowercase().replace("__", "."), effect)
        );
        assert_ne!(found[0].from, found[0].to);
    };
    for change in live {
        with_effect(change, ChangeEffect::Applied);
    }
    for change in fixed {
        with_effect(change, ChangeEffect::NeedsRestart);
    }
}

#[test]
fn what_waits_for_a_restart_is_said_at_each_reload() {
    let began = House::new().toml("").settings();
    let changed = House::new()
        .toml("")
        .env("GRIND__SESSION__LIMIT", "60")
        .env("GRIND__WORKERS__DOWNLOAD", "9");
    let mut file = changed.settings();
    (file.storage.url, file.catalog.url) = (began.storage.url.clone(), began.catalog.url.clone());
    let in_force = began.with_live_of(&file);
    assert_eq!(
        (in_force.workers.download, in_force.session.limit),
        (9, began.session.limit)
    );
    let still: Vec<_> = diff(&in_force, &file).into_iter().map(|change| change.key).collect();
    assert_eq!(still, ["session.limit"]);
}

#[test]
fn a_file_that_cannot_be_read_is_not_also_blamed_for_what_it_sets() {
    for text in ["[library]\ndirectory = \"T\"\n[grin\n", "directory = \n"] {
        let said = House::new().without("GRIND__LIBRARY__DIRECTORY").toml(text).said();
        assert_said(&said, &["grind.toml is not TOML"]);
        let blamed = said.iter().any(|line| line.contains("library.directory"));
        assert!(!blamed, "{said:#?}");
    }
}

#[test]
fn a_refused_config_is_one_line() {
    let error = House::new()
        .toml("[grin]\npage_size = 0\nconversion_batch = 0\n")
        .load()
        .unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
}
