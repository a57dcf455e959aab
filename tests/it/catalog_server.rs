//! Whole runs with the catalog on a PostgreSQL server. tests/parts/postgres begins one and names it in `GRIND_TEST_POSTGRES`.

use std::time::Duration;

use crate::support::service::Service;
use crate::support::{Finished, Home, finish};
use grind::lab::simulator::{AuthConfig, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;
use tokio_postgres::NoTls;

/// A schema of its own in the database that the variable names, as long as it is held.
struct ServerSchema {
    url: String,
    name: String,
}

impl ServerSchema {
    fn new() -> Self {
        let url = std::env::var("GRIND_TEST_POSTGRES").expect("GRIND_TEST_POSTGRES names a server");
        let moment = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("grind_{}_{moment}", std::process::id());
        let schema = Self { url, name };
        schema.run(&format!("CREATE SCHEMA {}", schema.name));
        schema
    }

    /// The config's section for it.
    fn section(&self) -> String {
        let Self { url, name } = self;
        format!("[catalog]\nurl = \"{url}&options=-csearch_path%3D{name}&application_name={name}\"\n")
    }

    /// What a service file says of it.
    fn service(&self) -> String {
        let named: tokio_postgres::Config = self.url.split('?').next().unwrap().parse().unwrap();
        let (user, database) = (named.get_user().unwrap(), named.get_dbname().unwrap());
        let (port, socket, name) = (named.get_ports()[0], self.socket(), &self.name);
        format!("[grind]\nhost={socket}\nport={port}\nuser={user}\ndbname={database}\noptions=-csearch_path={name}\n")
    }

    /// The socket's folder: a host in the query goes before the one in front of it, as the program reads it.
    fn socket(&self) -> &str {
        self.url.split("host=").nth(1).unwrap()
    }

    fn run(&self, sql: &str) {
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
            drop(client);
            driven.await.unwrap().unwrap();
        });
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

    let service = home.folder.path().join("service.conf");
    std::fs::write(&service, schema.service()).unwrap();
    let mut asked = home.command(&["report", "--json"]);
    asked
        .env("GRIND__CATALOG__URL", "postgres:///")
        .env("PGSERVICE", "grind");
    let same = good(finish(asked.env("PGSERVICEFILE", service).spawn().unwrap()));
    let same: serde_json::Value = serde_json::from_str(&same.out).unwrap();
    assert_eq!(same["states"]["by_state"]["stored"], 40, "{same}");

    good(home.grind(&["run", "--once"]));
    let fetched = home.simulator.stats().count(SimulatorRequest::Get);
    assert_eq!(fetched, 40, "nothing is fetched a second time");
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
        let name = &schema.name;
        schema.run(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{name}'"
        ));
    }
    fetched(&service, 60);
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    good(service.home.grind(&["run", "--once"]));
    assert_eq!(service.home.whole_books().len(), 60);
}
