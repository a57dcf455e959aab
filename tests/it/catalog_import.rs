//! Taking over a grin-transfer run, and handing the catalog on.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use grind::catalog::{
    AdoptedArchive, ArchiveUnfit, BeginAdoption, CatalogLedger, CatalogPolicy, CatalogReader, ExportFilter,
    ImportError, ImportPlan, ImportReport, ImportTarget, StoredFiles,
};
use grind::clock::SystemClock;
use grind::grin::Barcode;
use grind::grin::columns::CSV_COLUMNS;
use grind::vocabulary::BookState;

use BookState as S;

/// A database as that program makes it, with invented books.
fn other_database(path: &Path) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(
        "CREATE TABLE books (barcode TEXT PRIMARY KEY, title TEXT, scanned_date TEXT, converted_date TEXT, grin_state TEXT, \
           grin_viewability TEXT, marc_subjects TEXT, enrichment_timestamp TEXT, storage_path TEXT, encrypted_etag TEXT, \
           is_decrypted BOOLEAN, sync_timestamp TEXT, created_at TEXT, updated_at TEXT);
         CREATE TABLE book_status_history (id INTEGER PRIMARY KEY AUTOINCREMENT, barcode TEXT, status_type TEXT, \
           status_value TEXT, timestamp TEXT, session_id TEXT, metadata TEXT);
         INSERT INTO books VALUES
           ('TL0001', 'On Tides', '2011/02/03 04:05', '2014-06-01T00:00:00', 'PREVIOUSLY_DOWNLOADED', 'VIEW_FULL', 'Tides, Sea, Law', \
            '2025-01-01T00:00:00+00:00', 'somewhere', '\"good\"', 1, '2025-01-02T00:00:00+00:00', '2024-12-31T00:00:00+00:00', ''),
           ('TL0002', 'Said to be done', '', '', 'CONVERTED', '', '', '', 'somewhere', '\"lost\"', 1, '2025-01-02T00:00:00+00:00', '', ''),
           ('TL0003', 'Cut off', NULL, NULL, 'NEW', NULL, NULL, NULL, NULL, NULL, 0, NULL, '', ''),
           ('TL0004', 'Newer download never decrypted', NULL, NULL, 'NEW', NULL, NULL, NULL, NULL, '\"newer\"', 1, '', '', ''),
           ('../evil', 'Bad', NULL, NULL, 'NEW', NULL, NULL, NULL, NULL, NULL, 0, NULL, '', '');
         INSERT INTO book_status_history (barcode, status_type, status_value, timestamp, metadata) VALUES
           ('TL0001', 'sync', 'downloaded', '2025-01-02T00:00:00+00:00', '{\"etag\": \"good\"}'),
           ('TL0001', 'sync', 'decrypted', '2025-01-02T00:00:01+00:00', NULL),
           ('TL0001', 'sync', 'completed', '2025-01-02T00:00:02+00:00', NULL),
           ('TL0002', 'sync', 'upload_failed', '2025-01-02T00:00:01+00:00', NULL),
           ('TL0002', 'sync', 'completed', '2025-01-02T00:00:02+00:00', NULL),
           ('TL0004', 'sync', 'decrypted', '2025-01-02T00:00:01+00:00', NULL),
           ('TL0004', 'sync', 'downloaded', '2025-02-02T00:00:01+00:00', NULL),
           ('TL0004', 'sync', 'decrypt_failed', '2025-02-02T00:00:02+00:00', NULL);",
    )
    .unwrap();
}

fn store(base: &Path, barcode: &str, cut: usize) {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(barcode.repeat(1_000).as_bytes()).unwrap();
    let bytes = out.finish().unwrap();
    let folder = base.join("raw").join(barcode);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{barcode}.tar.gz")), &bytes[..bytes.len() - cut]).unwrap();
}

/// Archives in a folder, looked at no closer than gzip's own checksum: what the catalog makes of them is tested here.
pub struct ArchiveFolder(pub PathBuf);

impl StoredFiles for ArchiveFolder {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        let entries = std::fs::read_dir(self.0.join("raw"))?;
        Ok(Box::new(entries.map(|entry| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        })))
    }

    fn adopt(
        &mut self,
        barcode: &Barcode,
        _etag: Option<&str>,
        _recorded: Option<&str>,
        _begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        let storage_path = format!("raw/{barcode}/{barcode}.tar.gz");
        let Ok(bytes) = std::fs::read(self.0.join(&storage_path)) else {
            return Ok(None);
        };
        let mut content = flate2::read::GzDecoder::new(bytes.as_slice());
        io::copy(&mut content, &mut io::sink()).map_err(|error| ArchiveUnfit::Damaged(error.to_string()))?;
        Ok(Some(AdoptedArchive {
            storage_path,
            bytes: bytes.len() as u64,
            sha256: Some("ab".repeat(32)),
            ..AdoptedArchive::default()
        }))
    }
}

