//! A catalog in a temporary folder with a clock that is turned by hand, for the tests.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::engine::postgres::{PostgresEngine, outside_runtime};
use crate::catalog::engine::value::{ColumnValue, arguments};
use crate::catalog::*;
use crate::grin::{
    AskedBooks, Barcode, BookEnrichment, GrinDate, GrinState, ListFailure, ListKind, ListRow, parse_tsv,
};

pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(24 * 3_600);
pub const LEASE: Duration = Duration::from_secs(600);

/// A catalog to test with.
pub struct Shelf {
    pub ledger: CatalogLedger,
    pub clock: SystemClock,
    #[expect(dead_code, reason = "removed with the shelf")]
    folder: tempfile::TempDir,
    address: CatalogAddress,
    schema: Option<TestSchema>,
}

/// A schema of its own in the database that `GRIND_TEST_POSTGRES` names, as long as it is held.
pub struct TestSchema {
    pub address: CatalogAddress,
    name: String,
    url: String,
}

impl TestSchema {
    /// `None` where the tests run on SQLite.
    pub fn new() -> Option<Self> {
        let url = std::env::var("GRIND_TEST_POSTGRES").ok()?;
        let moment = Timestamp::now().as_nanosecond();
        let name = format!("grind_{}_{moment}", std::process::id());
        run_sql(&url, &format!("CREATE SCHEMA {name}"));
        let joint = if url.contains('?') { '&' } else { '?' };
        let own = format!("{url}{joint}options=-csearch_path%3D{name}&application_name={name}");
        let address = CatalogAddress::parse(&own).unwrap();
        Some(Self { address, name, url })
    }
}

impl TestSchema {
    /// Runs statements in the schema, on a connection of their own.
    pub fn run(&self, sql: &str) {
        run_sql(&self.url, &format!("SET search_path = {}; {sql}", self.name));
    }

