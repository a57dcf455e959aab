//! Writing books of another program into the catalog; what we know already stays.

use std::sync::LazyLock;
use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::import::files::AdoptedArchive;
use crate::catalog::import::report::BatchCounts;
use crate::catalog::import::source::ImportedBook;
use crate::catalog::lifecycle::claim::{BegunPublication, ClaimToken, claim_ids};
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic, HistoryEntry, has_topic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, SignalSource, signal_of_state};
use crate::catalog::lifecycle::publication::BeginPublication;
use crate::catalog::lifecycle::settle::{StoredBook, write_stored};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::grin::Barcode;
use crate::grin::columns::CSV_COLUMNS;
use crate::vocabulary::{BookState, MarcFields};

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
        .map(|column| format!("{column} = ifnull({column}, :{column})"));
    format!(
        "UPDATE books SET updated_at = :now, \
         created_at = CASE WHEN :created_at < created_at THEN :created_at ELSE created_at END, grin_state = ifnull(grin_state, :grin_state), \
         enrichment_timestamp = ifnull(enrichment_timestamp, :enrichment_timestamp), {} WHERE id = :id",
        sets.collect::<Vec<_>>().join(", ")
    )
});

impl CatalogOperation for BookAdoption {
    type Output = BatchCounts;
    const KIND: &'static str = "adopt";

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<BatchCounts, CatalogError> {
        let mut written = BatchCounts::default();
        for book in &self.0 {
            adopt(tx, book, &mut written)?;
        }
        Ok(written)
    }
}

/// A book as it is in our catalog before its values are filled in.
struct OwnBook {
    id: i64,
    /// Where it stands; of a book that this import has claimed, where it stood before.
    standing: BookStanding,
    grin_state: Option<String>,
    /// Its claim is the one of this import.
    claimed_here: bool,
}

impl OwnBook {
    /// May an archive from elsewhere become this book's?
    fn is_free(&self) -> bool {
        self.claimed_here || is_free(self.standing.state)
    }
}

fn adopt(tx: &mut CatalogTransaction<'_>, book: &ImportedBook, written: &mut BatchCounts) -> Result<(), CatalogError> {
    let (ours, new) = match find(tx, book)? {
        Some(ours) => (ours, false),
        None => (insert(tx, &book.barcode)?, true),
    };
    let made_here = new || book.made_known;
    *(if made_here {
        &mut written.new
    } else {
        &mut written.merged
    }) += 1;
    fill(tx, book, &ours)?;
    let mut state = ours.standing.state;
    copy_history(tx, book)?;
    if new {
        let signal = signal_of_state(book.value("grin_state"));
        let next = tx.next_state(&ours.standing, BookChange::Signal(signal, SignalSource::Import));
        state = next.state;
    }
    match &book.archive {
        Some(archive) if ours.is_free() => {
            state = store(tx, &ours, book, archive)?;
            written.stored += 1;
        }
        _ => set_state(tx, ours.id, state)?,
    }
    let note = ChangeNote::of(ChangeCause::Imported);
    if new {
        tx.record_new_book(book.barcode.as_str(), state, &note.text())
    } else if state == ours.standing.state {
        Ok(())
    } else {
        let change = StateChange {
            from: ours.standing.state,
            to: state,
        };
        tx.record_transition(book.barcode.as_str(), change, note)
    }
}

/// May an archive from elsewhere become the book's in this state?
pub(super) fn is_free(state: BookState) -> bool {
    state.follows_grin() || state == BookState::Failed
}

/// Claims a book just before its archive is published, and makes it known if it was not; `None` if a worker has it or an archive of
/// it is stored by now.
pub(super) struct ClaimForImport {
    pub barcode: Barcode,
    pub archive: BegunPublication,
    pub owner: String,
    pub lease: Duration,
}

/// A claim of an import.
pub(super) struct ImportClaim {
    pub token: ClaimToken,
    /// The catalog did not know the book before.
    pub made_known: bool,
}

impl CatalogOperation for ClaimForImport {
    type Output = Option<ImportClaim>;
    const KIND: &'static str = "claim_for_import";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError> {
        let sql = "SELECT id, state FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
        let given = arguments! { barcode: self.barcode };
        let known = tx.conn.first(sql, &given, |row| {
            Ok((row.get::<i64>("id")?, row.get::<BookState>("state")?))
        })?;
        let (id, made_known) = match known {
            Some((_, state)) if !is_free(state) => return Ok(None),
            Some((id, _)) => (id, false),
            None => {
                let id = insert(tx, &self.barcode)?.id;
                let note = ChangeNote::of(ChangeCause::Imported).text();
                tx.record_new_book(self.barcode.as_str(), BookState::Known, &note)?;
                (id, true)
            }
        };
        let Some(claimed) = claim_ids(tx, &[id], &self.owner, self.lease)?.pop() else {
            return Ok(None);
        };
        let begun = BeginPublication {
            claim: claimed.claim.clone(),
            archive: self.archive.clone(),
            lease: self.lease,
        };
        begun.run(tx)?;
        Ok(Some(ImportClaim {
            token: claimed.claim,
            made_known,
        }))
    }
}

/// Asks where a book stands in our catalog, and where its archive is recorded to be; `None` if it is not known.
pub(super) struct RecordOf(pub Barcode);

impl CatalogOperation for RecordOf {
    type Output = Option<(BookState, Option<String>)>;
    const KIND: &'static str = "record_of";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError> {
        let sql = "SELECT state, storage_path FROM books WHERE barcode = :barcode";
        tx.conn.first(sql, &arguments! { barcode: self.0 }, |row| {
            Ok((row.get("state")?, row.get("storage_path")?))
        })
    }
}

