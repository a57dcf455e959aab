//! A catalog into another database. With a server, from a file to it and back; without, from file to file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::catalog::engine::value::arguments;
use crate::catalog::tests::shelf::{
    HOUR, LEASE, Shelf, TestSchema, barcode, codes, converted, only, queue, stored, three,
};
use crate::catalog::*;
use crate::grin::ListKind;

use BookState as S;

/// Places for catalogs.
pub struct CopyPlaces {
    folder: tempfile::TempDir,
    schema: Option<TestSchema>,
}

impl CopyPlaces {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            schema: TestSchema::new(),
        }
    }

    pub fn file(&self, name: &str) -> CatalogAddress {
        CatalogAddress::Sqlite(self.folder.path().join(name))
    }

    /// On the server, if there is one.
    pub fn elsewhere(&self) -> CatalogAddress {
        let file = || self.file("elsewhere.db");
        self.schema.as_ref().map_or_else(file, |schema| schema.address.clone())
    }
}

pub fn copy_with(
    from: &CatalogAddress,
    to: &CatalogAddress,
    clock: &SystemClock,
    progress: &mut dyn FnMut(CopyProgress),
) -> Result<CompleteCopy, CatalogCopyError> {
    let copy = CatalogCopy {
        from,
        to,
        host: "host".into(),
        process: format!("{:x}", rand::random::<u32>()),
        clock: clock.clone(),
        progress,
    };
    copy.run()
}

pub fn copy(
    from: &CatalogAddress,
    to: &CatalogAddress,
    clock: &SystemClock,
) -> Result<Vec<CopiedRows>, CatalogCopyError> {
    copy_with(from, to, clock, &mut |_| ()).map(|copied| copied.tables)
}

/// A catalog with something in every table, more than one piece of books.
pub fn filled() -> Shelf {
    let mut shelf = Shelf::in_file();
    let rows = (0..1_150).map(|at| converted(&format!("TL{at:04}"), "2025/06/01"));
    shelf.complete_pass(ListKind::Converted, rows.collect());
    for code in ["TL0003", "TL0004"] {
        shelf.store(code, "\"a\"");
    }
    let odd = "a 'quoted' \\ back\tslash\nü 書 \u{1}";
    shelf
        .sqlite()
        .execute("UPDATE books SET title = ?1 WHERE barcode = 'TL0003'", [odd])
        .unwrap();
    shelf.claim_of("gone", only(&["TL0005"]), 1);
    shelf
}

pub fn open(address: &CatalogAddress, clock: &SystemClock) -> CatalogLedger {
    CatalogLedger::open_at(address, clock.clone(), CatalogPolicy::default()).unwrap()
}

pub fn text(ledger: &CatalogLedger, code: &str, column: &str) -> Option<String> {
    let sql = format!("SELECT {column} FROM books WHERE barcode = :code");
    ledger
        .conn()
        .one(&sql, &arguments! { code: code }, |row| row.at(0))
        .unwrap()
}

fn rows_of<'a>(copied: &'a [CopiedRows], table: &str) -> &'a CopiedRows {
    copied.iter().find(|rows| rows.table == table).unwrap()
}

