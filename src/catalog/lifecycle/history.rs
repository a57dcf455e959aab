//! Every change of a book, with its cause, appended to its history.

use serde::{Deserialize, Serialize};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{ParameterValue, SqlValue, arguments};
use crate::catalog::engine::{BoundStatement, SqlConnection};
use crate::grin::Barcode;

/// So many changes are written at once.
const MOST_PENDING: usize = 250;

/// What changed; the `status_type` of a history row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeTopic {
    /// Our state of the book.
    State,
    /// GRIN's state of it.
    GrinState,
    /// Answer of GRIN to a request for conversion.
    Conversion,
    /// Answer of GRIN to a search that says nothing about it.
    Facts,
    /// It vanished from, or came back to, the list of all books.
    Listing,
    /// It was adopted from another program.
    Import,
    /// It goes before others.
    Priority,
    /// What an operator did that is about no book: the barcode of such a row is empty.
    Operator,
}

impl ChangeTopic {
    const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::GrinState => "grin_state",
            Self::Conversion => "conversion",
            Self::Facts => "facts",
            Self::Listing => "listing",
            Self::Import => "import",
            Self::Priority => "priority",
            Self::Operator => "operator",
        }
    }
}

impl ParameterValue for ChangeTopic {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self.as_str())
    }
}

/// Why it changed; the `cause` in a history row's metadata. A closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeCause {
    /// A page of a list said so.
    Listed,
    /// A complete pass over a list did not name it.
    NotListed,
    /// The answer of a barcode search said so.
    Enriched,
    /// GRIN's answer to a request for conversion.
    Asked,
    /// Somebody named the barcode.
    Named,
    /// A worker took it.
    Claimed,
    /// The archive's body is being fetched.
    Downloading,
    /// The archive is published.
    Stored,
    /// GRIN has the same archive as we.
    UpToDate,
    /// GRIN has no archive ready.
    NotConverted,
    /// Will be tried again.
    Retry,
    /// Given up.
    Failed,
    /// Released untried; the word in the history is older than the name.
    #[serde(rename = "handed_back")]
    Released,
    /// Its lease ran out.
    LeaseExpired,
    /// Its holder started anew.
    Recovered,
    /// Somebody asked for failed books to be tried again.
    Reset,
    /// Somebody wants it to go before others.
    Prioritised,
    /// Somebody wants it left out.
    Forgotten,
    /// Somebody asked for it.
    Operator,
    /// The time of a pause was over.
    PauseOver,
    /// The storage said so: after the catalog was restored from a backup, or mended, or objects were put in their places again.
    Restored,
    /// What is stored was read again, and is damaged or missing.
    Unsound,
    /// An operator removed what was stored.
    Removed,
    /// Taken over from another program's database and storage.
    Imported,
}

impl ChangeCause {
    /// Whether a claim ended without its holder's doing.
    pub(crate) fn is_loss(self) -> bool {
        matches!(self, Self::LeaseExpired | Self::Recovered)
    }
}

/// What stands beside a change.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ChangeNote<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a str>,
    pub cause: Option<ChangeCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'a str>,
    /// The number of a claim that was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<&'a str>,
}

impl ChangeNote<'_> {
    pub(crate) fn of(cause: ChangeCause) -> Self {
        Self {
            cause: Some(cause),
            ..Self::default()
        }
    }

    /// The note as JSON text; none of its fields can fail to be written.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One change as it is written: what became of which book, when, in which run of the program, and its note as text.
#[derive(Debug)]
pub(crate) struct HistoryEntry {
    pub barcode: String,
    pub topic: ChangeTopic,
    pub value: String,
    pub stamp: String,
    pub session: i64,
    pub note: String,
}

/// Has a book any change of this topic?
pub(crate) fn has_topic(conn: &SqlConnection, barcode: &Barcode, topic: ChangeTopic) -> Result<bool, CatalogError> {
    let sql = "SELECT id FROM book_status_history WHERE barcode = :barcode AND status_type = :topic LIMIT 1";
    let found = conn.first(sql, &arguments! { barcode: barcode, topic: topic }, |_| Ok(()))?;
    Ok(found.is_some())
}

/// Changes that the running operation has not yet written.
#[derive(Debug, Default)]
pub(crate) struct PendingHistory(Vec<HistoryEntry>);

impl PendingHistory {
    /// Appends one change.
    pub(crate) fn append(&mut self, conn: &SqlConnection, entry: HistoryEntry) -> Result<(), CatalogError> {
        self.0.push(entry);
        if self.0.len() >= MOST_PENDING {
            let pending = std::mem::take(self);
            conn.execute_together(&pending.statements().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// What writes the changes into the running transaction.
    pub(crate) fn statements(&self) -> impl Iterator<Item = BoundStatement<'_>> {
        let sql = "INSERT INTO book_status_history (barcode, status_type, status_value, timestamp, session_id, metadata) \
                   VALUES (:barcode, :topic, :value, :stamp, :session, :note)";
        self.0.iter().map(move |entry| {
            let given = arguments! {
                barcode: entry.barcode, topic: entry.topic, value: entry.value, stamp: entry.stamp,
                session: entry.session, note: entry.note,
            };
            BoundStatement {
                sql,
                arguments: given.to_vec(),
            }
        })
    }
}
