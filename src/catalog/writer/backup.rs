//! A copy of the catalog as a gzip file, made while the writer works.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::catalog::CatalogError;
use crate::catalog::queries::export::ExportError;
use crate::catalog::queries::reader::CatalogReader;

/// Pages copied in one go; between, the writer gets its turn.
const PAGES: i32 = 1_000;

impl CatalogReader {
    /// Writes a copy of the catalog, checked and compressed, for the scheduled backup (`schedule.backup_every`); comes back with its size before compression. The copy
    /// stands in `scratch` meanwhile, under a name of its own, and is removed again.
    pub fn backup(&self, out: impl Write, scratch: &Path) -> Result<u64, ExportError> {
        let copy = tempfile::Builder::new()
            .prefix(".catalog-backup-")
            .suffix(".db")
            .tempfile_in(scratch)?;
        self.copy_to(copy.path())?;
        let mut from = BufReader::new(File::open(copy.path())?);
        let mut out = GzEncoder::new(out, Compression::fast());
        let bytes = io::copy(&mut from, &mut out)?;
        out.finish()?.flush()?;
        Ok(bytes)
    }

    fn copy_to(&self, path: &Path) -> Result<(), CatalogError> {
        let mut copy = Connection::open(path)?;
        let conn = self.conn().as_sqlite();
        let conn = conn.ok_or_else(|| CatalogError::Fault("only a SQLite file can be copied as one".into()))?;
        // One view for the whole copy: else each commit of the writer would make it begin anew.
        let view = conn.unchecked_transaction()?;
        view.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Backup::new(conn, &mut copy)?.run_to_completion(PAGES, Duration::from_millis(5), None)?;
        view.finish()?;
        // The copy is one file, without a log beside it.
        copy.pragma_update(None, "journal_mode", "delete")?;
        let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" {
            return Ok(());
        }
        Err(CatalogError::Damaged {
            path: self.address().shown().into(),
            cause: verdict,
        })
    }
}
