//! An import beside a running daemon: each takes only what the other has not.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io;
use std::path::Path;
use std::time::Duration;

use grind::catalog::{
    AdoptedArchive, ArchiveUnfit, BeginAdoption, BegunPublication, BookSelection, CatalogLedger, CatalogPolicy,
    ClaimBooks, EnsureKnown, ImportPlan, ImportTarget, StoredFiles,
};
use grind::clock::SystemClock;
use grind::grin::Barcode;

fn ledger(folder: &Path) -> CatalogLedger {
    CatalogLedger::open(
        &folder.join("catalog.db"),
        SystemClock::system(),
        CatalogPolicy::default(),
    )
    .unwrap()
}

fn claim(barcode: &Barcode) -> ClaimBooks {
    ClaimBooks {
        selection: BookSelection {
            only: Some(vec![barcode.clone()]),
            ..BookSelection::default()
        },
        limit: 1,
        owner: "daemon".into(),
        lease: Duration::from_secs(60),
    }
}

/// Has the book's archive, and is about to publish it when a worker of the daemon may have taken the book.
struct RacingFiles<'a> {
    daemon: &'a mut CatalogLedger,
    daemon_is_first: bool,
    published: bool,
}

impl StoredFiles for RacingFiles<'_> {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        Ok(Box::new(std::iter::empty()))
    }

    fn adopt(
        &mut self,
        barcode: &Barcode,
        _: Option<&str>,
        _: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        self.daemon.execute(EnsureKnown(vec![barcode.clone()])).unwrap();
        if self.daemon_is_first {
            assert_eq!(self.daemon.execute(claim(barcode)).unwrap().len(), 1);
        }
        begin(&BegunPublication {
            sha256: "ab".repeat(32),
            etag: None,
        })?;
        self.published = true;
        assert!(
            self.daemon.execute(claim(barcode)).unwrap().is_empty(),
            "it is the import's now"
        );
        Ok(Some(AdoptedArchive {
            storage_path: "raw/TL0001/TL0001.tar.gz".into(),
            sha256: Some("ab".repeat(32)),
            bytes: 1,
            ..AdoptedArchive::default()
        }))
    }
}

#[test]
fn an_import_publishes_only_what_no_worker_has() {
    for daemon_is_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("books.db");
        rusqlite::Connection::open(&from)
            .unwrap()
            .execute_batch("CREATE TABLE books (barcode TEXT PRIMARY KEY); INSERT INTO books VALUES ('TL0001')")
            .unwrap();
        let (mut daemon, mut ours) = (ledger(folder.path()), ledger(folder.path()));
        let mut files = RacingFiles {
            daemon: &mut daemon,
            daemon_is_first,
            published: false,
        };
        let import = ImportPlan {
            owner: "import".into(),
            from: &from,
            files: Some(&mut files),
            into: ImportTarget::Catalog(&mut ours),
            may_go_on: &|| true,
            progress: &mut |_| {},
        };
        let report = import.run().unwrap();
        assert_eq!(files.published, !daemon_is_first);
        let expected = (u64::from(!daemon_is_first), u64::from(daemon_is_first));
        assert_eq!((report.stored, report.home_already), expected);
    }
}
