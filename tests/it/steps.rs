//! The single steps by hand: what each option of `collect`, `enrich`, `convert` and `sync` does, and that a dry run does nothing.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use crate::support::service::Service;
use crate::support::{Home, finish, states};
use grind::lab::simulator::{ConversionConfig, FaultKind, FaultPlan, SimulatorConfig, SimulatorRequest, StateMix};

fn small() -> SimulatorConfig {
    SimulatorConfig {
        books: 6,
        pages: 1,
        image_bytes: 200,
        ..SimulatorConfig::default()
    }
}

fn done(home: &Home, arguments: &[&str]) -> String {
    let ended = home.grind(arguments);
    assert!(ended.status.success(), "{arguments:?}: {} {}", ended.out, ended.err);
    ended.out
}

#[test]
fn collect_reads_the_lists_of_the_queues_named_and_no_other() {
    let home = Home::new(small(), "");
    done(&home, &["collect", "--queue", "failed", "--queue", "converted"]);
    let stats = home.simulator.stats();
    assert_eq!(
        (
            stats.count(SimulatorRequest::ListPage),
            stats.count(SimulatorRequest::Search)
        ),
        (2, 0)
    );
    assert_eq!(states(&home).len(), 6, "the list of converted books names them all");
}

#[test]
fn collect_of_named_books_asks_the_search_and_reads_no_list() {
    let home = Home::new(small(), "");
    let (one, two) = (home.simulator.barcode(1).unwrap(), home.simulator.barcode(4).unwrap());
    done(&home, &["collect", "--barcodes", &format!("{one},{two}")]);
    let stats = home.simulator.stats();
    assert_eq!(
        (
            stats.count(SimulatorRequest::ListPage),
            stats.count(SimulatorRequest::Search)
        ),
        (0, 1)
    );
    let known: Vec<_> = states(&home).into_keys().collect();
    assert_eq!(known.len(), 2);
    assert!(
        known.contains(&one.to_string()) && known.contains(&two.to_string()),
        "{known:?}"
    );
}

#[test]
fn a_step_that_begins_nothing_because_the_work_is_paused_says_so() {
    let home = Home::new(small(), "[work]\npaused = true\n");
    for step in ["collect", "enrich", "convert", "sync"] {
        let ended = home.grind(&[step]);
        assert!(ended.err.contains("take work.paused out"), "{step}: {}", ended.err);
    }
    assert_eq!(home.simulator.stats().count(SimulatorRequest::ListPage), 0);
}

#[test]
fn a_named_book_that_no_list_has_brought_is_fetched() {
    let home = Home::new(small(), "");
    let one = home.simulator.barcode(3).unwrap();
    done(&home, &["sync", "--barcodes", one.as_str()]);
    assert_eq!(home.whole_books().into_iter().collect::<Vec<_>>(), [one]);
}

