//! The workers over a stub of GRIN and a real catalog, under paused time.

mod batches;
mod check;
mod collect;
mod comparison;
mod conversion_forms;
mod download;
mod endless;
mod grin_stub;
mod prefixes;
mod room;

use std::time::Duration;

use tokio::time::Instant;

use crate::actor::{ActorName, ActorRegistry, AskContext, MessageSnapshot};
use crate::catalog::{BookSelection, Catalog, CatalogPolicy, CatalogThread, ClaimBooks, ClaimedBook, EnsureKnown};
use crate::clock::SystemClock;
use crate::grin::{Barcode, FileName, GrinAddresses, LibraryDirectory};
use crate::pipeline::workers::tests::grin_stub::GrinStub;
use crate::session::{RetryBackoff, SessionError};

const LEASE: Duration = Duration::from_secs(600);
const BACKOFF: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(60),
    attempts: 4,
};

/// GRIN, a catalog in a folder of its own, and who asks.
struct WorkerFixture {
    grin: GrinStub,
    catalog: Catalog,
    cx: AskContext,
    folder: tempfile::TempDir,
    registry: ActorRegistry,
    _thread: CatalogThread,
}

impl WorkerFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
        let registry = ActorRegistry::new();
        let (catalog, thread) =
            Catalog::open(&registry, &url, SystemClock::system(), CatalogPolicy::default()).unwrap();
        Self {
            grin: GrinStub::default(),
            catalog,
            cx: AskContext::root("test").child_of(ActorName::Supervisor),
            folder,
            registry,
            _thread: thread,
        }
    }

    async fn know(&self, codes: &[&str]) {
        self.catalog.ask(EnsureKnown(barcodes(codes)), &self.cx).await.unwrap();
    }

    async fn claim(&self, code: &str) -> ClaimedBook {
        self.know(&[code]).await;
        let claim = ClaimBooks {
            selection: BookSelection {
                only: Some(barcodes(&[code])),
                ..BookSelection::default()
            },
            limit: 1,
            owner: "test".into(),
            lease: LEASE,
        };
        self.catalog.ask(claim, &self.cx).await.unwrap().remove(0)
    }

    /// Completes when the catalog has done with a message of this kind, well or not.
    async fn handled(&self, kind: &str) {
        let is_handled = |message: &MessageSnapshot| message.handled.values().sum::<u64>() > 0;
        let of_catalog = || {
            Some(
                self.registry
                    .snapshot()
                    .actor(ActorName::Catalog)?
                    .message(kind)?
                    .clone(),
            )
        };
        while !of_catalog().as_ref().is_some_and(is_handled) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What stands in a column of a book.
    fn column<T: rusqlite::types::FromSql>(&self, code: &str, column: &str) -> T {
        let conn = rusqlite::Connection::open(self.folder.path().join("catalog.db")).unwrap();
        let select = format!("SELECT {column} FROM books WHERE barcode = ?1");
        conn.query_row(&select, [code], |row| row.get(0)).unwrap()
    }

    /// Cancels the work so long after it first asked GRIN; how long that took.
    async fn cancel_after<T>(&self, time: Duration, work: impl Future<Output = T>) -> (T, Duration) {
        let cancelling = async {
            self.grin.first_question().await;
            let began = Instant::now();
            tokio::time::sleep(time).await;
            self.cx.cancel();
            began
        };
        let (done, began) = futures::join!(work, cancelling);
        (done, began.elapsed())
    }
}

/// Runs a test on an actix system whose time is paused.
fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    });
    system.block_on(test());
}

fn barcode(code: &str) -> Barcode {
    Barcode::parse(code).unwrap()
}

fn barcodes(codes: &[&str]) -> Vec<Barcode> {
    codes.iter().map(|code| barcode(code)).collect()
}

fn file_name(code: &str) -> FileName {
    FileName::of(&barcode(code))
}

fn library() -> LibraryDirectory {
    LibraryDirectory::parse("EXAMPLE").unwrap()
}

fn addresses() -> GrinAddresses {
    let base = url::Url::parse("https://books.example/libraries/").unwrap();
    GrinAddresses::new(&base, &library()).unwrap()
}

fn server(status: u16) -> SessionError {
    SessionError::Server { status }
}

fn forbidden() -> SessionError {
    let snippet = "not yours".to_owned();
    SessionError::Forbidden { snippet }
}

fn throttled(seconds: u64) -> SessionError {
    SessionError::Throttled {
        status: Some(503),
        retry_after: Some(Duration::from_secs(seconds)),
        longest: None,
    }
}

fn signed_out() -> SessionError {
    let why = "invalid_grant".to_owned();
    SessionError::SignedOut { why }
}
