//! The daemon is killed at each instruction of a publication; the next start makes store and catalog agree by itself.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::Duration;

use crate::storage_s3::server::{BUCKET, KEYS, Server};
use crate::support::{Finished, Home, files, finish, sha256};
use grind::archive::BookManifest;
use grind::grin::Barcode;
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use grind::storage::StorageLayout;
use rusqlite::Connection;
use rustix::fs::inotify;

/// How long a daemon may take for a book of a few pages.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What is stored and was converted anew is served, too.
const QUEUES: &str = "[work]\nqueues = [\"converted\", \"changed\"]\n";

pub fn one_book(image_bytes: u64) -> SimulatorConfig {
    SimulatorConfig {
        books: 1,
        pages: 4,
        image_bytes,
        s2k_count: 1_024,
        ..SimulatorConfig::default()
    }
}

pub fn layout() -> StorageLayout {
    StorageLayout::new("raw", "full", "meta").unwrap()
}

/// A daemon that is killed at the end of the test at the latest.
pub struct KilledDaemon(Child);

impl KilledDaemon {
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for KilledDaemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A book that is fetched for the first time, or again because GRIN has another archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    First,
    Again,
}

const FETCHES: [Fetch; 2] = [Fetch::First, Fetch::Again];

/// Store and catalog know the same, which is what GRIN has: each object once, and nothing else.
fn agree(home: &Home, library: &Path, fetch: Fetch) {
    let book = home.simulator.barcodes().next().unwrap();
    let truth = home.simulator.truth(&book).unwrap();
    let layout = layout();
    let manifest: BookManifest =
        serde_json::from_slice(&std::fs::read(library.join(layout.manifest(&book).as_str())).unwrap()).unwrap();
    assert_eq!(manifest.sha256, truth.sha256);
    assert_eq!(manifest.encrypted_etag.as_deref(), Some(truth.etag.as_str()));
    let mut named: BTreeSet<String> = [layout.raw(&book), layout.manifest(&book)]
        .map(|key| key.to_string())
        .into();
    assert_eq!(sha256(&library.join(layout.raw(&book).as_str())), truth.sha256);
    for companion in &manifest.companions {
        assert_eq!(
            sha256(&library.join(&companion.key)),
            companion.sha256,
            "{}",
            companion.key
        );
        named.insert(companion.key.clone());
    }
    assert_eq!(manifest.companions.len(), 3, "text, catalogue record and index");
    let there: BTreeSet<String> = files(library)
        .into_iter()
        .map(|path| path.strip_prefix(library).unwrap().display().to_string())
        // The marker, and the copies of the catalog, are no book's.
        .filter(|path| path != "grind-storage.json" && path != "meta/books_export.csv.gz" && !path.ends_with(".db.gz"))
        .collect();
    assert_eq!(there, named, "the manifest names what is there");

    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let (state, sha256, etag, begun): (String, String, String, Option<String>) = catalog
        .query_row(
            "SELECT state, sha256, encrypted_etag, publishing_sha256 FROM books",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!((state.as_str(), begun), ("stored", None));
    assert_eq!((sha256, Some(etag)), (manifest.sha256, manifest.encrypted_etag));
    let stored: u32 = catalog
        .query_row(
            "SELECT count(*) FROM book_status_history WHERE status_value = 'stored' AND metadata LIKE '%sha256%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        stored,
        1 + u32::from(fetch == Fetch::Again),
        "each version is recorded once"
    );
}

/// The same daemon with the keys of the S3 server.
pub fn with_keys(mut command: Command) -> Command {
    command.envs(KEYS);
    command
}

pub fn run_once(home: &Home) -> Finished {
    finish(with_keys(home.command(&["run", "--once"])).spawn().unwrap()).succeeded()
}

/// A request that publishes something of a book, or moves it on its way.
pub fn writes(request: &str, book: &Barcode) -> bool {
    let is_write = ["PUT ", "POST ", "DELETE "]
        .iter()
        .any(|method| request.starts_with(method));
    is_write && (request.contains(book.as_str()) || request.contains(".grind-tmp/"))
}

/// Daemons that are killed while they fetch a book into a bucket.
struct BucketKills {
    image_bytes: u64,
    fetch: Fetch,
    /// At which writes.
    wanted: fn(&str) -> bool,
    /// Where the simulators of all the daemons keep the archives that they made.
    made: tempfile::TempDir,
}

impl BucketKills {
    /// A library in a bucket, with the book in the state that comes before the fetch.
    fn library(&self) -> (Server, Home, Barcode) {
        let server = Server::start();
        let config = SimulatorConfig {
            cache_dir: Some(self.made.path().to_owned()),
            ..one_book(self.image_bytes)
        };
        let home = Home::new(config, &[QUEUES, &server.settings()].concat());
        let book = home.simulator.barcodes().next().unwrap();
        if self.fetch == Fetch::Again {
            run_once(&home);
            home.convert_anew(&book);
        }
        server.requests();
        (server, home, book)
    }

    /// At each of these writes, before the store carries it out; at the last one also after.
    fn at_each_write(&self) {
        let (server, home, book) = self.library();
        run_once(&home);
        let requests = server.requests();
        let count = requests
            .iter()
            .filter(|request| writes(request, &book) && (self.wanted)(request))
            .count();
        assert!(
            count >= 4,
            "archive, text, record and manifest, or the steps of an upload in parts"
        );
        for nth in 1..=count {
            self.at(nth, false);
        }
        self.at(count, true);
    }

    /// Kills the daemon at its `nth` write, before the store carries it out or after; then the next start.
    fn at(&self, nth: usize, done: bool) {
        let (server, home, book) = self.library();
        // Shown only if the test fails.
        eprintln!("{:?} fetch, killed at write {nth}, carried out: {done}", self.fetch);
        let fetched_before = home.simulator.stats().count(SimulatorRequest::Get);
        let (mut seen, of, wanted) = (0, book.clone(), self.wanted);
        let came = server.hold(done, move |request| {
            seen += usize::from(writes(request, &of) && wanted(request));
            seen == nth
        });
        let daemon = KilledDaemon::start(with_keys(home.command(&["run"])));
        came.recv_timeout(PATIENCE).expect("the daemon comes to this write");
        drop(daemon);
        let library = server.root.path().join(BUCKET).join("library");
        let truth = home.simulator.truth(&book).unwrap();
        let published = library.join(layout().raw(&book).as_str());
        let is_there = published.is_file() && sha256(&published) == truth.sha256;

        run_once(&home);
        let fetched = home.simulator.stats().count(SimulatorRequest::Get) - fetched_before;
        assert_eq!(
            fetched,
            1 + u64::from(!is_there),
            "fetched once more only where the archive is not there"
        );
        let notes = files(&library).into_iter().filter(|path| is_note(path));
        notes.for_each(|note| std::fs::remove_file(note).unwrap());
        agree(&home, &library, self.fetch);
    }
}

/// The server's own notes on metadata.
fn is_note(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".metadata.json") || name.ends_with(".internal.json")
}