#[test]
fn a_catalog_is_copied_there_and_back_and_goes_on_in_each() {
    let places = CopyPlaces::new();
    let shelf = filled();
    let (clock, elsewhere, back) = (&shelf.clock, places.elsewhere(), places.file("back.db"));
    let from = shelf.ledger.address().clone();
    let last = shelf.reader().explain(&barcode("TL0003")).unwrap();
    let there = copy(&from, &elsewhere, clock).unwrap();
    assert_eq!(rows_of(&there, "books").rows, 1_150);
    assert_eq!(rows_of(&there, "sightings").rows, 1_150);
    assert!(rows_of(&there, "book_status_history").rows > 1_150);
    assert_eq!(rows_of(&there, "list_passes").rows, 1);
    assert!(there.iter().all(|rows| rows.sha256.len() == 64));

    let and_back = copy(&elsewhere, &back, clock).unwrap();
    assert_eq!(there, and_back, "the same counts and digests");
    for address in [&elsewhere, &back] {
        let mut ledger = open(address, clock);
        let reader = CatalogReader::open_at(address, clock.clone()).unwrap();
        assert_eq!(reader.explain(&barcode("TL0003")).unwrap(), last);
        let counts = ledger.execute(CountBooks).unwrap();
        assert_eq!((counts.of(S::Stored), counts.total), (2, 1_150));
        assert_eq!(text(&ledger, "TL0005", "claimed_by").as_deref(), Some("gone"));
        // The claim of whoever was gone is over; numbers and ids go on.
        let selection = only(&["TL0005", "TL0006"]);
        let claim = ClaimBooks {
            selection,
            limit: 2,
            owner: "new".into(),
            lease: LEASE,
        };
        let claimed = ledger.execute(claim).unwrap();
        assert_eq!(codes(&claimed), ["TL0005", "TL0006"]);
        assert!(claimed[0].claim.fence > 3, "{claimed:?}");
        for book in claimed {
            let settlement = stored(book.claim.barcode.as_str(), "\"b\"");
            ledger
                .execute(SettleClaim {
                    claim: book.claim,
                    settlement,
                })
                .unwrap();
        }
        assert_eq!(ledger.execute(EnsureKnown(vec![barcode("TL9999")])).unwrap(), 1);
        ledger
            .execute(BeginPass {
                list: ListKind::Converted,
                resume: false,
                fence: None,
            })
            .unwrap();
        assert_eq!(ledger.execute(CountBooks).unwrap().of(S::Stored), 4);
        assert!(ledger.execute(ListMembers).unwrap().is_empty(), "the copy has left");
    }
}

/// Copies until a table has so many rows, and is then killed.
fn killed_at(from: &CatalogAddress, to: &CatalogAddress, clock: &SystemClock, table: &str, comparing: bool) {
    let mut stop = |at: CopyProgress| {
        assert!(at.table != table || at.is_comparing != comparing, "killed here");
    };
    let killed = catch_unwind(AssertUnwindSafe(|| copy_with(from, to, clock, &mut stop)));
    assert!(killed.is_err(), "{table} is reached");
}

#[test]
fn a_copy_that_was_killed_goes_on_and_doubles_nothing() {
    let mut places = CopyPlaces::new();
    let mut shelf = filled();
    let from = shelf.ledger.address().clone();
    let whole = copy(&from, &places.file("whole.db"), &shelf.clock).unwrap();
    for (table, comparing) in [("books", false), ("sightings", false), ("tallies", true)] {
        places = CopyPlaces::new();
        let to = places.elsewhere();
        killed_at(&from, &to, &shelf.clock, table, comparing);
        // Nobody can take it for a whole one, and its killed copier is not waited for longer than its lease.
        let opened = CatalogLedger::open_at(&to, shelf.clock.clone(), CatalogPolicy::default()).err();
        assert!(matches!(opened, Some(CatalogError::HalfCopied { .. })), "{opened:?}");
        let mut half = CatalogLedger::open_unnoted(&to, shelf.clock.clone(), CatalogPolicy::default()).unwrap();
        let member = MemberCard {
            instance: "a".into(),
            owner: "a:1".into(),
            host: "host".into(),
            program: "daemon".into(),
            version: "1".into(),
        };
        let lease = LEASE;
        let joined = half.execute(JoinMembers {
            member: member.clone(),
            lease,
        });
        assert!(matches!(joined, Err(CatalogError::HalfCopied { .. })), "{joined:?}");
        let joined = shelf.ledger.execute(JoinMembers { member, lease });
        assert!(matches!(joined, Err(CatalogError::BeingCopied { .. })), "{joined:?}");
        drop(half);
        shelf.clock.advance(HOUR);
        let read = CatalogReader::open_at(&to, shelf.clock.clone()).err();
        assert!(matches!(read, Some(CatalogError::HalfCopied { .. })), "{read:?}");
        let beyond = places.file("beyond.db");
        let of_half = copy(&to, &beyond, &shelf.clock);
        assert!(
            matches!(of_half, Err(CatalogCopyError::Catalog(CatalogError::HalfCopied { .. }))),
            "{of_half:?}"
        );
        let mut first = None;
        let note = &mut |at: CopyProgress| {
            if at.table == "books" && !at.is_comparing {
                first.get_or_insert(at.rows);
            }
        };
        let copied = copy_with(&from, &to, &shelf.clock, note).unwrap().tables;
        assert_eq!(copied, whole, "killed at {table}");
        if table == "books" {
            assert_eq!(first, Some(1_000), "the first piece is not copied again");
        }
    }
}

