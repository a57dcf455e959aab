//! Room `catalog`: a catalog in a temporary folder with a clock that is turned by hand, for the tests.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::*;
use crate::grin::{Barcode, Enrichment, GrinDate, GrinState, ListFailure, ListKind, ListRow, parse_tsv};

pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(24 * 3_600);
pub const LEASE: Duration = Duration::from_secs(600);

/// A catalog to test with.
pub struct Shelf {
    pub ledger: Ledger,
    pub clock: Clock,
    pub folder: tempfile::TempDir,
}

pub fn barcode(text: &str) -> Barcode {
    Barcode::parse(text).unwrap()
}

/// A row with a state.
pub fn row(code: &str, state: &str) -> ListRow {
    ListRow {
        grin_state: GrinState::read(state),
        ..ListRow::bare(barcode(code))
    }
}

/// A row of `_converted`.
pub fn converted(code: &str, date: &str) -> ListRow {
    let mut row = ListRow::bare(barcode(code));
    row.dates.converted = GrinDate::read(date);
    row
}

/// A row of `_failed`.
pub fn failed(code: &str, date: &str, info: &str) -> ListRow {
    let mut row = ListRow::bare(barcode(code));
    row.failure = Some(ListFailure {
        date: GrinDate::read(date),
        info: (!info.is_empty()).then(|| info.into()),
        detail: None,
    });
    row
}

/// An answer of a barcode search: pairs of TSV column and value.
pub fn found(code: &str, columns: &[(&str, &str)]) -> (Barcode, Enrichment) {
    let names: Vec<_> = std::iter::once("Barcode").chain(columns.iter().map(|c| c.0)).collect();
    let values: Vec<_> = std::iter::once(code).chain(columns.iter().map(|c| c.1)).collect();
    let text = format!("{}\n{}\n", names.join("\t"), values.join("\t"));
    let mut books = parse_tsv(text.as_bytes()).books;
    books.pop_first().expect("one book")
}

impl Shelf {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-01-10T12:00:00Z".parse::<Timestamp>().unwrap());
        let ledger = Ledger::open(&folder.path().join("catalog.db"), clock.clone(), Policy::default()).unwrap();
        let shelf = Self { ledger, clock, folder };
        shelf.clock.advance(Duration::from_secs(1));
        shelf
    }

    /// The program starts anew.
    pub fn reopen(&mut self) {
        self.clock.advance(Duration::from_secs(1));
        self.ledger = Ledger::open(
            &self.folder.path().join("catalog.db"),
            self.clock.clone(),
            Policy::default(),
        )
        .unwrap();
        self.clock.advance(Duration::from_secs(1));
    }

    pub fn reader(&self) -> Reader {
        Reader::open_path(self.ledger.path(), self.clock.clone()).unwrap()
    }

    pub fn pass(&mut self, list: ListKind) -> PassId {
        self.ledger.execute(BeginPass { list, resume: false }).unwrap().id
    }

    /// Records rows, in a pass or without.
    pub fn rows(&mut self, list: ListKind, pass: Option<PassId>, rows: Vec<ListRow>) -> Upserted {
        let observed = self.clock.now();
        self.ledger
            .execute(ListPart {
                list,
                pass,
                rows,
                observed,
                sighted: Vec::new(),
                unsure: 0,
                next: None,
            })
            .unwrap()
    }

    pub fn list(&mut self, list: ListKind, rows: Vec<ListRow>) -> Upserted {
        self.rows(list, None, rows)
    }

    /// A whole complete pass; the clock moves a second before and after.
    pub fn complete_pass(&mut self, list: ListKind, rows: Vec<ListRow>) -> PassEnd {
        self.clock.advance(Duration::from_secs(1));
        let pass = self.pass(list);
        self.clock.advance(Duration::from_secs(1));
        self.rows(list, Some(pass), rows);
        self.finish(pass, true)
    }

    pub fn finish(&mut self, pass: PassId, complete: bool) -> PassEnd {
        self.ledger
            .execute(FinishPass {
                pass,
                complete,
                note: None,
            })
            .unwrap()
    }

    pub fn claim_of(&mut self, owner: &str, selection: Selection, limit: usize) -> Vec<Claimed> {
        self.ledger
            .execute(Claim {
                selection,
                limit,
                owner: owner.into(),
                lease: LEASE,
            })
            .unwrap()
    }

    pub fn claim(&mut self, queues: &[Queue]) -> Vec<Claimed> {
        self.claim_of("one", queue(queues), 100)
    }

    pub fn settle(&mut self, claimed: &Claimed, settlement: Settlement) -> Result<BookState, CatalogError> {
        self.ledger.execute(Settle {
            held: claimed.held.clone(),
            settlement,
        })
    }

    /// Brings a book home that GRIN has ready.
    pub fn store(&mut self, code: &str, etag: &str) {
        let claimed = self.claim_of("one", only(&[code]), 1);
        assert_eq!(claimed.len(), 1, "{code} could not be claimed");
        self.settle(&claimed[0], stored(code, etag)).unwrap();
    }

    pub fn state(&self, code: &str) -> BookState {
        self.value::<BookState>(code, "state")
    }

    pub fn value<T: rusqlite::types::FromSql>(&self, code: &str, column: &str) -> T {
        let sql = format!("SELECT {column} FROM books WHERE barcode = ?1");
        self.ledger.conn().query_row(&sql, [code], |row| row.get(0)).unwrap()
    }

    pub fn text(&self, code: &str, column: &str) -> Option<String> {
        self.value(code, column)
    }

    /// State changes of a book as `value:cause`.
    pub fn causes(&self, code: &str) -> Vec<String> {
        let story = self.reader().explain(&barcode(code)).unwrap().unwrap();
        let causes = story.history.iter().filter(|event| event.status_type == "state");
        causes
            .map(|event| format!("{}:{}", event.status_value, event.metadata["cause"].as_str().unwrap()))
            .collect()
    }

    pub fn now_plus(&self, by: Duration) -> Timestamp {
        self.clock.now().checked_add(by).unwrap()
    }
}

pub fn queue(queues: &[Queue]) -> Selection {
    Selection {
        queues: queues.to_vec(),
        ..Selection::default()
    }
}

pub fn only(codes: &[&str]) -> Selection {
    Selection {
        only: Some(codes.iter().map(|code| barcode(code)).collect()),
        ..Selection::default()
    }
}

pub fn stored(code: &str, etag: &str) -> Settlement {
    Settlement::Stored(Box::new(StoredBook {
        encrypted_etag: Some(etag.into()),
        encrypted_bytes: Some(1_100),
        sha256: "ab".repeat(32),
        archive_bytes: 1_000,
        page_count: Some(3),
        text_pages: Some(2),
        storage_path: format!("raw/{code}/{code}.tar.gz"),
        marc: None,
    }))
}

pub fn retry(at: Timestamp) -> Settlement {
    Settlement::Retry {
        reason: "timeout".into(),
        detail: "no byte for 30 s".into(),
        at,
        counts: true,
    }
}

pub fn given_up(reason: &str) -> Settlement {
    Settlement::Failed {
        reason: reason.into(),
        detail: "in words".into(),
    }
}

pub fn codes(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|claimed| claimed.held.barcode.as_str()).collect()
}
