//! The catalog as a CSV or JSON-lines file, streamed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{SqlValue, arguments};
use crate::catalog::observations::lists;
use crate::catalog::observations::marc::read_list;
use crate::catalog::queries::export_filter::ExportFilter;
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

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Write(error),
            other => Self::Catalog(CatalogError::Fault(format!("{other:?}"))),
        }
    }
}

impl CatalogReader {
    /// Writes the books meant as CSV with exactly the columns of src/grin/PROTOCOL.md, section 13, in the order in which they
    /// became known; comes back with their number.
    pub fn export_csv(&self, filter: &ExportFilter, out: impl Write) -> Result<u64, ExportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(CSV_COLUMNS.iter().map(|column| column.csv))?;
        let names: Vec<_> = CSV_COLUMNS.iter().map(|column| column.sql).collect();
        let done = self.each_exported(filter, &names.join(", "), |row| {
            for (at, column) in CSV_COLUMNS.iter().enumerate() {
                write_cell(&mut out, column, row.value(at)?)?;
            }
            out.write_record(None::<&[u8]>).map_err(ExportError::from)
        })?;
        out.flush()?;
        Ok(done)
    }

    /// Writes everything known of the books meant, one JSON object a line: absent values are left out, lists stay lists.
    pub fn export_jsonl(&self, filter: &ExportFilter, out: impl Write) -> Result<u64, ExportError> {
        let mut out = io::BufWriter::new(out);
        let mut names = None;
        let done = self.each_exported(filter, "*", |row| {
            let names = names.get_or_insert_with(|| ExportNames::of(row));
            let mut book = book_json(names, row)?;
            let seen = sightings(self, row.get("id")?)?;
            if !seen.is_empty() {
                book.insert("lists".into(), json!(seen));
            }
            serde_json::to_writer(&mut out, &book).map_err(io::Error::from)?;
            out.write_all(b"\n").map_err(ExportError::from)
        })?;
        out.flush()?;
        Ok(done)
    }
}

fn write_cell<W: Write>(
    out: &mut csv::Writer<W>,
    column: &ExportColumn,
    value: SqlValue<'_>,
) -> Result<(), ExportError> {
    match value {
        SqlValue::Null => out.write_field("")?,
        SqlValue::Integer(n) if column.sql == "is_decrypted" => {
            out.write_field(if n == 0 { "FALSE" } else { "TRUE" })?
        }
        SqlValue::Flag(flag) => out.write_field(if flag { "TRUE" } else { "FALSE" })?,
        SqlValue::Integer(n) => out.write_field(n.to_string())?,
        SqlValue::Real(n) => out.write_field(n.to_string())?,
        SqlValue::Text(text) if MarcFields::is_repeating(column.sql) => {
            out.write_field(&*in_one_line(&read_list(text).join(", ")))?
        }
        SqlValue::Text(text) => out.write_field(&*in_one_line(text))?,
    }
    Ok(())
}

/// A book is one line of the table: its readers remember where lines begin, and read them one by one.
fn in_one_line(text: &str) -> Cow<'_, str> {
    match text.contains(['\r', '\n']) {
        true => Cow::Owned(text.replace("\r\n", " ").replace(['\r', '\n'], " ")),
        false => Cow::Borrowed(text),
    }
}

/// The columns of a row of `books`: their names, and what the values of GRIN's are.
pub(crate) struct ExportNames(Vec<(String, Option<ColumnKind>)>);

impl ExportNames {
    pub(crate) fn of(row: &SqlRow<'_>) -> Self {
        let of_grin = |name: &str| {
            by_sql(name)
                .filter(|column| column.tsv.is_some())
                .map(|column| column.kind)
        };
        let names = row.names().into_iter();
        Self(names.map(|name| (name.to_owned(), of_grin(name))).collect())
    }
}

/// Everything in a row of `books`, by column name; what is absent or only of use to the catalog itself is left out. GRIN's words stand
/// as they came; flags, numbers and codes among them stand under `typed` once more, as such.
pub(crate) fn book_json(names: &ExportNames, row: &SqlRow<'_>) -> Result<Map<String, Value>, CatalogError> {
    const OURS_ALONE: [&str; 5] = ["id", "claim_fence", "enrich_key", "lease_from", "lease_to"];
    const FLAGS: [&str; 4] = ["is_decrypted", "listed_converted", "can_be_requested", "verified"];
    let (mut book, mut typed) = (Map::new(), Map::new());
    for (at, (name, kind)) in names.0.iter().enumerate() {
        if OURS_ALONE.contains(&name.as_str()) {
            continue;
        }
        let value = match row.value(at)? {
            SqlValue::Null => continue,
            SqlValue::Integer(n) if FLAGS.contains(&name.as_str()) => json!(n != 0),
            SqlValue::Flag(flag) => json!(flag),
            SqlValue::Integer(n) => json!(n),
            SqlValue::Real(n) => json!(n),
            SqlValue::Text(text) => {
                if let Some(value) = kind.and_then(|kind| TypedValue::read(kind, text)) {
                    typed.insert(name.clone(), json!(value));
                }
                text_json(name, text)
            }
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

/// The lists are named, so that the key is used, which begins with them.
static SIGHTINGS: LazyLock<String> = LazyLock::new(|| {
    let lists = ListKind::ALL.map(|list| lists::number(list).to_string()).join(", ");
    format!("SELECT list, observed FROM sightings WHERE list IN ({lists}) AND book = :book")
});

/// When a book was last seen in each list.
pub(crate) fn sightings(reader: &CatalogReader, book: i64) -> Result<BTreeMap<&'static str, String>, CatalogError> {
    let rows = reader.conn().all(&SIGHTINGS, &arguments! { book: book }, |row| {
        Ok((row.get::<i64>("list")?, row.get("observed")?))
    })?;
    let name = |number| {
        ListKind::ALL
            .into_iter()
            .find(|list| lists::number(*list) == number)
            .map(lists::name)
    };
    let seen = rows.into_iter().filter_map(|(number, observed)| {
        let at = jiff::Timestamp::from_millisecond(observed).unwrap_or_default();
        Some((name(number)?, crate::clock::stamp(at)))
    });
    Ok(seen.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_no_line_break() {
        for (text, line) in [
            ("On Tides", "On Tides"),
            ("", ""),
            ("On\nTides", "On Tides"),
            ("On\r\nTides\r", "On Tides "),
            ("On\n\nTides", "On  Tides"),
        ] {
            assert_eq!(in_one_line(text), line, "{text:?}");
        }
    }
}
