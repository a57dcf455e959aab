//! A whole catalog into another database, of the other engine or the same.
//!
//! Large tables are copied piece by piece, each in a transaction, in the order of their keys: what was interrupted goes on after the last
//! row that arrived. At the end both catalogs are read and compared.

mod copy_end;
mod one_view;
mod operations;
mod tables;

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::catalog::copy::copy_end::{CopyEnd, CopySide};
pub(in crate::catalog) use crate::catalog::copy::one_view::copy_rows;
use crate::catalog::copy::operations::{BeginCopy, FinishCopy, LastFence, LastKey};
use crate::catalog::copy::tables::CopiedTable;
pub(in crate::catalog) use crate::catalog::copy::tables::TABLES;
use crate::catalog::engine::rows::{KeptRows, KeptValue};
use crate::catalog::sharing::members::MemberRow;
use crate::catalog::{CatalogAddress, CatalogError};
use crate::clock::SystemClock;

/// A copy that was killed keeps the next one waiting for so long.
const LEASE: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// Rows read and written at a time.
const ROWS: usize = 500;

/// Copies a catalog.
pub(crate) struct CatalogCopy<'a> {
    pub from: &'a CatalogAddress,
    pub to: &'a CatalogAddress,
    /// The machine, and a name of this process alone.
    pub host: String,
    pub process: String,
    pub clock: SystemClock,
    /// Told after each piece.
    pub progress: &'a mut dyn FnMut(CopyProgress),
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyProgress {
    pub table: &'static str,
    /// Rows of it that are copied, or compared.
    pub rows: u64,
    /// Rows that it has.
    pub of: u64,
    pub is_comparing: bool,
}

/// What a table came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct CopiedRows {
    pub table: &'static str,
    pub rows: u64,
    /// SHA-256 of all rows, the same in both catalogs.
    pub sha256: String,
}

/// A copy that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompleteCopy {
    /// What each table came to.
    pub tables: Vec<CopiedRows>,
    /// It was complete before, and equal: nothing was copied.
    pub was_there: bool,
}

/// Why a catalog was not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogCopyError {
    /// Of the catalog that is copied.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Of the one that it is copied into.
    #[error(transparent)]
    Target(CatalogError),
    #[error("both addresses lead to the same catalog, {0}")]
    Same(String),
    #[error("{catalog} is in use: {} ({} on {}) joined it at {}, and its lease holds for {} s", by.card.instance, by.card.program, by.card.host, by.joined_at, by.left.as_secs() + 1)]
    InUse { catalog: String, by: Box<MemberRow> },
    #[error("the copy stood still for so long that another program may have used {0} meanwhile")]
    Interrupted(String),
    #[error("{catalog} is not empty: it has {books} books and is no copy that was begun from {from}")]
    NotEmpty { catalog: String, books: u64, from: String },
    #[error("{table} is not the same in both catalogs: {from} rows in the one, {to} in the other")]
    Differs { table: &'static str, from: u64, to: u64 },
}

impl CatalogCopy<'_> {
    /// Copies what is not copied yet, and compares everything.
    pub(crate) fn run(self) -> Result<CompleteCopy, CatalogCopyError> {
        let mut source = CopyEnd::open(self.from, &self, CopySide::Source)?;
        source.join(None)?;
        let outcome = source.is_complete().and_then(|()| self.into_target(&mut source));
        source.leave();
        outcome
    }

    /// Nothing is made at the other address before the source is found fit.
    fn into_target(self, source: &mut CopyEnd) -> Result<CompleteCopy, CatalogCopyError> {
        let mut target = CopyEnd::open(self.to, &self, CopySide::Target)?;
        let outcome = target.join(Some(&source.member)).and_then(|()| {
            let mut run = CopyRun {
                source,
                target: &mut target,
                progress: self.progress,
                renewed: Instant::now(),
            };
            run.copy()
        });
        target.leave();
        outcome
    }
}

/// The digest of a table's rows in the order of their keys.
#[derive(Default)]
struct TableDigest {
    rows: u64,
    sha256: Sha256,
}

impl TableDigest {
    fn add(&mut self, kept: &KeptRows) {
        self.rows += kept.rows.len() as u64;
        for value in kept.rows.iter().flatten() {
            match value {
                KeptValue::Null => self.sha256.update([0]),
                KeptValue::Integer(n) => {
                    self.sha256.update([1]);
                    self.sha256.update(n.to_le_bytes());
                }
                KeptValue::Text(text) => {
                    self.sha256.update([2]);
                    self.sha256.update((text.len() as u64).to_le_bytes());
                    self.sha256.update(text);
                }
            }
        }
    }
}

