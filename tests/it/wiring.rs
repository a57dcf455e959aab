//! The wired actors in this process: one session, the order of stopping, and the truth of `actors.md`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::Home;
use actix_rt::Arbiter;
use futures::StreamExt;
use grind::actor::{ActorName, AskContext, SpawnOptions, spawn};
use grind::catalog::CountBooks;
use grind::daemon::{Daemon, DaemonEnd, RunOptions, run};
use grind::grin::{FileName, GrinAddresses, LibraryDirectory};
use grind::lab::simulator::{SidecarConfig, SidecarSimulator, SimulatorConfig, SimulatorRequest};
use grind::observe::DaemonView;
use grind::pipeline::scope_of;
use grind::pipeline::workers::{CollectWorker, CollectorParts, MonthlyArrivals};
use grind::session::{AuthMode, HeadRequest, PermitClass, RequestKind, RetryBackoff};
use grind::settings::{Settings, SettingsSources};
use jiff::civil::date;

fn settings(home: &Home) -> Settings {
    Settings::load(&SettingsSources::of_file(&home.config))
        .expect("a sound config")
        .settings
}

/// A run in this process, with what its actors showed at its end.
fn whole_run(home: &Home) -> (DaemonEnd, grind::actor::HubSnapshot) {
    let settings = settings(home);
    let scope = scope_of(&settings, true).unwrap();
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let on_ready = Box::new(move |view: Arc<grind::daemon::LiveDaemonView>| *keep.lock().unwrap() = Some(view));
    let options = RunOptions {
        settings,
        sources: None,
        scope,
        step: None,
        observed: false,
        on_ready,
    };
    let ended = actix_rt::System::new().block_on(run(options)).unwrap();
    let view = seen.lock().unwrap().take().unwrap();
    (ended, view.hub())
}

#[test]
fn the_session_owner_ends_last_and_nobody_is_cut() {
    let home = Home::new(
        SimulatorConfig {
            books: 10,
            pages: 2,
            image_bytes: 500,
            ..SimulatorConfig::default()
        },
        "",
    );
    let (ended, _) = whole_run(&home);
    assert!(ended.ledger.session_owner_was_last(), "{}", ended.ledger);
    assert!(ended.ledger.is_clean(), "{}", ended.ledger);
    let order: Vec<ActorName> = ended.ledger.entries.iter().map(|entry| entry.actor).collect();
    let place = |actor| order.iter().rposition(|&other| other == actor).unwrap();
    assert!(place(ActorName::Supervisor) < place(ActorName::Downloader), "{order:?}");
    assert!(place(ActorName::Downloader) < place(ActorName::Catalog), "{order:?}");
    assert!(place(ActorName::Catalog) < place(ActorName::SessionOwner), "{order:?}");
    assert_eq!(ended.ledger.session.sessions_created, 1);
    assert_eq!(ended.ledger.session.connections_open, 0, "the session is closed");
}

#[test]
fn the_map_of_actors_names_every_actor_and_every_message() {
    let map = include_str!("../../actors.md");
    let home = Home::new(
        SimulatorConfig {
            books: 10,
            pages: 2,
            image_bytes: 500,
            ..SimulatorConfig::default()
        },
        "[work]\nqueues = [\"all\"]\n",
    );
    let (_, hub) = whole_run(&home);
    assert!(is_on_the_map(&hub, map) > 15, "the run used many kinds of message");
}