#[test]
fn what_changed_after_a_part_was_copied_is_copied_anew() {
    let places = CopyPlaces::new();
    let mut shelf = filled();
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    killed_at(&from, &to, &shelf.clock, "tallies", false);
    shelf.clock.advance(HOUR);
    shelf.store("TL0010", "\"a\"");
    copy(&from, &to, &shelf.clock).unwrap();
    assert_eq!(open(&to, &shelf.clock).execute(CountBooks).unwrap().of(S::Stored), 3);
}

#[test]
fn a_history_that_is_another_is_never_written_over() {
    let places = CopyPlaces::new();
    let shelf = filled();
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    killed_at(&from, &to, &shelf.clock, "tallies", false);
    shelf.clock.advance(HOUR);
    let forged =
        "INSERT INTO book_status_history (barcode, status_type, status_value, timestamp) VALUES ('x', 'x', 'x', 'x')";
    let mut half = CatalogLedger::open_unnoted(&to, shelf.clock.clone(), CatalogPolicy::default()).unwrap();
    half.conn().begin().unwrap();
    half.conn()
        .execute(
            &forged
                .replace("(barcode", "(id, barcode")
                .replace("('x'", "(1000000, 'x'"),
            &[],
        )
        .unwrap();
    half.conn().commit().unwrap();
    let error = copy(&from, &to, &shelf.clock).unwrap_err();
    assert!(
        matches!(
            error,
            CatalogCopyError::Differs {
                table: "book_status_history",
                ..
            }
        ),
        "{error}"
    );
    assert!(half.execute(ListMembers).unwrap().is_empty());
}

