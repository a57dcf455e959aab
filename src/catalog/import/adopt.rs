//! Writing books of another program into the catalog; what we know already stays.

use std::sync::LazyLock;

use rusqlite::{OptionalExtension as _, ToSql};

use crate::catalog::CatalogError;
use crate::catalog::import::files::AdoptedArchive;
use crate::catalog::import::report::BatchCounts;
use crate::catalog::import::source::ImportedBook;
use crate::catalog::lifecycle::history;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeMoment, ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{follow, word_of_state};
use crate::catalog::lifecycle::tallies::TallyKind;
use crate::catalog::observations::dates::READABLE;
use crate::catalog::observations::marc;
use crate::catalog::observations::marc::REPEATING;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;
use crate::grin::columns::CSV_COLUMNS;
use crate::vocabulary::BookState;

/// Takes books over.
pub(super) struct BookAdoption(pub Vec<ImportedBook>);

/// The columns that are simply filled where we have nothing.
static FILLED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    const NOT: [&str; 10] = [
        "barcode",
        "storage_path",
        "is_decrypted",
        "sync_timestamp",
        "encrypted_etag",
        "last_etag_check",
        "created_at",
        "updated_at",
        "enrichment_timestamp",
        "grin_state",
    ];
    CSV_COLUMNS
        .iter()
        .map(|column| column.sql)
        .filter(|sql| !NOT.contains(sql))
        .collect()
});

static FILL: LazyLock<String> = LazyLock::new(|| {
    let sets = FILLED
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{column} = ifnull({column}, ?{})", at + 5));
    format!(
        "UPDATE books SET updated_at = ?2, grin_state = ifnull(grin_state, ?3), \
         enrichment_timestamp = ifnull(enrichment_timestamp, ?4), {} WHERE id = ?1",
        sets.collect::<Vec<_>>().join(", ")
    )
});

impl CatalogOperation for BookAdoption {
    type Output = BatchCounts;
    const KIND: &'static str = "adopt";

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<BatchCounts, CatalogError> {
        let mut written = BatchCounts::default();
        for book in &self.0 {
            adopt(tx, book, &mut written)?;
        }
        Ok(written)
    }
}

/// A book as it is in our catalog before its values are filled in.
struct Ours {
    id: i64,
    state: BookState,
    grin_state: Option<String>,
}

fn adopt(tx: &mut CatalogTransaction<'_>, book: &ImportedBook, written: &mut BatchCounts) -> Result<(), CatalogError> {
    let (ours, new) = match find(tx, book)? {
        Some(ours) => (ours, false),
        None => (insert(tx, book)?, true),
    };
    *(if new { &mut written.new } else { &mut written.merged }) += 1;
    fill(tx, book, &ours)?;
    let mut state = ours.state;
    if new {
        state = follow(state, word_of_state(book.value("grin_state")));
        copy_history(tx, book)?;
    }
    match &book.archive {
        Some(archive) if is_free(state) => {
            store(tx, &ours, book, archive)?;
            state = BookState::Stored;
            written.stored += 1;
        }
        _ => set_state(tx, ours.id, state)?,
    }
    let note = ChangeNote::of(ChangeCause::Imported);
    if new {
        tx.moved(book.barcode.as_str(), None, state, &note.text())
    } else if state == ours.state {
        Ok(())
    } else {
        tx.moved_with(book.barcode.as_str(), (ours.state, state), note)
    }
}

/// May an archive from elsewhere become this book's?
pub(super) fn is_free(state: BookState) -> bool {
    state.follows_grin() || state == BookState::Failed
}

/// Asks where a book stands in our catalog; `None` if it is not known.
pub(super) struct StateOf(pub Barcode);

impl CatalogOperation for StateOf {
    type Output = Option<BookState>;
    const KIND: &'static str = "state_of";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError> {
        let mut select = tx.conn.prepare_cached("SELECT state FROM books WHERE barcode = ?1")?;
        Ok(select.query_row([self.0.as_str()], |row| row.get(0)).optional()?)
    }
}

fn find(tx: &CatalogTransaction<'_>, book: &ImportedBook) -> Result<Option<Ours>, CatalogError> {
    let mut select = tx
        .conn
        .prepare_cached("SELECT id, state, grin_state FROM books WHERE barcode = ?1")?;
    let found = select.query_row([book.barcode.as_str()], |row| {
        Ok(Ours {
            id: row.get(0)?,
            state: row.get(1)?,
            grin_state: row.get(2)?,
        })
    });
    Ok(found.optional()?)
}