#[test]
fn the_map_of_actors_names_the_state_store_which_ends_before_the_session() {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    let extra = format!(
        "[work]\nlease_time = \"60s\"\n[state_store]\nenabled = true\nurl = \"{}\"\n",
        sidecar.base_url()
    );
    let home = Home::new(
        SimulatorConfig {
            books: 10,
            pages: 2,
            image_bytes: 500,
            ..SimulatorConfig::default()
        },
        &extra,
    );
    let (ended, hub) = whole_run(&home);
    assert_eq!(home.whole_books().len(), 10);
    assert!(hub.actors.iter().any(|actor| actor.name == ActorName::StateStore));
    is_on_the_map(&hub, include_str!("../../actors.md"));
    assert!(
        ended.ledger.is_clean() && ended.ledger.session_owner_was_last(),
        "{}",
        ended.ledger
    );
    assert_eq!(
        ended.ledger.session.sessions_created, 1,
        "GRIN and the store over one session"
    );
    assert_eq!(
        (sidecar.stats().saves > 0, sidecar.keys()),
        (true, 0),
        "published, and deleted at the end"
    );
    // It has left: the next run does not wait until its membership would be over.
    let began = std::time::Instant::now();
    let (ended, _) = whole_run(&home);
    assert!(ended.ledger.is_clean(), "{}", ended.ledger);
    assert!(
        began.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
}

/// Fails when an actor or message that was used is not in the map; how many kinds of message there were.
fn is_on_the_map(hub: &grind::actor::HubSnapshot, map: &str) -> usize {
    let mut messages = 0;
    for actor in &hub.actors {
        let name = actor.name.as_str();
        let row = map.lines().find(|line| line.starts_with(&format!("| `{name}`")));
        let row = row.unwrap_or_else(|| panic!("actors.md has no row for {name}"));
        for message in &actor.messages {
            messages += 1;
            assert!(
                row.contains(&format!("`{}`", message.kind)),
                "the row of {name} lacks `{}`",
                message.kind
            );
        }
    }
    messages
}

/// Ten thousand HEADs and five hundred downloads: one session, and never more connections than the limit.
#[test]
#[expect(clippy::too_many_lines, reason = "one run, looked at from all sides")]
fn one_session_and_at_most_the_limit_of_connections_for_ten_thousand_heads_and_five_hundred_downloads() {
    const LIMIT: u64 = 12;
    let home = Home::new(
        SimulatorConfig {
            books: 500,
            pages: 1,
            image_bytes: 200,
            s2k_count: 1_024,
            ..SimulatorConfig::default()
        },
        &format!("[session]\nlimit = {LIMIT}\nlimit_per_host = {LIMIT}\n[grin]\nrequests_per_second = 1000000.0\n"),
    );
    let settings = settings(&home);
    let addresses = GrinAddresses::new(&settings.grin.base_url, &LibraryDirectory::parse("TESTLIB").unwrap()).unwrap();
    let names: Vec<FileName> = home
        .simulator
        .barcodes()
        .map(|barcode| FileName::of(&barcode))
        .collect();
    let ledger = actix_rt::System::new().block_on(async move {
        let daemon = Daemon::build(&settings, None).await.unwrap();
        let cx = AskContext::root("test");
        let heads = futures::stream::iter((0..10_000).map(|number| {
            let url = addresses.archive(&names[number % names.len()]);
            daemon.session.ask(
                HeadRequest {
                    url,
                    class: PermitClass::Check,
                    kind: RequestKind::ArchiveHead,
                    auth: AuthMode::Grin,
                },
                &cx,
            )
        }));
        let statuses: Vec<u16> = heads
            .buffer_unordered(50)
            .map(|answer| answer.unwrap().status)
            .collect()
            .await;
        assert_eq!(
            (statuses.len(), statuses.iter().filter(|status| **status == 200).count()),
            (10_000, 10_000)
        );
        let report = daemon.begin(scope_of(&settings, true).unwrap()).await.unwrap();
        assert_eq!(report.failed, 0);
        daemon.close(|_| {}).await
    });
    assert_eq!(home.whole_books().len(), 500);
    assert_eq!(ledger.session.sessions_created, 1);
    let stats = home.simulator.stats();
    assert!(
        ledger.session.connections_opened <= LIMIT,
        "{} connections opened",
        ledger.session.connections_opened
    );
    assert!(
        stats.connections_peak <= LIMIT,
        "{} connections at once at the server",
        stats.connections_peak
    );
    assert_eq!(
        (stats.count(SimulatorRequest::Head), stats.count(SimulatorRequest::Get)),
        (10_000, 500)
    );
}

#[test]
fn the_monthly_report_brings_volumes_by_the_day_of_their_check_in() {
    let config = SimulatorConfig {
        books: 12,
        pages: 1,
        image_bytes: 200,
        ..SimulatorConfig::default()
    };
    let home = Home::new(config, "");
    let settings = settings(&home);
    actix_rt::System::new().block_on(async {
        let daemon = Daemon::build(&settings, None).await.unwrap();
        let library = LibraryDirectory::parse(&settings.library.directory).unwrap();
        let parts = CollectorParts {
            session: daemon.session.clone(),
            addresses: GrinAddresses::new(&settings.grin.base_url, &library).unwrap(),
            library,
            catalog: daemon.catalog.clone(),
            page_size: 100,
            count_check: false,
            backoff: RetryBackoff {
                base: Duration::from_millis(1),
                cap: Duration::from_millis(10),
                attempts: 3,
            },
            rows: Arc::default(),
        };
        let room = SpawnOptions::with_capacity(1);
        let collector = spawn::serial(&daemon.hub, &Arbiter::current(), room, move || {
            CollectWorker::new(parts.clone())
        });
        // The simulator's volumes were checked in from 2005 to 2018.
        let mut brought = Vec::new();
        for (since, until) in [(2004, 2012), (2012, 2020), (2004, 2020)] {
            let days = MonthlyArrivals {
                since: date(since, 1, 1),
                until: date(until, 1, 1),
            };
            brought.push(collector.ask(days, &AskContext::root("test")).await.unwrap().unwrap());
        }
        let known = daemon
            .catalog
            .ask(CountBooks, &AskContext::root("test"))
            .await
            .unwrap()
            .total;
        assert!(brought[0] > 0 && brought[1] > 0, "{brought:?}");
        assert_eq!((brought[0] + brought[1], brought[2], known), (12, 0, 12));
        collector.close();
        collector.drained().await;
        daemon.close(|_| {}).await;
    });
}