#[test]
fn a_catalog_with_members_is_not_copied_nor_copied_into() {
    let places = CopyPlaces::new();
    let mut shelf = Shelf::in_file();
    three(&mut shelf);
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    let member = MemberCard {
        instance: "main".into(),
        owner: "main:1".into(),
        host: "tower".into(),
        program: "daemon".into(),
        version: "1".into(),
    };
    let lease = LEASE;
    let mut target = open(&to, &shelf.clock);
    for ledger in [&mut shelf.ledger, &mut target] {
        let join = JoinMembers {
            member: member.clone(),
            lease,
        };
        ledger.execute(join).unwrap();
        let error = copy(&from, &to, &shelf.clock).unwrap_err();
        let CatalogCopyError::InUse { by, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(by.card, member);
        assert!(error.to_string().contains("main (daemon on tower)"), "{error}");
        let owner = member.owner.clone();
        ledger.execute(LeaveMembers { owner }).unwrap();
    }
    copy(&from, &to, &shelf.clock).unwrap();
}

#[test]
fn a_copy_that_lost_its_membership_ends_and_is_no_whole_one() {
    for lost in [0, 1] {
        let places = CopyPlaces::new();
        let shelf = filled();
        let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
        let catalog = [&from, &to][lost];
        let other = MemberCard {
            instance: "a".into(),
            owner: "a:1".into(),
            host: "host".into(),
            program: "catalog-copy".into(),
            version: "1".into(),
        };
        let mut ledger = None;
        // It stands still in the middle, and another program has been a member meanwhile.
        let mut stand_still = |at: CopyProgress| {
            if at.table == "books" && ledger.is_none() {
                shelf.clock.advance(HOUR);
                let opened = CatalogLedger::open_unnoted(catalog, shelf.clock.clone(), CatalogPolicy::default());
                let ledger = ledger.insert(opened.unwrap());
                let member = other.clone();
                ledger.execute(JoinMembers { member, lease: LEASE }).unwrap();
            }
        };
        let ended = copy_with(&from, &to, &shelf.clock, &mut stand_still).unwrap_err();
        assert!(
            matches!(&ended, CatalogCopyError::Interrupted(of) if *of == catalog.shown()),
            "{ended}"
        );
        let half = CatalogLedger::open_at(&to, shelf.clock.clone(), CatalogPolicy::default()).err();
        assert!(matches!(half, Some(CatalogError::HalfCopied { .. })), "{half:?}");
        let mut ledger = ledger.expect("it was in the middle");
        let members = ledger.execute(ListMembers).unwrap();
        assert_eq!(members.iter().map(|row| &row.card).collect::<Vec<_>>(), [&other]);
        ledger.execute(LeaveMembers { owner: other.owner }).unwrap();
        copy(&from, &to, &shelf.clock).unwrap();
    }
}

#[test]
fn a_catalog_that_holds_books_of_its_own_stays_as_it_is() {
    let places = CopyPlaces::new();
    let mut shelf = Shelf::in_file();
    three(&mut shelf);
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    let mut target = open(&to, &shelf.clock);
    target.execute(EnsureKnown(vec![barcode("TL7777")])).unwrap();
    let error = copy(&from, &to, &shelf.clock).unwrap_err();
    assert!(matches!(error, CatalogCopyError::NotEmpty { books: 1, .. }), "{error}");
    assert_eq!(target.execute(CountBooks).unwrap().total, 1);
    assert!(matches!(
        copy(&from, &from, &shelf.clock),
        Err(CatalogCopyError::Same(_))
    ));
    assert!(matches!(copy(&to, &to, &shelf.clock), Err(CatalogCopyError::Same(_))));

    // A copy that was begun from another catalog is another library's, too.
    let (places, mut other) = (CopyPlaces::new(), Shelf::in_file());
    three(&mut other);
    let to = places.elsewhere();
    killed_at(other.ledger.address(), &to, &other.clock, "tallies", false);
    shelf.clock.advance(HOUR * 24);
    let error = copy(&from, &to, &shelf.clock).unwrap_err();
    assert!(matches!(error, CatalogCopyError::NotEmpty { .. }), "{error}");
}

#[test]
fn an_opened_catalog_without_books_is_empty() {
    let places = CopyPlaces::new();
    let mut shelf = Shelf::in_file();
    three(&mut shelf);
    let to = places.elsewhere();
    for _ in 0..3 {
        open(&to, &shelf.clock);
    }
    let copied = copy(shelf.ledger.address(), &to, &shelf.clock).unwrap();
    assert_eq!(rows_of(&copied, "sessions").rows, 1, "those of the copied catalog");
    let claim = ClaimBooks {
        selection: queue(&[Queue::Converted]),
        limit: 1,
        owner: "one".into(),
        lease: LEASE,
    };
    assert_eq!(open(&to, &shelf.clock).execute(claim).unwrap().len(), 1);
}

#[test]
fn every_table_is_copied_but_those_of_the_database_itself() {
    let shelf = Shelf::in_file();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = shelf.ledger.conn().all(sql, &[], |row| row.at(0)).unwrap();
    let path: PathBuf = tempfile::tempdir().unwrap().keep().join("copy.db");
    let to = CatalogAddress::Sqlite(path.clone());
    let mut copied = copy(shelf.ledger.address(), &to, &shelf.clock).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let mut named: Vec<_> = copied.drain(..).map(|rows| rows.table).collect();
    named.extend(["members", "task_leases", "request_rate"]);
    named.sort_unstable();
    assert_eq!(tables, named);
}