#[test]
fn a_barcode_that_nobody_knows_is_said_and_nothing_is_added() {
    let home = Home::new(small(), "");
    let one = home.simulator.barcode(3).unwrap();
    for step in ["sync", "collect", "enrich", "convert"] {
        let ended = home.grind(&[step, "--barcodes", "TL0404NOWHERE"]);
        assert_eq!(ended.status.code(), Some(1), "{step}: {}", ended.err);
        assert!(ended.err.contains("TL0404NOWHERE is unknown"), "{step}: {}", ended.err);
        assert_eq!(states(&home).len(), 0, "{step}");
    }
    let ended = home.grind(&["sync", "--barcodes", &format!("TL0404NOWHERE,{one}")]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert_eq!(
        home.whole_books().into_iter().collect::<Vec<_>>(),
        [one],
        "what is known is done"
    );
}

#[test]
fn enrich_asks_for_the_books_of_the_queues_named_and_again_only_by_force() {
    let home = Home::new(small(), "");
    done(&home, &["collect"]);
    let searches = |arguments: &[&str]| {
        let before = home.simulator.stats().count(SimulatorRequest::Search);
        done(&home, arguments);
        home.simulator.stats().count(SimulatorRequest::Search) - before
    };
    assert_eq!(searches(&["enrich", "--queue", "failed"]), 0, "no book has failed");
    assert_eq!(searches(&["enrich", "--queue", "converted"]), 1);
    assert_eq!(searches(&["enrich", "--queue", "converted"]), 0, "all have answered");
    assert_eq!(searches(&["enrich", "--queue", "converted", "--force"]), 1);
}

#[test]
fn a_dry_run_names_the_books_and_asks_grin_nothing() {
    let home = Home::new(small(), "");
    done(&home, &["collect"]);
    let catalog = || std::fs::read(home.folder.path().join("catalog.db")).unwrap();
    let (before, written) = (home.simulator.stats(), catalog());
    let one = home.simulator.barcode(2).unwrap();
    let said = done(&home, &["sync", "--dry-run"]);
    for barcode in home.simulator.barcodes() {
        assert!(said.contains(barcode.as_str()), "{said}");
    }
    assert!(done(&home, &["sync", "--dry-run", "--limit", "2"]).contains(" 2 books"));
    assert!(done(&home, &["enrich", "--dry-run", "--queue", "failed"]).contains(" 0 books"));
    let named = done(&home, &["enrich", "--dry-run", "--barcodes", one.as_str()]);
    assert!(named.contains(" 1 book\n") && named.contains(one.as_str()), "{named}");
    done(&home, &["convert", "--dry-run", "--force"]);
    let unknown = home.grind(&["sync", "--dry-run", "--barcodes", &format!("{one},NOSUCHBOOK")]);
    assert_eq!(
        (unknown.status.code(), unknown.out.contains(one.as_str())),
        (Some(1), true)
    );
    assert_eq!(unknown.err.matches(" is unknown").count(), 1, "{}", unknown.err);
    let lists = done(&home, &["collect", "--dry-run", "--queue", "failed"]);
    assert!(lists.contains("_failed") && !lists.contains("_converted"), "{lists}");
    let after = home.simulator.stats();
    for op in [
        SimulatorRequest::ListPage,
        SimulatorRequest::Search,
        SimulatorRequest::Process,
        SimulatorRequest::Head,
        SimulatorRequest::Get,
    ] {
        assert_eq!(before.count(op), after.count(op), "{op:?}");
    }
    assert!(catalog() == written, "nor is anything written");
    assert!(home.whole_books().is_empty());
}

#[test]
fn the_demo_config_stores_the_simulators_books() {
    let home = Home::new(small(), "");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("settings/demo.toml");
    let place = |name: &str| home.folder.path().join(name).display().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_grind"));
    command.args(["run", "--once", "--config"]).arg(config);
    // Only what would meet other tests on this machine is placed elsewhere.
    command
        .env("GRIND__GRIN__BASE_URL", home.simulator.base_url())
        .env("GRIND__STORAGE__URL", format!("file://{}", place("library")))
        .env("GRIND__CATALOG__URL", format!("sqlite://{}", place("catalog.db")))
        .env("GRIND__OBSERVE__SOCKET", place("demo.sock"))
        .env("GRIND__OBSERVE__LISTEN", "127.0.0.1:0");
    let ended = finish(command.spawn().unwrap());
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 6);
}

#[test]
fn books_with_odd_barcodes_are_found_converted_and_stored() {
    for form in ["lines", "fields", "query", "get", "commas"] {
        let config = SimulatorConfig {
            books: 24,
            mix: StateMix::NEW,
            odd_barcodes: true,
            ..small()
        };
        let home = Home::new(config, &format!("[grin]\nconversion_form = \"{form}\"\n"));
        done(&home, &["collect"]);
        let odd: Vec<_> = states(&home)
            .into_keys()
            .filter(|name| name.starts_with(['$', '+']))
            .collect();
        assert!(odd.iter().any(|name| name.starts_with('$')) && odd.iter().any(|name| name.starts_with('+')));
        done(&home, &["enrich"]);
        done(&home, &["convert", "--queue", "unconverted"]);
        assert_eq!(home.simulator.in_process(), 24, "{form}");
        if form != "lines" {
            continue;
        }
        home.simulator.pass_minutes(60 * 24 * 20);
        done(&home, &["run", "--once"]);
        assert_eq!(home.whole_books().len(), 24);
        assert!(
            home.root()
                .join("meta")
                .join(format!("={:02X}{}.json", odd[0].as_bytes()[0], &odd[0][1..]))
                .is_file()
        );
        done(&home, &["sync", "--barcodes", &odd[0], "--force"]);
    }
}

