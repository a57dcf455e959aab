//! Several daemons on one simulated library: none of its books is lost or doubled, also when one of them is killed; and the
//! client against a real sidecar, where there is one.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Finished, Home, finish};
use grind::actor::{ActorRegistry, AskContext};
use grind::dapr::{DeleteState, GetState, KeyState, SaveState, StateError, StateItem, StateStore, StateStoreConfig};
use grind::grin::RedirectPolicy;
use grind::lab::simulator::{RunningSidecar, SidecarConfig, SidecarSimulator, SimulatorConfig, SimulatorRequest};
use grind::session::{Session, SessionConfig};
use rustix::process::{Pid, Signal, kill_process};

const BOOKS: u32 = 150;
const PATIENCE: Duration = Duration::from_secs(90);

/// A daemon with a config of its own, beside the one of the home it shares.
struct Daemon(Option<Child>);

impl Daemon {
    fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
        command.args(["run", "--config"]).arg(config);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.0.as_ref().unwrap()), signal).unwrap();
    }

    fn stop(mut self) -> Finished {
        let child = self.0.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        finish(child)
    }
}

/// Killed without warning; also when a test fails, so that no process is left.
impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn library() -> SimulatorConfig {
    SimulatorConfig {
        books: BOOKS,
        pages: 2,
        image_bytes: 2_000,
        s2k_count: 1_024,
        // Slow enough for both to have their part of it.
        delay: Duration::from_millis(60),
        ..SimulatorConfig::default()
    }
}

/// The second daemon's config: the first one's library, and what `extra` says.
fn second(home: &Home, folder: &Path, extra: &str) -> PathBuf {
    let config = home.simulator.write_config(folder).unwrap();
    let dropins = folder.join("grind.toml.d");
    std::fs::create_dir_all(&dropins).unwrap();
    let shared = format!(
        "[storage]\nurl = \"file://{}\"\ndisk_reserve = \"0%\"\n",
        home.root().display()
    );
    std::fs::write(dropins.join("10-shared.toml"), shared).unwrap();
    std::fs::write(dropins.join("20-test.toml"), extra).unwrap();
    config
}

/// A state store, and the settings of a daemon that keeps its leases in it.
fn through_dapr() -> (RunningSidecar, String) {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    let extra = format!(
        "[work]\nleases = \"dapr\"\nlease_time = \"2s\"\n[state_store]\nenabled = true\nurl = \"{}\"\n",
        sidecar.base_url()
    );
    (sidecar, extra)
}

const THROUGH_SQLITE: &str = "[work]\nleases = \"sqlite\"\nlease_time = \"2s\"\n";

/// Two processes of one machine with one catalog: the first one's config is the home's.
struct Neighbours {
    home: Home,
    catalog: PathBuf,
    /// Of the second.
    _folder: tempfile::TempDir,
    config: PathBuf,
}

impl Neighbours {
    fn new(library: SimulatorConfig, extra: &str) -> Self {
        let extra = format!("{THROUGH_SQLITE}{extra}");
        let home = Home::new(library, &extra);
        let folder = tempfile::tempdir().unwrap();
        let catalog = home.folder.path().join("catalog.db");
        let shared = format!("{extra}[catalog]\nurl = \"sqlite://{}\"\n", catalog.display());
        let config = second(&home, folder.path(), &shared);
        Self {
            home,
            catalog,
            _folder: folder,
            config,
        }
    }
}

