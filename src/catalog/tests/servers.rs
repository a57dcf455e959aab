//! What only a server brings: several programs at once, connections that break, TLS. tests/parts/postgres begins a
//! server and names it in `GRIND_TEST_POSTGRES`.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::catalog::engine::value::arguments;
use crate::catalog::tests::sharing::card;
use crate::catalog::tests::shelf::{LEASE, Shelf, TestSchema, barcode, codes, converted, queue, stored, three};
use crate::catalog::*;
use crate::grin::ListKind;

use BookState as S;

/// A ledger by the system's clock in a schema of its own.
pub fn ledger(schema: &TestSchema) -> CatalogLedger {
    CatalogLedger::open_at(&schema.address, SystemClock::system(), CatalogPolicy::default()).unwrap()
}

fn rows(ledger: &mut CatalogLedger, books: usize) {
    let rows = (0..books).map(|at| converted(&format!("TL{at:04}"), "2025/06/01"));
    let part = ListPart {
        list: ListKind::Converted,
        pass: None,
        rows: rows.collect(),
        sighted: Vec::new(),
        unsure: 0,
        next: None,
    };
    ledger.execute(part).unwrap();
}

fn claim(ledger: &mut CatalogLedger, owner: &str, limit: usize) -> Vec<ClaimedBook> {
    let selection = queue(&[Queue::Converted]);
    let owner = owner.into();
    let claim = ClaimBooks {
        selection,
        limit,
        owner,
        lease: LEASE,
    };
    ledger.execute(claim).unwrap()
}

