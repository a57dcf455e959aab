//! What an import of rights came to, and what was left as it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Most lines of a kind that are named one by one.
const NAMED: usize = 10;

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RightsReport {
    /// Rows of the file that can be read.
    pub rows: u64,
    /// Lines that cannot be read; they change nothing.
    pub malformed: u64,
    /// Rows that name a book of the catalog.
    pub matched: u64,
    /// The same by namespace.
    pub namespaces: BTreeMap<String, u64>,
    /// Rows that were matched and not taken: another one names the same book, or its name differs from another's only in capital letters.
    pub ambiguous: u64,
    /// Rows that name a barcode which the catalog does not know.
    pub not_in_catalog: u64,
    /// Rows whose identifier holds no barcode.
    pub no_barcode: u64,
    /// Rows of namespaces that were not asked for.
    pub left_out: u64,
    /// What was written.
    #[serde(flatten)]
    pub counts: RightsCounts,
    /// Books of the catalog of which the file says nothing; they keep what is known of them.
    pub books_without: u64,
    /// The first of the malformed lines.
    pub malformed_lines: Vec<BadLine>,
    /// The first of the ambiguous rows.
    pub ambiguous_rows: Vec<BadLine>,
}

/// A line of the file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// Why, or which volume it is about.
    pub because: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.because)
    }
}

/// What was written of some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RightsCounts {
    /// Books with other rights than before, or with any for the first time.
    pub recorded: u64,
    /// Books of which the same was known.
    pub unchanged: u64,
    /// Books of which a later determination was known; that stayed.
    pub older: u64,
}

impl RightsReport {
    pub(super) fn note_malformed(&mut self, line: u64, because: &dyn fmt::Display) {
        self.malformed += 1;
        name(&mut self.malformed_lines, line, because.to_string());
    }

    pub(super) fn note_ambiguous(&mut self, line: u64, volume: &str) {
        self.ambiguous += 1;
        name(&mut self.ambiguous_rows, line, volume.to_owned());
    }

    pub(super) fn note_match(&mut self, volume: &str) {
        self.matched += 1;
        let namespace = volume.split('.').next().unwrap_or_default();
        match self.namespaces.get_mut(namespace) {
            Some(rows) => *rows += 1,
            None => {
                self.namespaces.insert(namespace.to_owned(), 1);
            }
        }
    }
}

impl RightsCounts {
    pub(super) fn add(&mut self, written: Self) {
        self.recorded += written.recorded;
        self.unchanged += written.unchanged;
        self.older += written.older;
    }
}

fn name(lines: &mut Vec<BadLine>, line: u64, because: String) {
    if lines.len() < NAMED {
        lines.push(BadLine { line, because });
    }
}

impl fmt::Display for RightsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespaces: Vec<_> = self
            .namespaces
            .iter()
            .map(|(name, rows)| format!("{name} {rows}"))
            .collect();
        let of = match namespaces.is_empty() {
            true => String::new(),
            false => format!(" ({})", namespaces.join(", ")),
        };
        writeln!(f, "{:>10} rows in the file", self.rows)?;
        writeln!(f, "{:>10} name a book of the catalog{of}", self.matched)?;
        writeln!(
            f,
            "{:>10} name a barcode that the catalog does not know",
            self.not_in_catalog
        )?;
        writeln!(f, "{:>10} have no barcode in their identifier", self.no_barcode)?;
        if self.left_out > 0 {
            writeln!(f, "{:>10} are of other namespaces", self.left_out)?;
        }
        writeln!(f, "{:>10} books with new or other rights", self.counts.recorded)?;
        writeln!(f, "{:>10} books whose rights were known already", self.counts.unchanged)?;
        writeln!(
            f,
            "{:>10} books of which a later determination was known",
            self.counts.older
        )?;
        writeln!(f, "{:>10} books of which the file says nothing", self.books_without)?;
        writeln!(
            f,
            "{:>10} rows were not taken: several name the same book",
            self.ambiguous
        )?;
        list(f, &self.ambiguous_rows, self.ambiguous)?;
        writeln!(f, "{:>10} lines cannot be read", self.malformed)?;
        list(f, &self.malformed_lines, self.malformed)
    }
}

fn list(f: &mut fmt::Formatter<'_>, lines: &[BadLine], all: u64) -> fmt::Result {
    for line in lines {
        writeln!(f, "           {line}")?;
    }
    let more = all - lines.len() as u64;
    if more > 0 {
        writeln!(f, "           and {more} more")?;
    }
    Ok(())
}