fn kills(image_bytes: u64, fetch: Fetch, wanted: fn(&str) -> bool) -> BucketKills {
    BucketKills {
        image_bytes,
        fetch,
        wanted,
        made: tempfile::tempdir().unwrap(),
    }
}

#[test]
fn in_a_bucket_a_kill_at_any_write_of_a_first_fetch_leaves_what_the_next_start_mends() {
    kills(500, Fetch::First, |_| true).at_each_write();
}

#[test]
fn in_a_bucket_a_kill_at_any_write_of_another_fetch_leaves_what_the_next_start_mends() {
    kills(500, Fetch::Again, |_| true).at_each_write();
}

/// Beginning, completing and removing; that a part is sent changes nothing that anybody sees.
#[test]
fn in_a_bucket_a_kill_at_any_step_of_an_upload_in_parts_leaves_what_the_next_start_mends() {
    kills(2_300_000, Fetch::First, |request| !request.starts_with("PUT ")).at_each_write();
}

/// Whoever records a book as stored never comes to an end.
fn hold_the_record(home: &Home) -> Connection {
    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    catalog
        .execute_batch(
            "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
             CREATE TRIGGER hold AFTER UPDATE OF state ON books WHEN NEW.state = 'stored' AND OLD.state <> 'stored'
             BEGIN SELECT count(*) FROM endless; END;",
        )
        .unwrap();
    catalog
}