    /// Ends all other connections that work in the schema.
    pub fn end_connections(&self) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{}' \
             AND pid <> pg_backend_pid()",
            self.name
        );
        run_sql(&self.url, &sql);
    }

    /// The schema's address with another host and port, by TCP.
    pub fn address_at(&self, host: &str) -> CatalogAddress {
        let (user, _) = self.url.trim_start_matches("postgres://").split_once('@').unwrap();
        let database = self.url.split(['/', '?']).nth(3).unwrap();
        let name = &self.name;
        let url = format!(
            "postgres://{user}@{host}/{database}?sslmode=disable&options=-csearch_path%3D{name}&application_name={name}"
        );
        CatalogAddress::parse(&url).unwrap()
    }

    /// The schema's address for a user who may do nothing in it, and the user's name, by which the test removes it.
    pub fn address_of_guest(&self) -> (CatalogAddress, String) {
        let name = &self.name;
        let guest = format!("guest_{name}");
        self.run(&format!("CREATE ROLE {guest} LOGIN"));
        let (_, place) = self.url.split_once('@').unwrap();
        let url = format!("postgres://{guest}@{place}&options=-csearch_path%3D{name}");
        (CatalogAddress::parse(&url).unwrap(), guest)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        let host = self.url.split(['@', '/', '?']).nth(3).unwrap();
        host.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for TestSchema {
    fn drop(&mut self) {
        run_sql(&self.url, &format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// Runs statements on a connection of their own.
pub fn run_sql(url: &str, sql: &str) {
    let CatalogAddress::Postgres(address) = CatalogAddress::parse(url).unwrap() else {
        panic!("{url} is no address of a server");
    };
    outside_runtime(|| PostgresEngine::run_once(&address, sql)).unwrap();
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
pub fn found(code: &str, columns: &[(&str, &str)]) -> (Barcode, BookEnrichment) {
    let names: Vec<_> = std::iter::once("Barcode").chain(columns.iter().map(|c| c.0)).collect();
    let values: Vec<_> = std::iter::once(code).chain(columns.iter().map(|c| c.1)).collect();
    let text = format!("{}\n{}\n", names.join("\t"), values.join("\t"));
    let mut books = parse_tsv(text.as_bytes(), &AskedBooks::default()).books;
    books.pop_first().expect("one book")
}

impl Shelf {
    pub fn new() -> Self {
        match TestSchema::new() {
            Some(schema) => Self::at(|_| schema.address.clone()).owning(schema),
            None => Self::in_file(),
        }
    }

    fn owning(mut self, schema: TestSchema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// A catalog on SQLite, where a test is about that alone.
    pub fn in_file() -> Self {
        Self::at(|folder| CatalogAddress::Sqlite(folder.join("catalog.db")))
    }

    fn at(address: impl FnOnce(&std::path::Path) -> CatalogAddress) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SystemClock::manual("2026-01-10T12:00:00Z".parse::<Timestamp>().unwrap());
        let address = address(folder.path());
        let ledger = CatalogLedger::open_at(&address, clock.clone(), CatalogPolicy::default()).unwrap();
        clock.advance(Duration::from_secs(1));
        Self {
            ledger,
            clock,
            folder,
            address,
            schema: None,
        }
    }

    /// The program starts anew.
    pub fn reopen(&mut self) {
        self.clock.advance(Duration::from_secs(1));
        self.ledger = self.another();
        self.clock.advance(Duration::from_secs(1));
    }

    /// Another connection that writes, as of another program.
    pub fn another(&self) -> CatalogLedger {
        CatalogLedger::open_at(&self.address, self.clock.clone(), CatalogPolicy::default()).unwrap()
    }

    pub fn reader(&self) -> CatalogReader {
        CatalogReader::open_at(&self.address, self.clock.clone()).unwrap()
    }

    pub fn pass(&mut self, list: ListKind) -> PassId {
        self.ledger
            .execute(BeginPass {
                list,
                resume: false,
                fence: None,
            })
            .unwrap()
            .id
    }

    /// Records rows, in a pass or without.
    pub fn rows(&mut self, list: ListKind, pass: Option<PassId>, rows: Vec<ListRow>) -> ListPartCounts {
        self.ledger
            .execute(ListPart {
                list,
                pass,
                rows,
                sighted: Vec::new(),
                unsure: 0,
                next: None,
            })
            .unwrap()
    }

    pub fn list(&mut self, list: ListKind, rows: Vec<ListRow>) -> ListPartCounts {
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

    /// The same with one odd row.
    pub fn odd_pass(&mut self, list: ListKind, rows: Vec<ListRow>) -> PassEnd {
        self.clock.advance(Duration::from_secs(1));
        let pass = self.pass(list);
        let part = ListPart {
            list,
            pass: Some(pass),
            rows,
            sighted: Vec::new(),
            unsure: 1,
            next: None,
        };
        self.ledger.execute(part).unwrap();
        self.finish(pass, true)
    }

    pub fn finish(&mut self, pass: PassId, complete: bool) -> PassEnd {
        self.ledger
            .execute(FinishPass {
                pass,
                complete,
                none_missing: false,
                note: None,
            })
            .unwrap()
    }

    pub fn claim_of(&mut self, owner: &str, selection: BookSelection, limit: usize) -> Vec<ClaimedBook> {
        self.ledger
            .execute(ClaimBooks {
                selection,
                limit,
                owner: owner.into(),
                lease: LEASE,
            })
            .unwrap()
    }

    pub fn claim(&mut self, queues: &[Queue]) -> Vec<ClaimedBook> {
        self.claim_of("one", queue(queues), 100)
    }

    /// Ends all claims of an owner.
    pub fn leave(&mut self, owner: &str) -> u64 {
        let owner = owner.into();
        self.ledger.execute(LeaveMembers { owner }).unwrap()
    }

    pub fn settle(&mut self, claimed: &ClaimedBook, settlement: ClaimSettlement) -> Result<BookState, CatalogError> {
        self.ledger.execute(SettleClaim {
            claim: claimed.claim.clone(),
            settlement,
        })
    }

    /// Stores a book that GRIN has ready.
    pub fn store(&mut self, code: &str, etag: &str) {
        let claimed = self.claim_of("one", only(&[code]), 1);
        assert_eq!(claimed.len(), 1, "{code} could not be claimed");
        self.settle(&claimed[0], stored(code, etag)).unwrap();
    }

    pub fn state(&self, code: &str) -> BookState {
        self.value::<BookState>(code, "state")
    }

    pub fn value<T: ColumnValue>(&self, code: &str, column: &str) -> T {
        let sql = format!("SELECT {column} FROM books WHERE barcode = :code");
        let conn = self.ledger.conn();
        conn.one(&sql, &arguments! { code: code }, |row| row.at(0)).unwrap()
    }

    /// How SQLite answers a question: the first line of its plan.
    pub fn plan(&self, sql: &str) -> String {
        let conn = self.ledger.conn().as_sqlite().unwrap();
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        rows.next().unwrap().unwrap().get("detail").unwrap()
    }

    /// The connection, where a test is about SQLite alone.
    pub fn sqlite(&self) -> &rusqlite::Connection {
        self.ledger.conn().as_sqlite().unwrap()
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

/// Three books that GRIN has ready; TL0002 is the oldest.
pub fn three(shelf: &mut Shelf) {
    let rows = [
        ("TL0003", "2025/06/03"),
        ("TL0001", "2025/06/02"),
        ("TL0002", "2025/06/01"),
    ];
    shelf.list(
        ListKind::Converted,
        rows.map(|(code, date)| converted(code, date)).to_vec(),
    );
}

pub fn queue(queues: &[Queue]) -> BookSelection {
    BookSelection {
        queues: queues.to_vec(),
        ..BookSelection::default()
    }
}

pub fn only(codes: &[&str]) -> BookSelection {
    BookSelection {
        only: Some(codes.iter().map(|code| barcode(code)).collect()),
        ..BookSelection::default()
    }
}

pub fn stored(code: &str, etag: &str) -> ClaimSettlement {
    ClaimSettlement::Stored(Box::new(StoredBook {
        encrypted_etag: Some(etag.into()),
        encrypted_bytes: Some(1_100),
        sha256: "ab".repeat(32),
        archive_bytes: 1_000,
        page_count: Some(3),
        text_pages: Some(2),
        verified: Some(true),
        worst_finding: None,
        storage_path: format!("raw/{code}/{code}.tar.gz"),
        marc: None,
    }))
}

pub fn retry(at: Timestamp) -> ClaimSettlement {
    ClaimSettlement::Retry {
        reason: crate::vocabulary::FailureReason::Timeout,
        detail: "no byte for 30 s".into(),
        at,
        counts: true,
    }
}

pub fn given_up(reason: &str) -> ClaimSettlement {
    ClaimSettlement::Failed {
        reason: reason.parse().unwrap(),
        detail: "in words".into(),
    }
}

pub fn codes(claimed: &[ClaimedBook]) -> Vec<&str> {
    claimed.iter().map(|claimed| claimed.claim.barcode.as_str()).collect()
}