#[test]
fn conversions_are_asked_for_in_every_form() {
    for form in ["lines", "fields", "query", "get", "commas"] {
        let config = SimulatorConfig {
            mix: StateMix::NEW,
            ..small()
        };
        let extra = format!("[grin]\nconversion_form = \"{form}\"\nconversion_batch = 4\n");
        let home = Home::new(config, &extra);
        done(&home, &["collect"]);
        done(&home, &["convert", "--queue", "unconverted"]);
        assert_eq!(
            home.simulator.stats().count(SimulatorRequest::Process),
            2,
            "{form}: six books, four at a time"
        );
        assert_eq!(home.simulator.in_process(), 6, "{form}");
        assert!(states(&home).values().all(|(state, _)| state == "requested"), "{form}");
    }
}

#[test]
fn pages_are_compared_with_the_text_form_of_their_list_first_or_always() {
    for (extra, second) in [("", 1), ("[grin]\ncount_check = true\n", 4)] {
        let home = Home::new(small(), extra);
        let texts = || {
            let before = home.simulator.stats().count(SimulatorRequest::TextList);
            done(&home, &["collect"]);
            home.simulator.stats().count(SimulatorRequest::TextList) - before
        };
        assert_eq!(texts(), 4, "three lists compared, and the one that is read as text");
        assert_eq!(texts(), second, "{extra}");
    }
}

#[test]
fn volumes_checked_in_between_full_passes_come_with_the_monthly_report() {
    let mut service = Service::start(
        small(),
        "[grin]\nmonthly_report = true\n[schedule]\nrefresh_every = \"1s\"\ncollect_every = \"24h\"\n",
    );
    service.told("6 of 6 books stored");
    service.told_when(|service| service.home.simulator.stats().count(SimulatorRequest::Report) > 0);
    service.signal(rustix::process::Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("volumes checked in since then"), "{}", ended.err);
}

#[test]
fn a_refusal_is_no_answer_about_any_book() {
    // What may be one book's is asked for again in parts, and a sign-in page once more.
    for (fault, times, code) in [
        (FaultKind::Unavailable, 1, 0),
        (FaultKind::SignInPage, 1, 0),
        (FaultKind::SignInPage, 2, 1),
    ] {
        let config = SimulatorConfig {
            mix: StateMix::NEW,
            ..small()
        };
        let home = Home::new(config, "");
        done(&home, &["collect"]);
        for _ in 0..times {
            home.simulator.inject(SimulatorRequest::Process, None, fault);
        }
        let said = home.grind(&["convert", "--queue", "unconverted"]);
        assert_eq!(said.status.code(), Some(code), "{fault:?}: {}", said.err);
        done(&home, &["convert", "--queue", "unconverted"]);
        assert_eq!(home.simulator.in_process(), 6, "{fault:?}: nobody was put off");
    }
}

fn always(fault: FaultKind) -> FaultPlan {
    let faults = FaultPlan {
        per_request: u32::MAX,
        ..FaultPlan::default()
    };
    faults.with(fault, 1.0)
}

#[test]
fn a_list_refused_to_the_end_is_told_and_takes_nothing_away() {
    let home = Home::new(small(), "[retry]\nattempts = 2\n");
    done(&home, &["collect"]);
    for (fault, code) in [
        (FaultKind::Unavailable, 1),
        (FaultKind::SignInPage, 1),
        (FaultKind::CutList, 1),
        // A page that is no list says that GRIN has the list in another form, and it has.
        (FaultKind::NoHeading, 0),
    ] {
        home.simulator.set_faults(always(fault));
        let said = home.grind(&["collect", "--queue", "converted"]);
        assert_eq!(said.status.code(), Some(code), "{fault:?}: {}", said.err);
        assert!(
            states(&home).values().all(|(state, _)| state == "available"),
            "{fault:?}"
        );
    }
}

