//! Rights in volumes: what HathiTrust's list of all its volumes, a hathifile, says of the books in the catalog.

mod hathifile;
mod known_books;
mod record;
mod report;
mod volume_id;

use std::io::{self, Read};

pub(crate) use crate::catalog::rights::report::RightsReport;

use crate::catalog::rights::hathifile::{BadRightsRow, HathifileReader, RightsFacts};
use crate::catalog::rights::known_books::{KnownBooks, RowsNaming};
use crate::catalog::rights::record::{RecordRights, VolumeRights};
use crate::catalog::rights::report::{BadLine, RightsCounts};
use crate::catalog::rights::volume_id::{VolumeMeaning, meaning_of};
use crate::catalog::{CatalogError, CatalogLedger, CatalogReader};

/// Volumes recorded in one transaction.
const BATCH: usize = 1_000;

/// How rights are imported. The file is read twice: first as a whole, while nothing is written, so that one that is refused changes nothing.
pub struct RightsImport<'a> {
    /// Gives the file from its beginning; called twice.
    pub file: &'a dyn Fn() -> io::Result<Box<dyn Read>>,
    /// Only volumes of these namespaces, such as `hvd`; none: of any.
    pub namespaces: &'a [String],
    /// The catalog.
    pub books: &'a CatalogReader,
    /// The same, to be written.
    pub into: &'a mut CatalogLedger,
    /// Whether it is a member of the catalog still; asked before each transaction.
    pub may_go_on: &'a dyn Fn() -> bool,
}

/// Why rights were not imported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum RightsImportError {
    /// The file cannot be opened or read to its end: it is cut off, or no whole gzip file. Nothing was written, unless it could be read once.
    #[error("the file cannot be read: line {line}")]
    Read {
        /// The last line that was begun.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// No line can be read as a row. Nothing was written.
    #[error("this is no hathifile: none of its {lines} lines is a row of one{}", first_of(.first.as_ref()))]
    NotHathifile {
        /// All lines that are not empty.
        lines: u64,
        /// The first of them, and why it is none.
        first: Option<BadLine>,
    },
    /// The file is not the one that was read first. What stood before the change in it is recorded.
    #[error("the file was changed while it was read")]
    Changed,
    /// The catalog cannot be read or written. Earlier rows of the file may be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// It is a member of the catalog no more. Earlier rows of the file are recorded.
    #[error("this program is no member of the catalog any more: it stood still for longer than its lease")]
    Interrupted,
}

fn first_of(first: Option<&BadLine>) -> String {
    first.map_or_else(String::new, |line| format!("; {line}"))
}

/// Why a file is refused although it could be read to its end.
fn refusal(report: &RightsReport) -> Option<RightsImportError> {
    (report.rows == 0).then(|| RightsImportError::NotHathifile {
        lines: report.malformed,
        first: report.malformed_lines.first().cloned(),
    })
}

impl RightsImport<'_> {
    /// Records what the file says. Done again it records the same: rows that are recorded already change nothing.
    pub fn run(self) -> Result<RightsReport, RightsImportError> {
        let mut books = KnownBooks::of(self.books)?;
        let mut report = RightsReport::default();
        self.survey(&mut books, &mut report)?;
        if let Some(refusal) = refusal(&report) {
            return Err(refusal);
        }
        tracing::info!(
            rows = report.rows,
            matched = report.matched,
            "the file was read; what it says is recorded"
        );
        report.books_without = books.without_row();
        self.record(&books, &mut report)?;
        Ok(report)
    }

    /// Reads the whole file, and counts which rows name which book.
    fn survey(&self, books: &mut KnownBooks, report: &mut RightsReport) -> Result<(), RightsImportError> {
        each_row(self.file, |number, row| {
            let row = match row {
                Ok(row) => row,
                Err(because) => {
                    report.note_malformed(number, &because);
                    return Ok(());
                }
            };
            report.rows += 1;
            match meaning_of(&row.volume, self.namespaces) {
                VolumeMeaning::NoBarcode => report.no_barcode += 1,
                VolumeMeaning::LeftOut => report.left_out += 1,
                VolumeMeaning::Barcode(barcode) if books.name(&barcode) => report.note_match(&row.volume),
                VolumeMeaning::Barcode(_) => report.not_in_catalog += 1,
            }
            Ok(())
        })
    }

    /// Records the rows of which each names one book, and is the only one that names it.
    fn record(self, books: &KnownBooks, report: &mut RightsReport) -> Result<(), RightsImportError> {
        let (namespaces, mut rows) = (self.namespaces, 0);
        let mut into = RightsTarget {
            ledger: self.into,
            may_go_on: self.may_go_on,
            batch: Vec::with_capacity(BATCH),
            counts: RightsCounts::default(),
        };
        each_row(self.file, |number, row| {
            let Ok(facts) = row else { return Ok(()) };
            rows += 1;
            let VolumeMeaning::Barcode(barcode) = meaning_of(&facts.volume, namespaces) else {
                return Ok(());
            };
            match books.named(&barcode) {
                None | Some((_, RowsNaming::None)) => Ok(()),
                Some((_, RowsNaming::Several)) => {
                    report.note_ambiguous(number, &facts.volume);
                    Ok(())
                }
                Some((book, RowsNaming::One)) => into.take(VolumeRights { book, barcode, facts }),
            }
        })?;
        into.write()?;
        report.counts = into.counts;
        if rows == report.rows {
            Ok(())
        } else {
            Err(RightsImportError::Changed)
        }
    }
}

/// Calls `take` for each line of the file, with its number.
fn each_row(
    file: &dyn Fn() -> io::Result<Box<dyn Read>>,
    mut take: impl FnMut(u64, Result<RightsFacts, BadRightsRow>) -> Result<(), RightsImportError>,
) -> Result<(), RightsImportError> {
    let begun = file().and_then(HathifileReader::begin);
    let mut reader = begun.map_err(|source| RightsImportError::Read { line: 1, source })?;
    loop {
        match reader.next() {
            Ok(Some(row)) => take(reader.number(), row)?,
            Ok(None) => return Ok(()),
            Err(source) => {
                let line = reader.number();
                return Err(RightsImportError::Read { line, source });
            }
        }
    }
}

/// Writes rows, many in one transaction.
struct RightsTarget<'a> {
    ledger: &'a mut CatalogLedger,
    may_go_on: &'a dyn Fn() -> bool,
    batch: Vec<VolumeRights>,
    counts: RightsCounts,
}

impl RightsTarget<'_> {
    fn take(&mut self, rights: VolumeRights) -> Result<(), RightsImportError> {
        self.batch.push(rights);
        if self.batch.len() < BATCH { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), RightsImportError> {
        if !(self.may_go_on)() {
            return Err(RightsImportError::Interrupted);
        }
        let batch = std::mem::take(&mut self.batch);
        self.counts.add(self.ledger.execute(RecordRights(batch))?);
        Ok(())
    }
}