pub struct ImportScene {
    pub folder: tempfile::TempDir,
}

impl ImportScene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        other_database(&folder.path().join("books.db"));
        for (barcode, cut) in [("TL0001", 0), ("TL0003", 5), ("TL0004", 0), ("TL0009", 0)] {
            store(folder.path(), barcode, cut);
        }
        Self { folder }
    }

    pub fn ledger(&self) -> CatalogLedger {
        CatalogLedger::open(
            &self.folder.path().join("catalog.db"),
            SystemClock::system(),
            CatalogPolicy::default(),
        )
        .unwrap()
    }

    pub fn import(&self, ledger: Option<&mut CatalogLedger>, with_files: bool) -> ImportReport {
        let into = ledger.map_or(ImportTarget::Compared(None), ImportTarget::Catalog);
        self.import_into(into, with_files)
    }

    fn import_into(&self, into: ImportTarget<'_>, with_files: bool) -> ImportReport {
        let mut files = ArchiveFolder(self.folder.path().into());
        let import = ImportPlan {
            owner: "import".into(),
            from: &self.folder.path().join("books.db"),
            files: with_files.then_some(&mut files as &mut dyn StoredFiles),
            into,
            may_go_on: &|| true,
            progress: &mut |_| {},
        };
        import.run().unwrap()
    }

    pub fn reader(&self) -> CatalogReader {
        CatalogReader::open_path(&self.folder.path().join("catalog.db"), SystemClock::system()).unwrap()
    }

    fn state(&self, barcode: &str) -> BookState {
        self.reader()
            .explain(&Barcode::parse(barcode).unwrap())
            .unwrap()
            .unwrap()
            .state
    }
}

#[test]
fn what_is_really_stored_decides() {
    let run = ImportScene::new();
    let report = run.import(Some(&mut run.ledger()), true);
    assert_eq!(
        (report.books, report.new, report.archives, report.stored, report.strays),
        (5, 5, 3, 3, 1)
    );
    assert_eq!((report.only_called_done, report.misfits), (1, 2), "{report}");
    let named: Vec<_> = report.named.iter().map(|misfit| misfit.barcode.as_str()).collect();
    assert_eq!(named, ["../evil", "TL0003"]);
    let states = ["TL0001", "TL0002", "TL0003", "TL0004", "TL0009"].map(|barcode| run.state(barcode));
    assert_eq!(states, [S::Stored, S::Available, S::Known, S::Stored, S::Stored]);
    assert_eq!(run.reader().counts().unwrap().total, 5);
}

#[test]
fn an_etag_is_taken_over_only_if_it_belongs_to_what_is_stored() {
    let run = ImportScene::new();
    let report = run.import(Some(&mut run.ledger()), true);
    assert_eq!(report.without_etag, 2);
    let book = |barcode| {
        run.reader()
            .explain(&Barcode::parse(barcode).unwrap())
            .unwrap()
            .unwrap()
            .book
    };
    assert_eq!(book("TL0001")["encrypted_etag"], "\"good\"");
    assert_eq!(book("TL0001")["scanned_date"], "2011-02-03T04:05:00");
    assert_eq!(book("TL0001")["marc_subjects"], serde_json::json!(["Tides, Sea, Law"]));
    assert_eq!(book("TL0001")["sha256"].as_str().unwrap().len(), 64);
    assert!(
        book("TL0004").get("encrypted_etag").is_none(),
        "it belongs to an archive that was never decrypted"
    );
    assert!(book("TL0002").get("encrypted_etag").is_none());
}

/// Finds archives everywhere, and no room for what comes of them.
struct Full;

impl StoredFiles for Full {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        Ok(Box::new(std::iter::empty()))
    }

    fn adopt(
        &mut self,
        _: &Barcode,
        _: Option<&str>,
        _: Option<&str>,
        _: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        Err(ArchiveUnfit::Ours(io::ErrorKind::StorageFull.into()))
    }
}

#[test]
fn a_full_storage_ends_the_import_instead_of_calling_archives_bad() {
    let run = ImportScene::new();
    let import = ImportPlan {
        owner: "import".into(),
        from: &run.folder.path().join("books.db"),
        files: Some(&mut Full),
        into: ImportTarget::Catalog(&mut run.ledger()),
        may_go_on: &|| true,
        progress: &mut |_| {},
    };
    let error = import.run().unwrap_err();
    assert!(matches!(error, ImportError::Files(_)), "{error}");
    assert_eq!(
        run.reader().counts().unwrap().total,
        0,
        "nothing of the batch is recorded"
    );
}