fn settle(ledger: &mut CatalogLedger, book: &ClaimedBook) -> Result<BookState, CatalogError> {
    let claim = book.claim.clone();
    let settlement = stored(claim.barcode.as_str(), "\"a\"");
    ledger.execute(SettleClaim { claim, settlement })
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn several_programs_share_the_work_and_no_book_is_done_twice() {
    let schema = TestSchema::new().unwrap();
    rows(&mut ledger(&schema), 120);
    let work = |owner: usize| {
        let mut ledger = ledger(&schema);
        let mut done = Vec::new();
        loop {
            let claimed = claim(&mut ledger, &format!("owner {owner}"), 3);
            if claimed.is_empty() {
                return done;
            }
            for book in claimed {
                settle(&mut ledger, &book).unwrap();
                done.push(book.claim.barcode);
            }
        }
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|owner| scope.spawn(move || work(owner))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    done.sort();
    let all: Vec<_> = (0..120).map(|at| barcode(&format!("TL{at:04}"))).collect();
    assert_eq!(done, all);
    let counts = ledger(&schema).execute(CountBooks).unwrap();
    assert_eq!((counts.of(S::Stored), counts.total), (120, 120));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn the_history_on_a_server_cannot_be_rewritten() {
    let mut shelf = Shelf::new();
    assert!(shelf.ledger.address().file().is_none(), "the catalog is on a server");
    three(&mut shelf);
    for change in [
        "UPDATE book_status_history SET barcode = 'x'",
        "DELETE FROM book_status_history",
    ] {
        let error = shelf.ledger.conn().execute(change, &[]).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn ended_connections_are_made_anew_and_nothing_is_lost() {
    let schema = TestSchema::new().unwrap();
    let mut ledger = ledger(&schema);
    rows(&mut ledger, 5);
    for at in 0..5 {
        let book = claim(&mut ledger, "one", 1).pop().unwrap();
        schema.end_connections();
        assert_eq!(settle(&mut ledger, &book).unwrap(), S::Stored, "{at}");
        schema.end_connections();
    }
    let counts = ledger.execute(CountBooks).unwrap();
    assert_eq!((counts.of(S::Stored), counts.total), (5, 5));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_server_that_is_read_only_for_a_while_is_named_as_such() {
    let schema = TestSchema::new().unwrap();
    let mut ledger = ledger(&schema);
    let read_only = |ledger: &CatalogLedger, on: &str| {
        let sql = format!("SET default_transaction_read_only = {on}");
        ledger.conn().execute(&sql, &[]).unwrap();
    };
    read_only(&ledger, "on");
    let error = ledger.execute(EnsureKnown(vec![barcode("TL0001")])).unwrap_err();
    assert!(
        matches!(error, CatalogError::ReadOnly(_)) && error.may_pass(),
        "{error}"
    );
    read_only(&ledger, "off");
    assert_eq!(ledger.execute(EnsureKnown(vec![barcode("TL0001")])).unwrap(), 1);
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_claim_is_judged_by_the_servers_clock() {
    let schema = TestSchema::new().unwrap();
    let mut ledger = ledger(&schema);
    rows(&mut ledger, 1);
    let book = claim(&mut ledger, "one", 1).pop().unwrap();
    let sql =
        "SELECT lease_to - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM books WHERE barcode = :code";
    let given = arguments! { code: book.claim.barcode };
    let left: i64 = ledger.conn().one(sql, &given, |row| row.at(0)).unwrap();
    assert!((1..=LEASE.as_millis() as i64).contains(&left), "{left} ms are left");
    assert!(claim(&mut ledger, "two", 1).is_empty());
    // As if the lease had run out on the server.
    schema.run("UPDATE books SET lease_to = 1");
    assert!(claim(&mut ledger, "one", 1).is_empty(), "its own");
    let again = claim(&mut ledger, "two", 1);
    assert_eq!(codes(&again), ["TL0000"]);
    assert!(matches!(settle(&mut ledger, &book), Err(CatalogError::Stale { .. })));
    assert_eq!(settle(&mut ledger, &again[0]).unwrap(), S::Stored);
}

/// As if the clock had shown an hour more when these rows were written, and was set back since.
#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_server_whose_clock_was_set_back_holds_nobody() {
    let schema = TestSchema::new().unwrap();
    let mut ledger = ledger(&schema);
    rows(&mut ledger, 1);
    let slice = TakeRateSlice {
        turns: 1,
        every: LEASE,
        ahead: Duration::ZERO,
        behind: Duration::ZERO,
    };
    claim(&mut ledger, "one", 1).pop().unwrap();
    ledger.execute(slice).unwrap();
    ledger.execute(CloseRequests { pause: LEASE }).unwrap();
    assert!(
        ledger.execute(slice).unwrap().begins_in > Duration::ZERO,
        "not set back"
    );
    schema.run(
        "UPDATE request_rate SET lease_from = lease_from + 3600000, free_at = free_at + 3600000, \
         closed_until = closed_until + 3600000; \
         UPDATE books SET lease_from = lease_from + 3600000, lease_to = lease_to + 3600000",
    );
    let first = ledger.execute(slice).unwrap();
    assert_eq!((first.begins_in, first.closed_for), (Duration::ZERO, Duration::ZERO));
    assert_eq!(
        claim(&mut ledger, "two", 1).len(),
        1,
        "the claim of one who is no member is over"
    );
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_task_is_not_taken_from_a_member_that_renews_at_that_moment() {
    let schema = TestSchema::new().unwrap();
    let mut late = ledger(&schema);
    let mut other = ledger(&schema);
    let (a, b) = (card("a", "1"), card("b", "1"));
    for (ledger, member) in [(&mut late, &a), (&mut other, &b)] {
        let member = member.clone();
        ledger.execute(JoinMembers { member, lease: LEASE }).unwrap();
    }
    let acquire = |ledger: &mut CatalogLedger, member: &MemberCard| {
        let (task, owner) = (SharedTask::Lists, member.owner.clone());
        ledger.execute(AcquireTask { task, owner })
    };
    let taken = acquire(&mut late, &a).unwrap();
    assert!(matches!(taken, TaskAnswer::Held { .. }), "{taken:?}");
    schema.run("UPDATE members SET lease_to = lease_from WHERE owner = 'a:1'");
    late.conn().begin().unwrap();
    let renew = "UPDATE members SET lease_to = lease_to + 3600000 WHERE owner = 'a:1'";
    late.conn().execute(renew, &[]).unwrap();
    let meanwhile = acquire(&mut other, &b);
    assert!(matches!(meanwhile, Err(CatalogError::Busy)), "{meanwhile:?}");
    late.conn().commit().unwrap();
    let after = acquire(&mut other, &b).unwrap();
    assert!(matches!(&after, TaskAnswer::HeldBy(by) if by.card == a), "{after:?}");
}

/// Where the connection is cut at the next commit.
const NOWHERE: u8 = 0;
const BEFORE_COMMIT: u8 = 1;
const AFTER_COMMIT: u8 = 2;

/// Stands between a ledger and the server, and cuts the connection once where it is told.
struct CuttingProxy {
    cut: Arc<AtomicU8>,
    address: CatalogAddress,
}

impl CuttingProxy {
    fn new(schema: &TestSchema) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = schema.port();
        let cut = Arc::new(AtomicU8::new(NOWHERE));
        let shared = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let upstream = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (from, to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || copy(from, to, None));
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || copy(client, upstream, Some(&shared)));
            }
        });
        let address = schema.address_at(&format!("127.0.0.1:{port}"));
        Self { cut, address }
    }
}

/// Copies until the end; with `cut`, ends both where a commit is on its way and a cut is wanted.
fn copy(mut from: TcpStream, mut to: TcpStream, cut: Option<&AtomicU8>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let piece = &buffer[..length];
        let wanted = match cut {
            Some(cut) if piece.windows(7).any(|part| part == b"COMMIT\0") => cut.swap(NOWHERE, Ordering::SeqCst),
            _ => NOWHERE,
        };
        if wanted == AFTER_COMMIT {
            // The answer must not come before the cut.
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.write_all(piece);
            return;
        }
        if length == 0 || wanted == BEFORE_COMMIT || to.write_all(piece).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_commit_whose_answer_is_lost_is_done_exactly_once() {
    let schema = TestSchema::new().unwrap();
    let proxy = CuttingProxy::new(&schema);
    let open = || CatalogLedger::open_at(&proxy.address, SystemClock::system(), CatalogPolicy::default());
    let mut ledger = open().unwrap();
    rows(&mut ledger, 4);
    for cut in [BEFORE_COMMIT, AFTER_COMMIT, BEFORE_COMMIT, AFTER_COMMIT] {
        let book = claim(&mut ledger, "one", 1).pop().unwrap();
        proxy.cut.store(cut, Ordering::SeqCst);
        assert_eq!(settle(&mut ledger, &book).unwrap(), S::Stored, "cut {cut}");
        assert_eq!(proxy.cut.load(Ordering::SeqCst), NOWHERE, "it was cut");
        let sql = "SELECT count(*) FROM book_status_history WHERE barcode = :code AND status_value = 'stored'";
        let given = arguments! { code: book.claim.barcode };
        let times: i64 = ledger.conn().one(sql, &given, |row| row.at(0)).unwrap();
        assert_eq!(times, 1, "cut {cut}");
    }
    let counts = ledger.execute(CountBooks).unwrap();
    assert_eq!((counts.of(S::Stored), counts.total), (4, 4));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_server_that_cannot_be_reached_passes() {
    let schema = TestSchema::new().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = schema.address_at(&gone.to_string());
    let error = CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default())
        .err()
        .unwrap();
    assert!(
        matches!(error, CatalogError::Unreachable(_)) && error.may_pass(),
        "{error}"
    );
    assert!(error.to_string().contains(&gone.port().to_string()), "{error}");
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_server_proves_itself_as_far_as_is_demanded() {
    let url = std::env::var("GRIND_TEST_POSTGRES_TLS").unwrap();
    let demanding = |mode: &str| url.replace("sslmode=verify-full", &format!("sslmode={mode}"));
    let elsewhere = |mode: &str| demanding(mode).replace("@localhost:", "@127.0.0.1:");
    let unknown = |mode: &str| demanding(mode).split("&sslrootcert").next().unwrap().to_owned();
    let connect = |url: &str| {
        let CatalogAddress::Postgres(address) = CatalogAddress::parse(url).unwrap() else {
            panic!("{url}");
        };
        crate::catalog::engine::postgres::PostgresEngine::run_once(
            &address,
            "DO $$ BEGIN ASSERT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()); END $$",
        )
    };
    for url in [
        demanding("verify-full"),
        elsewhere("verify-ca"),
        elsewhere("require"),
        unknown("require"),
        unknown("prefer"),
    ] {
        connect(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    for url in [elsewhere("verify-full"), unknown("verify-ca"), unknown("verify-full")] {
        assert!(matches!(connect(&url), Err(CatalogError::Unreachable(_))), "{url}");
    }
    let without = url.replace("passfile=", "passfile=/dev/null&application_name=");
    let error = connect(&without).unwrap_err();
    let is_told = error
        .to_string()
        .contains("no line of the password file is for this host");
    assert!(is_told && matches!(error, CatalogError::NotAdmitted(_)), "{error}");
    let elsewhere = url.replace("/postgres?", "/nowhere?");
    let error = connect(&elsewhere).unwrap_err();
    assert!(matches!(error, CatalogError::NotAdmitted(_)), "{error}");
    assert!(
        matches!(connect(&demanding("disable")), Err(CatalogError::Fault(_))),
        "no TLS"
    );
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn two_passes_over_one_page_are_in_nobodys_way() {
    let schema = TestSchema::new().unwrap();
    ledger(&schema);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| rows(&mut ledger(&schema), 200));
        }
    });
    assert_eq!(ledger(&schema).execute(CountBooks).unwrap().total, 200);
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_question_locks_nothing_and_sees_what_others_have_locked() {
    let schema = TestSchema::new().unwrap();
    let (mut one, two) = (ledger(&schema), ledger(&schema));
    rows(&mut one, 2);
    two.conn().begin().unwrap();
    let sql = "SELECT id FROM books WHERE barcode = 'TL0000' FOR UPDATE";
    two.conn().execute(sql, &[]).unwrap();
    for only in [None, Some(vec![barcode("TL0000"), barcode("TL0001")])] {
        let selection = BookSelection {
            only,
            ..queue(&[Queue::Converted])
        };
        let asked = ListReady { selection, limit: 5 };
        let ready = one.execute(asked).unwrap();
        assert_eq!(ready, [barcode("TL0000"), barcode("TL0001")]);
    }
    assert_eq!(codes(&claim(&mut one, "one", 5)), ["TL0001"]);
    two.conn().roll_back().unwrap();
}