struct CopyRun<'a> {
    source: &'a mut CopyEnd,
    target: &'a mut CopyEnd,
    progress: &'a mut dyn FnMut(CopyProgress),
    renewed: Instant,
}

impl CopyRun<'_> {
    fn copy(&mut self) -> Result<CompleteCopy, CatalogCopyError> {
        let from = self.source.shown.clone();
        if let Some(books) = self.target.ask(BeginCopy { from: from.clone() })? {
            let catalog = self.target.shown.clone();
            let not_empty = CatalogCopyError::NotEmpty { catalog, books, from };
            return self.compare_complete()?.ok_or(not_empty);
        }
        for table in &TABLES {
            self.copy_table(table)?;
        }
        let mut copied = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            copied.push(self.compare_or_copy_anew(table)?);
        }
        self.renew()?;
        let fence = self.source.ask(LastFence)?;
        self.target.ask(FinishCopy { fence })?;
        Ok(CompleteCopy {
            tables: copied,
            was_there: false,
        })
    }

    /// Whether what the target has is all that the source has, as after a copy that is repeated; `None`: it is something else.
    fn compare_complete(&mut self) -> Result<Option<CompleteCopy>, CatalogCopyError> {
        match self.target.is_complete() {
            // Of another catalog.
            Err(CatalogCopyError::Target(CatalogError::HalfCopied { .. })) => return Ok(None),
            complete => complete?,
        }
        for table in &TABLES {
            if self.source.rows(table)? != self.target.rows(table)? {
                return Ok(None);
            }
        }
        let tables = TABLES.iter().map(|table| self.compare(table)).collect();
        match tables {
            Ok(tables) => Ok(Some(CompleteCopy {
                tables,
                was_there: true,
            })),
            Err(CatalogCopyError::Differs { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn copy_table(&mut self, table: &'static CopiedTable) -> Result<(), CatalogCopyError> {
        let of = self.source.rows(table)?;
        let mut after = self.target.ask(LastKey(table))?;
        let mut rows = match after.is_empty() {
            true => 0,
            false => self.target.rows(table)?,
        };
        loop {
            let read = self.source.read(table, after)?;
            let (count, last) = (read.rows.len(), table.last_key(&read));
            self.target.append(table, read, table.is_small())?;
            rows += count as u64;
            self.tell(CopyProgress {
                table: table.name,
                rows,
                of,
                is_comparing: false,
            })?;
            if count < ROWS || table.is_small() {
                return Ok(());
            }
            after = last;
        }
    }

    /// A table that was copied in part by an earlier run, and changed since then, is copied anew.
    fn compare_or_copy_anew(&mut self, table: &'static CopiedTable) -> Result<CopiedRows, CatalogCopyError> {
        match self.compare(table) {
            Err(CatalogCopyError::Differs { .. }) if !table.is_append_only => {
                tracing::info!(
                    table = table.name,
                    "it changed after a part was copied, and is copied anew"
                );
                self.target.append(table, KeptRows::default(), true)?;
                self.copy_table(table)?;
                self.compare(table)
            }
            compared => compared,
        }
    }

    fn compare(&mut self, table: &'static CopiedTable) -> Result<CopiedRows, CatalogCopyError> {
        let of = self.source.rows(table)?;
        let from = self.digest(table, true, of)?;
        let to = self.digest(table, false, of)?;
        let (from_sha256, to_sha256) = (from.sha256.finalize(), to.sha256.finalize());
        if from.rows != to.rows || from_sha256 != to_sha256 {
            return Err(CatalogCopyError::Differs {
                table: table.name,
                from: from.rows,
                to: to.rows,
            });
        }
        Ok(CopiedRows {
            table: table.name,
            rows: to.rows,
            sha256: to_sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn digest(
        &mut self,
        table: &'static CopiedTable,
        of_source: bool,
        of: u64,
    ) -> Result<TableDigest, CatalogCopyError> {
        let (mut digest, mut after) = (TableDigest::default(), Vec::new());
        loop {
            let end = if of_source {
                &mut *self.source
            } else {
                &mut *self.target
            };
            let read = end.read(table, after)?;
            digest.add(&read);
            self.tell(CopyProgress {
                table: table.name,
                rows: digest.rows,
                of,
                is_comparing: true,
            })?;
            if read.rows.len() < ROWS || table.is_small() {
                return Ok(digest);
            }
            after = table.last_key(&read);
        }
    }

    /// Tells how far it is, and stays a member of both.
    fn tell(&mut self, progress: CopyProgress) -> Result<(), CatalogCopyError> {
        (self.progress)(progress);
        if self.renewed.elapsed() >= RENEW_EVERY {
            self.renew()?;
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), CatalogCopyError> {
        self.source.renew()?;
        self.target.renew()?;
        self.renewed = Instant::now();
        Ok(())
    }
}