#[test]
fn a_dry_run_writes_nothing_and_says_the_same() {
    let run = ImportScene::new();
    let dry = run.import(None, true);
    assert!(!run.folder.path().join("catalog.db").exists());
    assert_eq!(
        (dry.books, dry.archives, dry.strays, dry.misfits, dry.stored),
        (5, 3, 1, 2, 3)
    );
    assert!(dry.to_string().starts_with("dry run"));
}

#[test]
fn a_dry_run_compares_with_the_catalog_and_leaves_it_as_it_is() {
    let run = ImportScene::new();
    let mut ledger = run.ledger();
    run.import_into(ImportTarget::Catalog(&mut ledger), true);
    ledger.close().unwrap();
    let catalog = || std::fs::read(run.folder.path().join("catalog.db")).unwrap();
    let before = catalog();
    let dry = run.import_into(ImportTarget::Compared(Some(&run.reader())), true);
    assert_eq!((dry.new, dry.merged, dry.stored, dry.home_already), (0, 4, 0, 3));
    assert!(catalog() == before, "nothing was written");
}

#[test]
fn importing_again_or_later_keeps_what_we_know() {
    let run = ImportScene::new();
    let mut ledger = run.ledger();
    let without = run.import(Some(&mut ledger), false);
    assert_eq!(without.stored, 0);
    assert_eq!(run.state("TL0001"), BookState::Known);
    let with = run.import(Some(&mut ledger), true);
    assert_eq!((with.new, with.stored), (1, 3));
    let again = run.import(Some(&mut ledger), true);
    assert_eq!((again.new, again.stored, again.merged), (0, 0, 4));
    assert_eq!(again.home_already, 3, "one of them is not in the other database");
    let story = run
        .reader()
        .explain(&Barcode::parse("TL0001").unwrap())
        .unwrap()
        .unwrap();
    let told: Vec<_> = story.history.iter().map(|event| event.status_value.as_str()).collect();
    assert_eq!(
        told,
        ["sync:downloaded", "sync:decrypted", "sync:completed", "known", "stored"]
    );
}

#[test]
fn another_kind_of_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE books (isbn TEXT)")
        .unwrap();
    let import = |from: &Path| {
        let import = ImportPlan {
            owner: "import".into(),
            from,
            files: None,
            into: ImportTarget::Compared(None),
            may_go_on: &|| true,
            progress: &mut |_| {},
        };
        import.run().unwrap_err()
    };
    assert!(matches!(import(&path), ImportError::Foreign { .. }));
    assert!(matches!(
        import(&folder.path().join("nothing.db")),
        ImportError::Source { .. }
    ));
}

#[test]
fn the_csv_has_exactly_the_columns_and_forms_of_the_contract() {
    let run = ImportScene::new();
    run.import(Some(&mut run.ledger()), true);
    let mut out = Vec::new();
    assert_eq!(run.reader().export_csv(&ExportFilter::default(), &mut out).unwrap(), 5);
    let mut csv = csv::Reader::from_reader(out.as_slice());
    let header: Vec<_> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header.len(), 54);
    assert!(header.iter().zip(CSV_COLUMNS).all(|(name, column)| name == column.csv));
    let rows: Vec<_> = csv.records().map(Result::unwrap).collect();
    let value = |row: usize, name: &str| rows[row][header.iter().position(|column| column == name).unwrap()].to_owned();
    assert_eq!(value(0, "Barcode"), "TL0001");
    assert_eq!(value(0, "Is Decrypted"), "TRUE");
    assert_eq!(value(1, "Is Decrypted"), "FALSE");
    assert_eq!(value(0, "MARC Subjects"), "Tides, Sea, Law");
    assert_eq!(value(0, "Scanned Date"), "2011-02-03T04:05:00");
    assert_eq!(value(1, "Storage Path"), "");
    assert_eq!(value(0, "Storage Path"), "raw/TL0001/TL0001.tar.gz");
}

#[test]
fn the_json_lines_hold_everything_and_leave_out_what_is_not_known() {
    let run = ImportScene::new();
    run.import(Some(&mut run.ledger()), true);
    let mut out = Vec::new();
    run.reader().export_jsonl(&ExportFilter::default(), &mut out).unwrap();
    let books: Vec<serde_json::Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(books.len(), 5);
    assert_eq!(books[0]["state"], "stored");
    assert_eq!(books[0]["is_decrypted"], true);
    assert!(books[1].get("storage_path").is_none());
    assert!(books[0].get("id").is_none());
}

#[test]
fn an_import_that_is_no_member_any_more_takes_nothing_over() {
    let run = ImportScene::new();
    let import = ImportPlan {
        owner: "import".into(),
        from: &run.folder.path().join("books.db"),
        files: None,
        into: ImportTarget::Catalog(&mut run.ledger()),
        may_go_on: &|| false,
        progress: &mut |_| {},
    };
    let error = import.run().unwrap_err();
    assert!(matches!(error, ImportError::Interrupted), "{error}");
    assert_eq!(run.reader().counts().unwrap().total, 0);
}
