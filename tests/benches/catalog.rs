//! Measures the catalog: rows recorded, searched, claimed and settled each second, its size and the memory it takes.
//!
//! `cargo bench --bench catalog -- [BOOKS] [shuffled]`; the folder is `$GRIND_BENCH_DIR`, else the system's temporary one. With
//! `GRIND_BENCH_POSTGRES` the catalog is in the empty database at that address.

#![allow(clippy::unwrap_used, reason = "a measurement may fail where it stands")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::lock::Mutex;
use grind::actor::{ActorRegistry, AskContext};
use grind::catalog::{
    BeginPass, BookSelection, Catalog, CatalogAddress, CatalogError, CatalogLedger, CatalogPolicy, ClaimBooks,
    ClaimSettlement, ClaimedBook, CountBooks, FinishPass, ListPart, SettleClaim, StoredBook, TakeRateSlice,
};
use grind::clock::SystemClock;
use grind::grin::{Barcode, GrinDate, GrinState, ListDates, ListKind, ListRow};
use grind::vocabulary::Queue;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

const PAGE: usize = 10_000;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let books: usize = words.iter().find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let shuffled = words.iter().any(|word| word == "shuffled");
    let folder = std::env::var_os("GRIND_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder to work in");
    let path = folder.path().join("catalog.db");
    let server = std::env::var("GRIND_BENCH_POSTGRES").ok();
    let url = server.unwrap_or_else(|| format!("sqlite://{}", path.display()));
    let address = CatalogAddress::parse(&url).expect("an address");
    let open = || CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default());
    let mut ledger = open().expect("a new catalog");

    let mut order: Vec<usize> = (0..books).collect();
    if shuffled {
        order.shuffle(&mut rand::rngs::StdRng::seed_from_u64(7));
    }
    println!(
        "{books} books, {}",
        if shuffled { "in scattered order" } else { "in order" }
    );
    collect(&mut ledger, &order, "collect, new books");
    collect(&mut ledger, &order, "collect, nothing changed");
    settle(&mut ledger, books.min(20_000));
    for connections in [1, 4, 16] {
        share(&mut ledger, &open, connections);
        slices(&open, connections);
    }
    for at_once in [1, 4, 16, 50] {
        daemon(&mut ledger, &url, at_once);
    }
    if let Ok(meta) = std::fs::metadata(&path) {
        println!("file {:.1} MB", meta.len() as f64 / 1e6);
    }
    println!("peak memory {}", peak_memory());
    println!("{:?}", ledger.execute(CountBooks).expect("counts").total);
}

/// Wall and processor time of what was measured.
#[derive(Default, Clone, Copy)]
struct Took {
    wall: Duration,
    processor: Duration,
}

struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), processor_time())
    }

    fn add_to(self, took: &mut Took) {
        took.wall += self.0.elapsed();
        took.processor += processor_time().saturating_sub(self.1);
    }

    fn stop(self) -> Took {
        let mut took = Took::default();
        self.add_to(&mut took);
        took
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn rate(what: &str, n: usize, took: Took) {
    let (wall, processor) = (took.wall.as_secs_f64(), took.processor.as_secs_f64());
    let n = n as f64;
    println!(
        "{what}: {n} in {wall:.2} s = {:.0} /s; processor {processor:.2} s = {:.0} /s",
        n / wall,
        n / processor
    );
}

fn collect(ledger: &mut CatalogLedger, order: &[usize], what: &str) {
    let list = ListKind::AllBooks;
    let mut took = Took::default();
    let pass = ledger
        .execute(BeginPass {
            list,
            resume: false,
            fence: None,
        })
        .expect("a pass")
        .id;
    for page in order.chunks(PAGE) {
        let rows: Vec<_> = page.iter().map(|at| row(*at)).collect();
        let part = ListPart {
            list,
            pass: Some(pass),
            rows,
            sighted: Vec::new(),
            unsure: 0,
            next: None,
        };
        let watch = Watch::start();
        ledger.execute(part).expect("a page recorded");
        watch.add_to(&mut took);
    }
    rate(what, order.len(), took);
    let begun = Instant::now();
    let end = FinishPass {
        pass,
        complete: true,
        none_missing: false,
        note: None,
    };
    ledger.execute(end).expect("the pass ended");
    println!("  ending the pass: {:.3} s", begun.elapsed().as_secs_f64());
}

fn settle(ledger: &mut CatalogLedger, books: usize) {
    let list = ListKind::Converted;
    for page in (0..books).collect::<Vec<_>>().chunks(PAGE) {
        let rows: Vec<_> = page.iter().map(|at| row(*at)).collect();
        let part = ListPart {
            list,
            pass: None,
            rows,
            sighted: Vec::new(),
            unsure: 0,
            next: None,
        };
        ledger.execute(part).expect("a page recorded");
    }
    let watch = Watch::start();
    let done = work(ledger, "bench", 16);
    rate("claim 16 and settle each in its own transaction", done, watch.stop());
}

/// Claims so many books at a time and settles each, until there are none; comes back with their number.
fn work(ledger: &mut CatalogLedger, owner: &str, limit: usize) -> usize {
    let mut done = 0;
    loop {
        let claimed = ledger.execute(claim_of(owner, limit)).expect("a claim");
        if claimed.is_empty() {
            return done;
        }
        for claimed in claimed {
            ledger.execute(settlement_of(claimed)).expect("settled");
            done += 1;
        }
    }
}

fn claim_of(owner: &str, limit: usize) -> ClaimBooks {
    ClaimBooks {
        selection: BookSelection {
            queues: vec![Queue::Converted],
            ..BookSelection::default()
        },
        limit,
        owner: owner.into(),
        lease: Duration::from_mins(10),
    }
}

fn settlement_of(claimed: ClaimedBook) -> SettleClaim {
    let stored = StoredBook {
        encrypted_etag: Some("\"0123456789abcdef\"".into()),
        sha256: "0".repeat(64),
        archive_bytes: 50_000_000,
        storage_path: format!("raw/{0}/{0}.tar.gz", claimed.claim.barcode),
        ..StoredBook::default()
    };
    SettleClaim {
        claim: claimed.claim,
        settlement: ClaimSettlement::Stored(Box::new(stored)),
    }
}

/// Books for each of several connections in [`share`].
const SHARED: usize = 4_000;

/// Several connections claim and settle as several daemons do: 4 books at a time, each settled in a transaction of its own.
fn share(
    ledger: &mut CatalogLedger,
    open: &(impl Fn() -> Result<CatalogLedger, CatalogError> + Sync),
    connections: usize,
) {
    list_ready(ledger, 10_000_000 * connections);
    let watch = Watch::start();
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|at| scope.spawn(move || work(&mut open().expect("a connection"), &format!("bench {at}"), 4)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    rate(
        &format!("claim 4 and settle each, {connections} connections"),
        done,
        watch.stop(),
    );
}

/// So many books that are ready, from this number on.
fn list_ready(ledger: &mut CatalogLedger, first: usize) {
    let part = ListPart {
        list: ListKind::Converted,
        pass: None,
        rows: (first..first + SHARED).map(row).collect(),
        sighted: Vec::new(),
        unsure: 0,
        next: None,
    };
    ledger.execute(part).expect("a page recorded");
}

/// One daemon with so many books in hand at a time, each settled when it is done: what waits for the catalog together is committed
/// together.
fn daemon(ledger: &mut CatalogLedger, url: &str, at_once: usize) {
    list_ready(ledger, 1_000_000 * at_once + 500_000);
    let watch = Watch::start();
    let done: usize = actix_rt::System::new().block_on(async {
        let opened = Catalog::open(
            &ActorRegistry::new(),
            url,
            SystemClock::system(),
            CatalogPolicy::default(),
        );
        let (catalog, thread) = opened.expect("the catalog");
        let (ahead, cx) = (Mutex::new(VecDeque::new()), AskContext::root("bench"));
        let book = async || {
            let mut done = 0;
            loop {
                let mut ahead = ahead.lock().await;
                if ahead.is_empty() {
                    ahead.extend(catalog.ask(claim_of("daemon", 32), &cx).await.expect("a claim"));
                }
                let Some(claimed) = ahead.pop_front() else {
                    return done;
                };
                drop(ahead);
                catalog.ask(settlement_of(claimed), &cx).await.expect("settled");
                done += 1;
            }
        };
        let done = futures::future::join_all((0..at_once).map(|_| book())).await;
        catalog.close().await;
        assert!(thread.join(), "the catalog's thread ended well");
        done.into_iter().sum()
    });
    rate(
        &format!("claim and settle by one daemon, {at_once} books at a time"),
        done,
        watch.stop(),
    );
}

/// Slices of the rate that the connections of [`slices`] take together.
const SLICES: usize = 400;

/// Several connections take slices of the one rate, as fast as they can.
fn slices(open: &(impl Fn() -> Result<CatalogLedger, CatalogError> + Sync), connections: usize) {
    let mut ledgers: Vec<_> = (0..connections).map(|_| open().expect("a connection")).collect();
    let watch = Watch::start();
    std::thread::scope(|scope| {
        for ledger in &mut ledgers {
            scope.spawn(move || {
                let taken = TakeRateSlice {
                    turns: 3,
                    every: Duration::from_micros(1),
                    ahead: Duration::ZERO,
                    behind: Duration::ZERO,
                };
                for _ in 0..SLICES / connections {
                    ledger.execute(taken).expect("a slice");
                }
            });
        }
    });
    rate(
        &format!("slices of the rate, {connections} connections"),
        SLICES,
        watch.stop(),
    );
}

fn row(at: usize) -> ListRow {
    let barcode = Barcode::parse(&format!("3901500{at:07}")).expect("a barcode");
    let date = |text: &str| GrinDate::read(text);
    ListRow {
        title: Some(format!(
            "On the tides of the northern seas, with tables and charts, volume {at}"
        )),
        grin_state: Some(if at.is_multiple_of(10) {
            GrinState::New
        } else {
            GrinState::PreviouslyDownloaded
        }),
        dates: ListDates {
            scanned: date("2009/03/12 10:30"),
            analyzed: date("2010/04/01 08:00"),
            converted: date("2014/06/01 00:00"),
            downloaded: date("2014/06/02 00:00"),
            processed: date("2010/03/30 09:00"),
            ocr: date("2010/04/02 08:00"),
        },
        google_books_link: Some(format!("https://books.google.com/books?id=qQaAAAA{at:05}")),
        can_be_requested: true,
        ..ListRow::bare(barcode)
    }
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map_or_else(|| "unknown".into(), |words| words.trim().into())
}