/// Starts the daemon and kills it when the manifest, the last object, has got its name.
fn killed_when_all_is_published(home: &Home, book: &Barcode) {
    let folder = home.root().join("meta");
    std::fs::create_dir_all(&folder).unwrap();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(
        &watch,
        &folder,
        inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE,
    )
    .unwrap();
    let _daemon = KilledDaemon::start(home.command(&["run"]));
    let manifest = format!("{book}.json");
    let (came, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut events = inotify::Reader::new(&watch, &mut buffer);
        while events
            .next()
            .unwrap()
            .file_name()
            .is_none_or(|name| name.to_bytes() != manifest.as_bytes())
        {}
        came.send(()).unwrap();
    });
    told.recv_timeout(PATIENCE).expect("the manifest gets its name");
}

#[test]
fn on_disk_a_kill_between_the_last_object_and_the_record_costs_no_second_download() {
    for fetch in FETCHES {
        let home = Home::new(one_book(500), QUEUES);
        let book = home.simulator.barcodes().next().unwrap();
        match fetch {
            Fetch::First => assert!(home.grind(&["collect"]).status.success()),
            Fetch::Again => {
                run_once(&home);
                home.convert_anew(&book);
            }
        }
        let catalog = hold_the_record(&home);
        killed_when_all_is_published(&home, &book);
        catalog.execute_batch("DROP TRIGGER hold; DROP VIEW endless").unwrap();
        let before = home.simulator.stats().count(SimulatorRequest::Get);
        run_once(&home);
        assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), before, "{fetch:?}");
        agree(&home, &home.root(), fetch);
        home.text_is_right(&book);
    }
}

/// The objects that were published before the kill, of those in the order of publication; the others are as they were before.
#[test]
fn on_disk_a_kill_between_any_two_objects_costs_no_second_download() {
    for fetch in FETCHES {
        for published in 1..=4 {
            let home = Home::new(one_book(500), QUEUES);
            let book = home.simulator.barcodes().next().unwrap();
            match fetch {
                Fetch::First => assert!(home.grind(&["collect"]).status.success()),
                Fetch::Again => {
                    run_once(&home);
                    home.convert_anew(&book);
                }
            }
            let layout = layout();
            let order = [
                layout.raw(&book).to_string(),
                layout.text(&book, true).to_string(),
                format!("meta/{book}.marc.xml"),
                layout.members(&book).to_string(),
                layout.manifest(&book).to_string(),
            ];
            let before = order[published..]
                .iter()
                .map(|name| (home.root().join(name), std::fs::read(home.root().join(name)).ok()));
            let before: Vec<_> = before.collect();
            let catalog = hold_the_record(&home);
            killed_when_all_is_published(&home, &book);
            catalog.execute_batch("DROP TRIGGER hold; DROP VIEW endless").unwrap();
            for (path, bytes) in before {
                match bytes {
                    Some(bytes) => std::fs::write(path, bytes).unwrap(),
                    None => std::fs::remove_file(path).unwrap(),
                }
            }
            let fetched = home.simulator.stats().count(SimulatorRequest::Get);
            run_once(&home);
            assert_eq!(
                home.simulator.stats().count(SimulatorRequest::Get),
                fetched,
                "{fetch:?}, {published} objects"
            );
            agree(&home, &home.root(), fetch);
            home.text_is_right(&book);
        }
    }
}
