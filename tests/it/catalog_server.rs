//! Whole runs with the catalog on a PostgreSQL server. tests/parts/postgres begins one and names it in `GRIND_TEST_POSTGRES`.

use std::path::Path;
use std::time::Duration;

use crate::support::service::Service;
use crate::support::{Finished, Home, finish};
use grind::catalog::{CatalogAddress, CatalogLedger, CatalogPolicy};
use grind::clock::SystemClock;
use grind::lab::simulator::{AuthConfig, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;
use tokio_postgres::NoTls;

/// A schema of its own in the database that the variable names, as long as it is held.
pub struct ServerSchema {
    url: String,
    name: String,
}

impl ServerSchema {
    pub fn new() -> Self {
        let url = std::env::var("GRIND_TEST_POSTGRES").expect("GRIND_TEST_POSTGRES names a server");
        let moment = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("grind_{}_{moment}", std::process::id());
        let schema = Self { url, name };
        schema.run(&format!("CREATE SCHEMA {}", schema.name));
        schema
    }

    /// The config's section for it.
    fn section(&self) -> String {
        format!("[catalog]\nurl = \"{}\"\n", self.address())
    }

    /// What a service file says of it.
    fn service(&self) -> String {
        let named: tokio_postgres::Config = self.url.split('?').next().unwrap().parse().unwrap();
        let (user, database) = (named.get_user().unwrap(), named.get_dbname().unwrap());
        let (port, socket, name) = (named.get_ports()[0], self.socket(), &self.name);
        format!("[grind]\nhost={socket}\nport={port}\nuser={user}\ndbname={database}\noptions=-csearch_path={name}\n")
    }

    /// The same by TCP, where the server proves itself and asks for a password.
    fn secured_service(&self, passwords: &Path) -> String {
        let secured = std::env::var("GRIND_TEST_POSTGRES_TLS").unwrap();
        let authority = secured.split("sslrootcert=").nth(1).unwrap().split('&').next().unwrap();
        let (own, passwords) = (self.service(), passwords.display());
        let own = own.replace(&format!("host={}", self.socket()), "host=localhost");
        format!("{own}sslmode=verify-full\nsslrootcert={authority}\npassfile={passwords}\n")
    }

    /// The socket's folder: a host in the query goes before the one in front of it, as the program reads it.
    fn socket(&self) -> &str {
        self.url.split("host=").nth(1).unwrap()
    }

    /// The schema's address.
    pub fn address(&self) -> String {
        let Self { url, name } = self;
        format!("{url}&options=-csearch_path%3D{name}&application_name={name}")
    }

    /// Ends all connections that use it.
    pub fn end_connections(&self) {
        let name = &self.name;
        self.run(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{name}'"
        ));
    }

    /// Whether new transactions of everybody may only read, this server's other schemas included.
    pub fn set_read_only(&self, is_read_only: bool) {
        let value = if is_read_only { "on" } else { "off" };
        self.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        self.run("SELECT pg_reload_conf()");
    }

    fn run(&self, sql: &str) {
        self.holding(sql, || ());
    }

    /// Runs statements, and does something before the connection ends.
    fn holding<T>(&self, sql: &str, held: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let named: tokio_postgres::Config = self.url.split('?').next().unwrap().parse().unwrap();
            let mut config = tokio_postgres::Config::new();
            config
                .user(named.get_user().unwrap())
                .dbname(named.get_dbname().unwrap());
            config.port(named.get_ports()[0]).host_path(self.socket());
            let (client, connection) = config.connect(NoTls).await.unwrap();
            let driven = tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
            let done = held();
            drop(client);
            driven.await.unwrap().unwrap();
            done
        })
    }
}

