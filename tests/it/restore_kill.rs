//! The daemon is killed at each instruction of a restore from the second copy; the next start restores the book, and asks GRIN for nothing.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use grind::grin::Barcode;
use grind::lab::simulator::SimulatorRequest;
use rusqlite::Connection;

use crate::publication_kill::{KilledDaemon, PATIENCE, layout, one_book, run_once, with_keys, writes};
use crate::second_copy::make_due;
use crate::storage_s3::server::{BUCKET, Server};
use crate::support::{Home, finish};
use crate::verify::flip;

/// A book in a bucket, and in a folder as its second copy, whose archive is lost from the bucket and whose text is damaged there.
fn lost_from_a_bucket() -> (Server, Home, Barcode) {
    let server = Server::start();
    let home = Home::new(one_book(500), &server.settings());
    let second = home.folder.path().join("second").display().to_string();
    let copy = format!("[storage.copy]\nurl = \"file://{second}\"\ndisk_reserve = \"0%\"\n");
    std::fs::write(home.folder.path().join("grind.toml.d/30-copy.toml"), copy).unwrap();
    run_once(&home);
    let book = home.simulator.barcodes().next().unwrap();
    let library = server.root.path().join(BUCKET).join("library");
    std::fs::remove_file(library.join(layout().raw(&book).as_str())).unwrap();
    flip(&library.join(layout().text(&book, true).as_str()), 9);
    make_due(&home, "TRUE");
    server.requests();
    (server, home, book)
}

#[test]
fn a_kill_at_any_write_of_a_restore_from_the_second_copy_is_followed_by_another_one_and_grin_is_not_asked() {
    let (server, home, book) = lost_from_a_bucket();
    run_once(&home);
    let count = server
        .requests()
        .iter()
        .filter(|request| writes(request, &book))
        .count();
    assert!(count >= 2, "archive and text");
    for (nth, done) in (1..=count).map(|nth| (nth, false)).chain([(count, true)]) {
        let (server, home, book) = lost_from_a_bucket();
        // Shown only if the test fails.
        eprintln!("killed at write {nth}, carried out: {done}");
        let fetched = home.simulator.stats().count(SimulatorRequest::Get);
        let (mut seen, of) = (0, book.clone());
        let came = server.hold(done, move |request| {
            seen += usize::from(writes(request, &of));
            seen == nth
        });
        let daemon = KilledDaemon::start(with_keys(home.command(&["run"])));
        came.recv_timeout(PATIENCE).expect("the daemon comes to this write");
        drop(daemon);

        run_once(&home);
        assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), fetched);
        let verified = finish(with_keys(home.command(&["verify", "--deep"])).spawn().unwrap()).succeeded();
        assert!(verified.out.contains("1 books read again"), "{}", verified.out);
        let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
        let sql = "SELECT state = 'stored' AND publishing_sha256 IS NULL AND claimed_by IS NULL FROM books";
        assert!(catalog.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
    }
}