#[test]
fn facts_that_did_not_come_are_asked_for_again() {
    let home = Home::new(small(), "[retry]\nattempts = 2\n");
    done(&home, &["collect"]);
    for fault in [FaultKind::Unavailable, FaultKind::SignInPage, FaultKind::Status500] {
        home.simulator.set_faults(always(fault));
        assert_eq!(home.grind(&["enrich"]).status.code(), Some(1), "{fault:?}");
    }
    home.simulator.set_faults(FaultPlan::default());
    let before = home.simulator.stats().count(SimulatorRequest::Search);
    done(&home, &["enrich"]);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Search) - before, 1);
}

#[test]
fn a_full_conversion_queue_ends_the_asking_and_is_no_failure() {
    let conversion = ConversionConfig {
        queue_limit: 4,
        ..ConversionConfig::default()
    };
    let config = SimulatorConfig {
        mix: StateMix::NEW,
        conversion,
        ..small()
    };
    let home = Home::new(config, "[grin]\nconversion_batch = 2\n[workers]\nconvert = 1\n");
    done(&home, &["collect"]);
    done(&home, &["convert", "--queue", "unconverted"]);
    let waiting = states(&home).values().filter(|(state, _)| state == "known").count();
    assert_eq!((home.simulator.in_process(), waiting), (4, 2));
}

/// Books that are skipped say nothing about the network, so they do not reset the count of failures in a row.
#[test]
fn books_that_are_home_already_do_not_end_a_series_of_failures() {
    let config = SimulatorConfig { books: 40, ..small() };
    let one_at_a_time =
        "[workers]\ncheck = 1\ndownload = 1\n[retry]\nattempts = 1\nbase = \"1ms\"\nmax_sequential_failures = 8\n";
    let home = Home::new(config, one_at_a_time);
    let barcodes: Vec<_> = home.simulator.barcodes().collect();
    let named = |step: usize| {
        let names = barcodes.iter().step_by(step).map(|barcode| barcode.as_str());
        names.collect::<Vec<_>>().join(",")
    };
    done(&home, &["sync", "--barcodes", &named(2)]);
    for barcode in barcodes.iter().skip(1).step_by(2) {
        for _ in 0..100 {
            home.simulator
                .inject(SimulatorRequest::Get, Some(barcode), FaultKind::Status500);
        }
    }
    let ended = home.grind(&["sync", "--barcodes", &named(1)]);
    assert!(ended.err.contains("8 books in a row failed"), "{}", ended.err);
}

/// One batch that has no answer is no reason to stop asking for the rest (tests/cases/http/one-bad-batch.txt).
#[test]
fn a_book_that_spoils_its_batch_is_named_and_all_others_are_answered() {
    let config = SimulatorConfig {
        books: 12_000,
        mix: StateMix::NEW,
        ..small()
    };
    let home = Home::new(
        config,
        "[retry]\nattempts = 2\nbase = \"1ms\"\n[grin]\nrequests_per_second = 1000\n",
    );
    done(&home, &["collect"]);
    let spoiler = home.simulator.barcode(7_001).unwrap();
    home.simulator.spoil(&spoiler);
    let without_facts = || {
        let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
        let mut select = catalog
            .prepare("SELECT barcode FROM books WHERE enrichment_timestamp IS NULL")
            .unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let said = home.grind(&["enrich"]);
    assert_eq!(said.status.code(), Some(1), "{}", said.err);
    assert_eq!(without_facts(), [spoiler.to_string()], "{}", said.err);
    assert!(said.err.contains(&format!("no answer about {spoiler}")), "{}", said.err);

    let said = home.grind(&["convert", "--queue", "unconverted"]);
    assert_eq!(said.status.code(), Some(1), "{}", said.err);
    assert!(said.err.contains(&format!("no answer about {spoiler}")), "{}", said.err);
    let left: Vec<_> = states(&home)
        .into_iter()
        .filter(|(_, (state, _))| state != "requested")
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