fn find(tx: &CatalogTransaction<'_>, book: &ImportedBook) -> Result<Option<OwnBook>, CatalogError> {
    let sql = "SELECT id, state, grin_state, ifnull(claimed_by = :owner AND claim_fence = :fence, FALSE) AS claimed_here \
               FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
    let owner = book.claim.as_ref().map(|claim| claim.owner.as_str());
    let fence = book.claim.as_ref().map(|claim| claim.fence);
    let given = arguments! { owner: owner, fence: fence, barcode: book.barcode };
    tx.conn.first(sql, &given, |row| {
        Ok(OwnBook {
            id: row.get("id")?,
            standing: BookStanding::of(row.get("state")?),
            grin_state: row.get("grin_state")?,
            claimed_here: row.get("claimed_here")?,
        })
    })
}

fn insert(tx: &mut CatalogTransaction<'_>, barcode: &Barcode) -> Result<OwnBook, CatalogError> {
    let id = tx.conn.one(
        "INSERT INTO books (barcode, state, state_at, created_at, updated_at) \
         VALUES (:barcode, 'known', :now, :now, :now) RETURNING id",
        &arguments! { barcode: barcode, now: tx.stamp },
        |row| row.at(0),
    )?;
    tx.totals.add(CounterKind::GrinState, "", 1);
    Ok(OwnBook {
        id,
        standing: BookStanding::of(BookState::Known),
        grin_state: None,
        claimed_here: false,
    })
}

fn fill(tx: &mut CatalogTransaction<'_>, book: &ImportedBook, ours: &OwnBook) -> Result<(), CatalogError> {
    let grin_state = book.value("grin_state");
    let enriched_at = book.value("enrichment_timestamp");
    // The other program may have known the book for longer.
    let created_at = book.instant("created_at");
    let own = arguments! {
        now: tx.stamp, created_at: created_at, grin_state: grin_state, enrichment_timestamp: enriched_at, id: ours.id
    };
    let value = |column: &&'static str| (*column, book.value(column).map(|value| filled(column, value)));
    let values: Vec<_> = FILLED.iter().map(value).collect();
    let values = values.iter().map(|(column, value)| SqlArgument::new(column, value));
    let given: Vec<_> = own.into_iter().chain(values).collect();
    tx.conn.execute(&FILL, &given)?;
    if let (None, Some(new)) = (&ours.grin_state, grin_state) {
        tx.totals.shift(CounterKind::GrinState, "", new);
    }
    Ok(())
}

/// Repeating fields were joined by the other program with what their values may contain; they cannot be told apart
/// again, so the whole counts as one value until the archive is looked into.
fn filled(column: &str, value: &str) -> String {
    if MarcFields::is_repeating(column) {
        return serde_json::json!([value]).to_string();
    }
    value.into()
}

fn set_state(tx: &CatalogTransaction<'_>, id: i64, state: BookState) -> Result<(), CatalogError> {
    tx.conn.execute(
        "UPDATE books SET state = :state, state_at = :now WHERE id = :id AND state <> :state",
        &arguments! { state: state, now: tx.stamp, id: id },
    )?;
    Ok(())
}

fn store(
    tx: &mut CatalogTransaction<'_>,
    ours: &OwnBook,
    book: &ImportedBook,
    archive: &AdoptedArchive,
) -> Result<BookState, CatalogError> {
    if ours.standing.state == BookState::Failed {
        tx.uncount_failure(ours.id)?;
    }
    let next = tx.next_state(&ours.standing, BookChange::Imported);
    let theirs = book
        .value("encrypted_etag")
        .filter(|_| book.etag_fits && !archive.stays);
    let etag = archive.encrypted_etag.as_deref().or(theirs);
    write_stored(
        tx,
        ours.id,
        next,
        &StoredBook {
            encrypted_etag: etag.map(str::to_owned),
            encrypted_bytes: None,
            // Not read yet where only beginning and size were looked at.
            sha256: archive.sha256.clone().unwrap_or_default(),
            archive_bytes: archive.bytes,
            page_count: archive.page_count,
            text_pages: archive.text_pages,
            verified: archive.verified,
            worst_finding: archive.worst_finding.clone(),
            storage_path: archive.storage_path.clone(),
            marc: archive.marc.clone(),
        },
    )?;
    // Unless it is the newest by what is known, it is compared with GRIN's when a list names it as converted.
    let judged = etag.is_some() || (book.is_newest_by_dates() && !archive.stays);
    let stored_at = book.stored_at().filter(|_| !archive.stays);
    tx.conn.execute(
        "UPDATE books SET sha256 = nullif(sha256, ''), last_etag_check = NULL, \
         sync_timestamp = ifnull(:stored_at, sync_timestamp), \
         judged_converted_date = CASE WHEN :judged THEN judged_converted_date END WHERE id = :id",
        &arguments! { judged: judged, stored_at: stored_at, id: ours.id },
    )?;
    Ok(next.state)
}

/// The other program's history, its times and words as they are, under a name that tells where it is from. It is copied once, also
/// for a book that was known before: a further import adds none of what the other program wrote since.
fn copy_history(tx: &mut CatalogTransaction<'_>, book: &ImportedBook) -> Result<(), CatalogError> {
    let topic = ChangeTopic::Import;
    if has_topic(tx.conn, &book.barcode, topic)? {
        return Ok(());
    }
    for event in &book.history {
        tx.append_entry(HistoryEntry {
            barcode: book.barcode.to_string(),
            topic,
            value: format!("{}:{}", event.status_type, event.status_value),
            stamp: event.timestamp.clone(),
            session: tx.session(),
            note: event.note(),
        })?;
    }
    Ok(())
}