/// Two machines with a library between them: the first one's config is the home's.
struct Machines {
    sidecar: RunningSidecar,
    home: Home,
    /// Of the second.
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl Machines {
    fn new() -> Self {
        let (sidecar, extra) = through_dapr();
        let home = Home::new(library(), &extra);
        let folder = tempfile::tempdir().unwrap();
        let config = second(&home, folder.path(), &extra);
        Self {
            sidecar,
            home,
            folder,
            config,
        }
    }

    /// The catalogs of the first and of the second.
    fn catalogs(&self) -> [PathBuf; 2] {
        [self.home.folder.path(), self.folder.path()].map(|folder| folder.join("catalog.db"))
    }
}

fn books_at_home(home: &Home) -> usize {
    std::fs::read_dir(home.root().join("raw")).map_or(0, |folders| {
        folders
            .flatten()
            .filter(|folder| folder.path().read_dir().is_ok_and(|mut files| files.next().is_some()))
            .count()
    })
}

/// Books that a catalog says are stored by a daemon whose process number this is.
fn stored_in(catalog: &Path) -> u32 {
    let Ok(conn) = rusqlite::Connection::open_with_flags(catalog, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return 0;
    };
    conn.query_row("SELECT count(*) FROM books WHERE state = 'stored'", [], |row| {
        row.get(0)
    })
    .unwrap_or(0)
}

/// Books of which GRIN told the facts.
fn enriched_in(catalog: &Path) -> u32 {
    let Ok(conn) = rusqlite::Connection::open_with_flags(catalog, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return 0;
    };
    let enriched = "SELECT count(*) FROM books WHERE enrichment_timestamp IS NOT NULL";
    conn.query_row(enriched, [], |row| row.get(0)).unwrap_or(0)
}

/// Books claimed at present by the process.
fn claimed_by(catalog: &Path, process: u32) -> u32 {
    let Ok(conn) = rusqlite::Connection::open_with_flags(catalog, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return 0;
    };
    let like = format!("%:{process}:%");
    conn.query_row("SELECT count(*) FROM books WHERE claimed_by LIKE ?1", [like], |row| {
        row.get(0)
    })
    .unwrap_or(0)
}

fn metrics(home: &Home) -> String {
    let endpoint = grind::observe::DaemonEndpoint::Socket(home.folder.path().join("grind.sock"));
    String::from_utf8(grind::observe::client::get(&endpoint, "/metrics").unwrap()).unwrap()
}

/// Messages to the state store that did not end well.
fn failed_messages(home: &Home) -> u64 {
    let page = metrics(home);
    let counts = page
        .lines()
        .filter(|line| line.starts_with("grind_state_store_messages_total{") && !line.contains("\"ok\""));
    counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Waits until a daemon with four downloads has stored a few books.
fn under_way(home: &Home) {
    assert!(
        home.simulator.wait_for(SimulatorRequest::Get, 8, PATIENCE),
        "nobody fetches"
    );
}

/// For what another process has in its files and metrics, which tell nobody when they change.
fn until(what: &str, good: impl Fn() -> bool) {
    let began = Instant::now();
    while !good() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every book is there once and whole, and hardly any was fetched twice.
fn nothing_lost_nothing_doubled(home: &Home) {
    assert_eq!(home.whole_books(), home.sound_books());
    assert_eq!(books_at_home(home), BOOKS as usize);
    let gets = home.simulator.stats().count(SimulatorRequest::Get);
    // What the killed one worked on (four downloads) is fetched anew; a book that meets its new owner on the way, too.
    assert!(gets <= u64::from(BOOKS) + 12, "{gets} GETs of {BOOKS} archives");
}

#[test]
fn two_machines_share_a_library_through_dapr_and_one_is_killed() {
    let machines = Machines::new();
    let [catalog, others] = machines.catalogs();
    let Machines {
        home, sidecar, config, ..
    } = &machines;
    let survivor = Daemon::start(&home.config);
    under_way(home);
    let killed = Daemon::start(config);
    until("the second one has its part", || stored_in(&others) >= 5);
    assert!(books_at_home(home) < BOOKS as usize, "there is work left to lose");
    until("the second one knows about its books", || enriched_in(&others) >= 5);
    drop(killed);
    let known = enriched_in(&others);
    assert!(
        known < BOOKS * 3 / 4,
        "it asked about {known} books, not only of its blocks"
    );
    until("all is home, and known to the survivor", || {
        stored_in(&catalog) == BOOKS
    });
    let ended = survivor.stop();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(
        ended.err.contains("the division of the work among the daemons changed"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("session_owner_last=true"), "{}", ended.err);
    nothing_lost_nothing_doubled(home);
    assert!(sidecar.stats().connections_peak <= 100);
}

/// A process that stands still for longer than its leases last, and then goes on as if nothing had been (a machine suspended, a
/// virtual machine moved): what it believes to hold is another's by then.
#[test]
fn a_daemon_that_stood_still_past_its_leases_does_no_harm_when_it_wakes() {
    let machines = Machines::new();
    let [catalog, others] = machines.catalogs();
    let home = &machines.home;
    let sleeper = Daemon::start(&home.config);
    under_way(home);
    let other = Daemon::start(&machines.config);
    until("the second one has its part", || stored_in(&others) >= 5);
    sleeper.signal(Signal::STOP);
    assert!(stored_in(&catalog) < BOOKS, "it sleeps in the middle of its work");
    until("the other has taken over and brought all home", || {
        stored_in(&others) == BOOKS
    });
    sleeper.signal(Signal::CONT);
    until("the sleeper has its fair part again, and works on nothing", || {
        let page = metrics(home);
        ["grind_leased_blocks 128", "grind_books_in_hand 0"].map(|line| page.lines().any(|shown| shown == line))
            == [true; 2]
    });
    let stayed = other.stop();
    assert!(stayed.status.success(), "{}", stayed.err);
    until("all is home, and known to the sleeper", || stored_in(&catalog) == BOOKS);
    let slept = sleeper.stop();
    assert!(slept.status.success(), "{}", slept.err);
    assert!(
        slept.err.contains("the division of the work among the daemons changed"),
        "{}",
        slept.err
    );
    nothing_lost_nothing_doubled(home);
    home.nothing_is_left_over();
}

#[test]
fn two_processes_share_a_catalog_through_sqlite_and_one_is_killed() {
    let Neighbours {
        home, catalog, config, ..
    } = &Neighbours::new(library(), "");
    let killed = Daemon::start(&home.config);
    under_way(home);
    let survivor = Daemon::start(config);
    until("the second one has its part", || {
        claimed_by(catalog, survivor.id()) >= 1
    });
    assert!(claimed_by(catalog, killed.id()) >= 1, "it dies with books in its hands");
    drop(killed);
    until("the survivor has brought all home", || stored_in(catalog) == BOOKS);
    let ended = survivor.stop();
    assert!(ended.status.success(), "{}", ended.err);
    nothing_lost_nothing_doubled(home);
    // What the dead one had half written goes at the next start.
    let ended = home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    home.nothing_is_left_over();
}

/// A process that stands still with a file locked keeps everybody from writing to it: that is SQLite's nature, and not what
/// is to be tried here.
fn stop_outside_of_transactions(sleeper: &Daemon, files: &[&Path]) {
    let is_free = |file: &&Path| {
        let conn = rusqlite::Connection::open(file).unwrap();
        conn.busy_timeout(Duration::ZERO).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    };
    let stat = format!("/proc/{}/stat", sleeper.id());
    until("it stands still, and its files are free", || {
        sleeper.signal(Signal::STOP);
        until("it stands still", || {
            std::fs::read_to_string(&stat).unwrap().contains(") T ")
        });
        // The other one may be writing at this moment, but not every time.
        let free = (0..200).any(|_| files.iter().all(is_free));
        if !free {
            println!("it stood still with a file locked: once more");
            sleeper.signal(Signal::CONT);
        }
        free
    });
}

#[test]
fn a_process_that_stood_still_past_its_claims_does_no_harm_when_it_wakes() {
    let Neighbours {
        home, catalog, config, ..
    } = &Neighbours::new(library(), "");
    let sleeper = Daemon::start(&home.config);
    under_way(home);
    let other = Daemon::start(config);
    until("the second one has its part", || claimed_by(catalog, other.id()) >= 1);
    stop_outside_of_transactions(&sleeper, &[catalog, &catalog.with_extension("leases.db")]);
    assert!(
        claimed_by(catalog, sleeper.id()) >= 1,
        "it sleeps with books in its hands"
    );
    until("the other has brought all home", || stored_in(catalog) == BOOKS);
    sleeper.signal(Signal::CONT);
    until("the sleeper has its fair part again, and works on nothing", || {
        let page = metrics(home);
        ["grind_leased_blocks 128", "grind_books_in_hand 0"].map(|line| page.lines().any(|shown| shown == line))
            == [true; 2]
    });
    for daemon in [other, sleeper] {
        let ended = daemon.stop();
        assert!(ended.status.success(), "{}", ended.err);
    }
    assert_eq!(stored_in(catalog), BOOKS);
    nothing_lost_nothing_doubled(home);
    home.nothing_is_left_over();
}

#[test]
fn a_run_that_ends_by_itself_waits_for_the_lists_that_a_killed_daemon_still_holds() {
    let home = Home::new(library(), THROUGH_SQLITE);
    let killed = Daemon::start(&home.config);
    assert!(
        home.simulator.wait_for(SimulatorRequest::ListPage, 1, PATIENCE),
        "nobody reads lists"
    );
    drop(killed);
    let catalog = home.folder.path().join("catalog.db");
    assert_eq!(stored_in(&catalog), 0, "all is still to be done");
    let ended = home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(stored_in(&catalog), BOOKS, "{}", ended.err);
    nothing_lost_nothing_doubled(&home);
}

#[test]
fn two_processes_keep_to_one_rate_and_one_of_them_reads_the_lists() {
    let alone = Home::new(library(), "");
    assert!(alone.grind(&["run", "--once"]).status.success());
    // A little above what both may ask for together, with one second's worth in stock; two whole rates would be throttled.
    let slow = SimulatorConfig {
        requests_per_second: Some(22.0),
        delay: Duration::ZERO,
        ..library()
    };
    let Neighbours {
        home, catalog, config, ..
    } = &Neighbours::new(slow, "[grin]\nrequests_per_second = 20\n");
    let first = Daemon::start(&home.config);
    under_way(home);
    let second = Daemon::start(config);
    until("the second one has its part", || claimed_by(catalog, second.id()) >= 1);
    assert!(stored_in(catalog) < BOOKS / 2, "most is done by both");
    until("all is home", || stored_in(catalog) == BOOKS);
    for daemon in [first, second] {
        let ended = daemon.stop();
        assert!(ended.status.success(), "{}", ended.err);
    }
    let asked = home.simulator.stats();
    assert_eq!(asked.throttled, 0, "together they asked for more than the rate");
    assert_eq!(
        list_requests(home),
        list_requests(&alone),
        "the lists, and searches for facts, are one daemon's"
    );
}

/// Requests that only the daemon with the lists may make.
fn list_requests(home: &Home) -> [u64; 4] {
    let stats = home.simulator.stats();
    [
        SimulatorRequest::ListPage,
        SimulatorRequest::TextList,
        SimulatorRequest::Summary,
        SimulatorRequest::Search,
    ]
    .map(|op| stats.count(op))
}

#[test]
fn a_state_store_that_is_away_stops_the_intake_until_it_is_back_and_loses_nothing() {
    let (sidecar, extra) = through_dapr();
    let home = Home::new(library(), &extra);
    let daemon = Daemon::start(&home.config);
    under_way(&home);
    sidecar.set_down(true);
    let shows = |line: &str| metrics(&home).lines().any(|shown| shown == line);
    until("its leases have run out", || {
        shows("grind_leased_blocks 0") && shows("grind_books_in_hand 0")
    });
    let (then, failed) = (books_at_home(&home), failed_messages(&home));
    assert!(then < BOOKS as usize, "there is work left");
    until("it has asked for leases again, in vain", || {
        failed_messages(&home) >= failed + 3
    });
    assert_eq!(books_at_home(&home), then, "without leases it does nothing");
    sidecar.set_down(false);
    let catalog = home.folder.path().join("catalog.db");
    until("it goes on by itself", || stored_in(&catalog) > BOOKS * 3 / 4);
    sidecar.set_down(true);
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.err);
    sidecar.set_down(false);
    // What could not be given back has to run out first: a run that is to end by itself waits for that.
    let ended = home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(stored_in(&catalog), BOOKS);
    nothing_lost_nothing_doubled(&home);
}

/// Against a real sidecar: `DAPR_HTTP_PORT` says where, `GRIND_TEST_STATE_STORE` which store (`statestore`).
#[test]
fn a_real_sidecar_answers_as_the_simulator_does() {
    let Some(port) = std::env::var("DAPR_HTTP_PORT")
        .ok()
        .and_then(|port| port.parse::<u16>().ok())
    else {
        println!("skipped: DAPR_HTTP_PORT is not set, so there is no Dapr sidecar to ask");
        return;
    };
    let name = std::env::var("GRIND_TEST_STATE_STORE").unwrap_or_else(|_| "statestore".to_owned());
    actix_rt::System::new().block_on(against(&format!("http://127.0.0.1:{port}"), &name));
}

/// The same against the simulator, so that the test itself is tested.
#[test]
fn the_simulator_answers_as_a_real_sidecar_should() {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    actix_rt::System::new().block_on(against(&sidecar.base_url(), "statestore"));
}

async fn against(base: &str, name: &str) {
    let url = url::Url::parse(base).unwrap();
    let hub = ActorRegistry::new();
    let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(&url, &[], &[]))).unwrap();
    let config = StateStoreConfig::new(&url, name).unwrap();
    let store = StateStore::start(&hub, &actix_rt::Arbiter::current(), &session, config);
    let cx = AskContext::root("test");
    let key = format!("grind-test/{}-{}", std::process::id(), rand::random::<u64>());
    let item = |n: i32| {
        StateItem::json(&key, &serde_json::json!({ "n": n }))
            .unwrap()
            .first_write()
    };

    assert_eq!(store.ask(GetState::of(&key), &cx).await, Ok(KeyState::NotFound));
    store.ask(SaveState::one(item(1).for_seconds(300)), &cx).await.unwrap();
    let refused = store.ask(SaveState::one(item(2)), &cx).await;
    assert!(
        matches!(refused, Err(StateError::Failed { .. } | StateError::Conflict)),
        "a first-write over a first-written key: {refused:?}"
    );
    let stored = store.ask(GetState::strong(&key), &cx).await.unwrap().value().unwrap();
    assert_eq!(stored.json::<serde_json::Value>().unwrap()["n"], 1);
    let etag = stored.etag.unwrap();
    store.ask(SaveState::one(item(3).if_match(&etag)), &cx).await.unwrap();
    assert_eq!(
        store.ask(SaveState::one(item(4).if_match(&etag)), &cx).await,
        Err(StateError::Conflict)
    );
    assert_eq!(
        store.ask(DeleteState::if_match(&key, &etag), &cx).await,
        Err(StateError::Conflict)
    );
    store.ask(DeleteState::of(&key), &cx).await.unwrap();
    assert_eq!(store.ask(GetState::of(&key), &cx).await, Ok(KeyState::NotFound));
    let bad = store.ask(GetState::of("a||b"), &cx).await;
    assert!(matches!(bad, Err(StateError::Malformed { .. })), "{bad:?}");
    drop(store);
    thread.join().unwrap();
}

const TOKEN: &str = "kiwi-blossom";

/// A home whose leases are in a store behind a sidecar that wants a token.
fn behind_a_token(extra: &str) -> (RunningSidecar, Home) {
    let config = SidecarConfig {
        api_token: Some(TOKEN.to_owned()),
        ..SidecarConfig::default()
    };
    let sidecar = SidecarSimulator::start(config).unwrap();
    let few = SimulatorConfig {
        books: 5,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    };
    let extra = format!(
        "[work]\nleases = \"dapr\"\nlease_time = \"4s\"\n[state_store]\nenabled = true\nurl = \"{}\"\n{extra}",
        sidecar.base_url()
    );
    (sidecar, Home::new(few, &extra))
}

#[test]
fn the_token_of_the_environment_opens_the_sidecar() {
    let (_sidecar, home) = behind_a_token("");
    let child = home
        .command(&["run", "--once"])
        .env("DAPR_API_TOKEN", TOKEN)
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 5);
}

#[test]
fn the_token_of_a_file_counts_before_that_of_the_environment() {
    let (_sidecar, home) = behind_a_token("token_file = \"../dapr.token\"\n");
    let file = home.folder.path().join("dapr.token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let child = home
        .command(&["run", "--once"])
        .env("DAPR_API_TOKEN", "another")
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 5);
    assert!(
        !ended.err.contains(TOKEN) && !ended.out.contains(TOKEN),
        "a secret is never logged"
    );
}

/// Before, it waited for its share of the rate for ever.
#[test]
fn a_sidecar_that_refuses_us_ends_a_run_once_and_says_what_to_set() {
    let (_sidecar, home) = behind_a_token("");
    let began = Instant::now();
    let child = home
        .command(&["run", "--once"])
        .env_remove("DAPR_API_TOKEN")
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    // Five thirds of a lease, and the end.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert!(ended.err.contains("state_store.token_file"), "{}", ended.err);
    assert!(home.whole_books().is_empty());
}