fn insert(tx: &mut CatalogTransaction<'_>, book: &ImportedBook) -> Result<Ours, CatalogError> {
    let created = book.value("created_at").map_or_else(|| tx.stamp.clone(), Into::into);
    tx.conn
        .prepare_cached(
            "INSERT INTO books (barcode, state, state_at, created_at, updated_at) VALUES (?1, 'known', ?2, ?3, ?2)",
        )?
        .execute((book.barcode.as_str(), &tx.stamp, created))?;
    tx.totals.add(TallyKind::GrinState, "", 1);
    Ok(Ours {
        id: tx.conn.last_insert_rowid(),
        state: BookState::Known,
        grin_state: None,
    })
}

fn fill(tx: &mut CatalogTransaction<'_>, book: &ImportedBook, ours: &Ours) -> Result<(), CatalogError> {
    let grin_state = book.value("grin_state");
    let mut update = tx.conn.prepare_cached(&FILL)?;
    update.raw_bind_parameter(1, ours.id)?;
    update.raw_bind_parameter(2, &tx.stamp)?;
    update.raw_bind_parameter(3, grin_state)?;
    update.raw_bind_parameter(4, book.value("enrichment_timestamp"))?;
    for (at, column) in FILLED.iter().enumerate() {
        let value = book.value(column).map(|value| filled(column, value));
        update.raw_bind_parameter(at + 5, &value as &dyn ToSql)?;
    }
    update.raw_execute()?;
    if let (None, Some(new)) = (&ours.grin_state, grin_state) {
        tx.totals.shift(TallyKind::GrinState, "", new);
    }
    Ok(())
}

/// Repeating fields were joined by the other program with what their values may contain; they cannot be told apart
/// again, so the whole counts as one value until the archive is looked into.
fn filled(column: &str, value: &str) -> String {
    if REPEATING.contains(&column) {
        return serde_json::json!([value]).to_string();
    }
    value.into()
}

fn set_state(tx: &CatalogTransaction<'_>, id: i64, state: BookState) -> Result<(), CatalogError> {
    tx.conn
        .prepare_cached("UPDATE books SET state = ?2, state_at = ?3 WHERE id = ?1 AND state <> ?2")?
        .execute((id, state, &tx.stamp))?;
    Ok(())
}

fn store(
    tx: &mut CatalogTransaction<'_>,
    ours: &Ours,
    book: &ImportedBook,
    archive: &AdoptedArchive,
) -> Result<(), CatalogError> {
    if ours.state == BookState::Failed {
        tx.failure_forgotten(ours.id)?;
    }
    let theirs = book.value("encrypted_etag").filter(|_| book.etag_fits);
    let etag = archive.encrypted_etag.as_deref().or(theirs);
    // Otherwise it is compared with GRIN's when a list names it as converted.
    let judged = etag.is_some() || book.is_newest_by_dates();
    tx.conn
        .prepare_cached(&format!(
            "UPDATE books SET state = 'stored', state_at = ?2, next_attempt_at = NULL, attempts = 0, failure_reason = NULL, \
             failure_detail = NULL, storage_path = ?3, archive_bytes = ?4, sha256 = ?5, encrypted_etag = ?6, is_decrypted = 1, \
             page_count = ?7, text_pages = ?8, sync_timestamp = ?2, \
             judged_converted_date = CASE WHEN ?9 THEN {READABLE} END, last_etag_check = NULL WHERE id = ?1"
        ))?
        .execute((
            ours.id,
            &tx.stamp,
            &archive.storage_path,
            archive.bytes,
            &archive.sha256,
            etag,
            archive.page_count,
            archive.text_pages,
            judged,
        ))?;
    if let Some(record) = &archive.marc {
        marc::write(tx.conn, ours.id, record, &tx.stamp)?;
    }
    Ok(())
}

/// The other program's history, its times and words as they are, under a name that tells where it is from.
fn copy_history(tx: &CatalogTransaction<'_>, book: &ImportedBook) -> Result<(), CatalogError> {
    for event in &book.history {
        let moment = ChangeMoment {
            stamp: &event.timestamp,
            session: tx.session,
        };
        let value = format!("{}:{}", event.status_type, event.status_value);
        let metadata = event.metadata.as_deref().unwrap_or("{}");
        history::append(
            tx.conn,
            book.barcode.as_str(),
            (ChangeTopic::Import, &value),
            moment,
            metadata,
        )?;
    }
    Ok(())
}
