//! The catalog as a CSV or JSON-lines file, streamed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};
use serde_json::{Map, Value, json};

use crate::catalog::CatalogError;
use crate::catalog::observations::lists;
use crate::catalog::observations::marc::read_list;
use crate::catalog::queries::reader::CatalogReader;
use crate::grin::columns::{CSV_COLUMNS, ColumnKind, ExportColumn, by_sql};
use crate::grin::{ListKind, TypedValue};
use crate::vocabulary::MarcFields;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What was read could not be written.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Catalog(error.into())
    }
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Write(error),
            other => Self::Catalog(CatalogError::Fault(format!("{other:?}"))),
        }
    }
}

impl CatalogReader {
    /// Writes all books as CSV with exactly the columns of src/grin/PROTOCOL.md, section 13, in the order in which they
    /// became known; comes back with their number.
    pub fn export_csv(&self, out: impl Write) -> Result<u64, ExportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(CSV_COLUMNS.iter().map(|column| column.csv))?;
        let names: Vec<_> = CSV_COLUMNS.iter().map(|column| column.sql).collect();
        let mut select = self
            .conn()
            .prepare(&format!("SELECT {} FROM books ORDER BY id", names.join(", ")))?;
        let mut rows = select.query([])?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            for (at, column) in CSV_COLUMNS.iter().enumerate() {
                write_cell(&mut out, column, row.get_ref(at)?)?;
            }
            out.write_record(None::<&[u8]>)?;
            done += 1;
        }
        out.flush()?;
        Ok(done)
    }

    /// Writes everything known of all books, one JSON object a line: absent values are left out, lists stay lists.
    pub fn export_jsonl(&self, out: impl Write) -> Result<u64, ExportError> {
        let mut out = io::BufWriter::new(out);
        let mut select = self.conn().prepare("SELECT * FROM books ORDER BY id")?;
        let names = ExportNames::of(&select);
        let mut rows = select.query([])?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            let mut book = book_json(&names, row)?;
            let seen = sightings(self, row.get(0)?)?;
            if !seen.is_empty() {
                book.insert("lists".into(), json!(seen));
            }
            serde_json::to_writer(&mut out, &book).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            done += 1;
        }
        out.flush()?;
        Ok(done)
    }
}

fn write_cell<W: Write>(
    out: &mut csv::Writer<W>,
    column: &ExportColumn,
    value: ValueRef<'_>,
) -> Result<(), ExportError> {
    match value {
        ValueRef::Null => out.write_field("")?,
        ValueRef::Integer(n) if column.sql == "is_decrypted" => {
            out.write_field(if n == 0 { "FALSE" } else { "TRUE" })?
        }
        ValueRef::Integer(n) => out.write_field(n.to_string())?,
        ValueRef::Real(n) => out.write_field(n.to_string())?,
        ValueRef::Text(text) if MarcFields::is_repeating(column.sql) => {
            out.write_field(read_list(&String::from_utf8_lossy(text)).join(", "))?;
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.write_field(bytes)?,
    }
    Ok(())
}

/// The columns of a row of `books`: their names, and what the values of GRIN's are.
pub(crate) struct ExportNames(Vec<(String, Option<ColumnKind>)>);

impl ExportNames {
    pub(crate) fn of(select: &Statement<'_>) -> Self {
        let of_grin = |name: &str| {
            by_sql(name)
                .filter(|column| column.tsv.is_some())
                .map(|column| column.kind)
        };
        let names = select.column_names();
        Self(names.map(|name| (name.to_owned(), of_grin(name))).collect())
    }
}

/// Everything in a row of `books`, by column name; what is absent or only of use to the catalog itself is left out. GRIN's words stand
/// as they came; flags, numbers and codes among them stand under `typed` once more, as such.
pub(crate) fn book_json(names: &ExportNames, row: &Row<'_>) -> Result<Map<String, Value>, rusqlite::Error> {
    const OURS_ALONE: [&str; 5] = ["id", "claim_fence", "enrich_key", "lease_from", "lease_to"];
    const FLAGS: [&str; 4] = ["is_decrypted", "listed_converted", "can_be_requested", "verified"];
    let (mut book, mut typed) = (Map::new(), Map::new());
    for (at, (name, kind)) in names.0.iter().enumerate() {
        if OURS_ALONE.contains(&name.as_str()) {
            continue;
        }
        let value = match row.get_ref(at)? {
            ValueRef::Null => continue,
            ValueRef::Integer(n) if FLAGS.contains(&name.as_str()) => json!(n != 0),
            ValueRef::Integer(n) => json!(n),
            ValueRef::Real(n) => json!(n),
            ValueRef::Text(text) => {
                let text = String::from_utf8_lossy(text);
                if let Some(value) = kind.and_then(|kind| TypedValue::read(kind, &text)) {
                    typed.insert(name.clone(), json!(value));
                }
                text_json(name, &text)
            }
            ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
        };
        book.insert(name.clone(), value);
    }
    if !typed.is_empty() {
        book.insert("typed".into(), typed.into());
    }
    Ok(book)
}

fn text_json(name: &str, text: &str) -> Value {
    match name {
        _ if MarcFields::is_repeating(name) => json!(read_list(text)),
        "raw_values" => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}

/// When a book was last seen in each list.
pub(crate) fn sightings(reader: &CatalogReader, book: i64) -> Result<BTreeMap<&'static str, String>, rusqlite::Error> {
    let mut select = reader
        .conn()
        .prepare_cached("SELECT observed FROM sightings WHERE list = ?1 AND book = ?2")?;
    let mut seen = BTreeMap::new();
    for list in ListKind::ALL {
        let mut rows = select.query((lists::number(list), book))?;
        if let Some(row) = rows.next()? {
            let at = jiff::Timestamp::from_millisecond(row.get(0)?).unwrap_or_default();
            seen.insert(lists::name(list), crate::clock::stamp(at));
        }
    }
    Ok(seen)
}