impl Drop for ServerSchema {
    fn drop(&mut self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

fn small(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 6,
        image_bytes: 8_000,
        auth: Some(AuthConfig::default()),
        ..SimulatorConfig::default()
    }
}

fn good(run: Finished) -> Finished {
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    run
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_whole_run_and_all_questions_after_it() {
    let schema = ServerSchema::new();
    let home = Home::new(small(40), &schema.section());
    let nothing = good(home.grind(&["sync", "--dry-run"]));
    assert!(nothing.out.contains("no catalog yet"), "{}", nothing.out);
    // Refused where anything was made in it.
    schema.run(&format!("DROP SCHEMA {0} RESTRICT; CREATE SCHEMA {0}", schema.name));
    good(home.grind(&["run", "--once"]));
    assert_eq!(home.whole_books().len(), 40);
    for step in ["enrich", "convert", "sync"] {
        good(home.grind(&[step, "--dry-run", "--force"]));
    }
    home.nothing_is_left_over();
    assert!(!home.folder.path().join("catalog.db").exists(), "no file beside it");

    let report = good(home.grind(&["report", "--json"]));
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["states"]["by_state"]["stored"], 40, "{report}");
    let barcode = home.simulator.barcodes().next().unwrap();
    let story = good(home.grind(&["explain", barcode.as_str()]));
    assert!(story.out.contains("It is stored"), "{}", story.out);
    let csv = good(home.grind(&["export", "csv"]));
    assert_eq!(csv.out.lines().count(), 41);
    let jsonl = good(home.grind(&["export", "jsonl"]));
    assert_eq!(jsonl.out.matches("\"lists\"").count(), 40);

    good(home.grind(&["run", "--once"]));
    let fetched = home.simulator.stats().count(SimulatorRequest::Get);
    assert_eq!(fetched, 40, "nothing is fetched a second time");
}

/// Reads a catalog of which the address tells nothing, and this service file all.
fn is_read_by_its_service(home: &Home, text: &str) {
    let folder = home.folder.path();
    let file = folder.join("pg_service.conf");
    std::fs::write(&file, text).unwrap();
    let stored = |url: &str, variables: [(&str, &Path); 2]| {
        let mut asked = home.command(&["report", "--json"]);
        asked.env_remove("PGPASSFILE").env("GRIND__CATALOG__URL", url);
        let answer = good(finish(asked.envs(variables).spawn().unwrap()));
        let answer: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        answer["states"]["by_state"]["stored"].as_u64()
    };
    let by_variables = [("PGSERVICE", Path::new("grind")), ("PGSERVICEFILE", &file)];
    assert_eq!(stored("postgres:///", by_variables), Some(3));
    let by_address = [("HOME", Path::new("/nonexistent")), ("PGSYSCONFDIR", folder)];
    assert_eq!(stored("postgres:///?service=grind", by_address), Some(3));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_service_file_tells_all_about_a_server() {
    let schema = ServerSchema::new();
    let home = Home::new(small(3), &schema.section());
    good(home.grind(&["run", "--once"]));
    is_read_by_its_service(&home, &schema.service());
}

/// The authority that proves it, and where the password is.
#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_server_proves_itself_as_its_service_file_demands() {
    let schema = ServerSchema::new();
    let home = Home::new(small(3), &schema.section());
    good(home.grind(&["run", "--once"]));
    let passwords = home.folder.path().join("passwords");
    std::fs::copy(std::env::var("PGPASSFILE").unwrap(), &passwords).unwrap();
    is_read_by_its_service(&home, &schema.secured_service(&passwords));
}

fn fetched(service: &Service, books: u64) {
    let simulator = &service.home.simulator;
    assert!(
        simulator.wait_for(SimulatorRequest::Get, books, Duration::from_mins(1)),
        "{books} books"
    );
    service.take_messages();
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_daemon_outlives_the_end_of_all_its_connections() {
    let schema = ServerSchema::new();
    let mut service = Service::of(Home::new(small(60), &schema.section()));
    for books in [5, 20, 40] {
        fetched(&service, books);
        schema.end_connections();
    }
    fetched(&service, 60);
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    good(service.home.grind(&["run", "--once"]));
    assert_eq!(service.home.whole_books().len(), 60);
}

/// Runs the program with its catalog elsewhere.
fn with_catalog(home: &Home, url: &str, arguments: &[&str]) -> Finished {
    let mut command = home.command(arguments);
    finish(command.env("GRIND__CATALOG__URL", url).spawn().unwrap())
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_catalog_moves_to_a_server_and_back_and_no_book_is_fetched_twice() {
    let schema = ServerSchema::new();
    let home = Home::new(small(30), "");
    good(home.grind(&["run", "--once"]));
    let server = schema.address();
    let copied = good(home.grind(&["catalog", "copy", "--to", &server]));
    assert!(
        copied.out.contains("books") && copied.out.contains("30 rows"),
        "{}",
        copied.out
    );
    let again = good(home.grind(&["catalog", "copy", "--to", &server]));
    assert!(again.out.contains("complete already"), "{}", again.out);

    good(with_catalog(&home, &server, &["run", "--once"]));
    let used = home.grind(&["catalog", "copy", "--to", &server]);
    assert_eq!(used.status.code(), Some(1), "{}", used.err);
    assert!(used.err.contains("is not empty"), "{}", used.err);
    let back = format!("sqlite://{}", home.folder.path().join("back.db").display());
    let json = good(with_catalog(
        &home,
        &server,
        &["catalog", "copy", "--json", "--to", &back],
    ));
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 9, "{json}");
    good(with_catalog(&home, &back, &["run", "--once"]));
    let report = good(with_catalog(&home, &back, &["report", "--json"]));
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["states"]["by_state"]["stored"], 30, "{report}");
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), 30);

    let none = format!("sqlite://{}", home.folder.path().join("none.db").display());
    let nothing = with_catalog(&home, &none, &["catalog", "copy", "--to", &back]);
    assert_eq!(nothing.status.code(), Some(78), "{}", nothing.err);
    assert!(!home.folder.path().join("none.db").exists());
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_copy_that_is_killed_goes_on_when_it_is_begun_again() {
    let schema = ServerSchema::new();
    let home = Home::new(small(10), "");
    good(home.grind(&["run", "--once"]));
    let (server, name) = (schema.address(), &schema.name);
    let address = CatalogAddress::parse(&server).unwrap();
    drop(CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default()).unwrap());
    let arguments = ["catalog", "copy", "--to", &server];
    let lock = format!("BEGIN; LOCK TABLE {name}.sightings");
    schema.holding(&lock, || {
        let mut copy = home.command(&arguments).spawn().unwrap();
        let has_books = format!(
            "DO $$ BEGIN WHILE (SELECT count(*) FROM {name}.books) = 0 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
        );
        std::thread::scope(|scope| scope.spawn(|| schema.run(&has_books)).join().unwrap());
        copy.kill().unwrap();
        copy.wait().unwrap();
    });
    let half = with_catalog(&home, &server, &["run", "--once"]);
    assert_eq!(half.status.code(), Some(78), "{}", half.err);
    assert!(half.err.contains("unfinished copy"), "{}", half.err);
    for arguments in [&["report"][..], &["export", "csv"], &["check-config", "--connect"]] {
        let read = with_catalog(&home, &server, arguments);
        assert_eq!(read.status.code(), Some(78), "{arguments:?}: {}", read.err);
        let said = read.out + &read.err;
        assert!(said.contains("unfinished copy"), "{arguments:?}: {said}");
    }
    let copied = good(home.grind(&arguments));
    assert!(copied.out.contains("10 rows"), "{}", copied.out);
    // The preflight has asked for a part of one archive.
    let fetched = || home.simulator.stats().count(SimulatorRequest::Get);
    let before = fetched();
    good(with_catalog(&home, &server, &["run", "--once"]));
    assert_eq!(fetched(), before);
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_catalog_that_a_daemon_uses_is_not_copied() {
    let schema = ServerSchema::new();
    let mut service = Service::of(Home::new(small(3), &schema.section()));
    fetched(&service, 3);
    let url = format!("sqlite://{}", service.home.folder.path().join("copy.db").display());
    let refused = service.home.grind(&["catalog", "copy", "--to", &url]);
    assert_eq!(refused.status.code(), Some(73), "{}", refused.err);
    assert!(refused.err.contains("is in use"), "{}", refused.err);
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    good(service.home.grind(&["catalog", "copy", "--to", &url]));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_backup_of_a_server_is_a_file_like_any_other_and_goes_back_into_a_server() {
    let (schema, new) = (ServerSchema::new(), ServerSchema::new());
    let library = SimulatorConfig {
        books: 3,
        pages: 1,
        image_bytes: 500,
        ..SimulatorConfig::default()
    };
    let home = Home::new(library, &schema.section());
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    assert!(ran.err.contains("read back and found whole"), "{}", ran.err);
    let dropin = home.folder.path().join("grind.toml.d/30-new.toml");
    std::fs::write(dropin, new.section()).unwrap();
    let restored = home.grind(&["restore"]);
    assert!(restored.status.success(), "{}", restored.err);
    assert!(
        restored.out.contains("3 books are in the storage as recorded"),
        "{}",
        restored.out
    );
    let again = home.grind(&["run", "--once"]);
    assert!(again.status.success(), "{}", again.err);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), 3);
}
