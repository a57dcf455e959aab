//! One volume's whole story.

mod events;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::fixity::evidence::{CheckEvent, checks};
use crate::catalog::queries::export::{ExportNames, book_json, sightings};
use crate::catalog::queries::reader::CatalogReader;
use crate::catalog::second_copy::BookCopy;
use crate::grin::Barcode;
use crate::log::CountedNoun;
use crate::vocabulary::BookState;

/// Everything that the catalog knows of a book.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BookStory {
    /// The book.
    pub barcode: Barcode,
    /// Where it stands.
    pub state: BookState,
    /// What this means and what comes next, in words.
    pub meaning: String,
    /// All values of its row.
    pub book: Map<String, Value>,
    /// When it was last seen in each list.
    pub lists: BTreeMap<&'static str, String>,
    /// Where its second copy stands; `None`: there is none to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_copy: Option<BookCopy>,
    /// Each time that what is stored of it was read again, the first first.
    pub checks: Vec<CheckEvent>,
    /// All that happened to it, the first first.
    pub history: Vec<BookEvent>,
}

/// One thing that happened to a book.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BookEvent {
    /// When.
    pub timestamp: String,
    /// What kind of thing: `state`, `grin_state`, `conversion`, `listing`, `import`.
    pub status_type: String,
    /// What it became.
    pub status_value: String,
    /// Run of the program in which it happened.
    pub session_id: Option<i64>,
    /// Cause and circumstances.
    pub metadata: Value,
}

/// Most events that are read; the oldest are left out before.
const MOST_EVENTS: usize = 10_000;

impl CatalogReader {
    /// The story of one book; `None` if the catalog does not know it.
    pub fn explain(&self, barcode: &Barcode) -> Result<Option<BookStory>, CatalogError> {
        self.tell(barcode).map_err(|error| error.at(self.address()))
    }

    fn tell(&self, barcode: &Barcode) -> Result<Option<BookStory>, CatalogError> {
        let sql = "SELECT * FROM books WHERE barcode = :barcode";
        let given = arguments! { barcode: barcode };
        let found = self.conn().first(sql, &given, |row| {
            let state: BookState = row.get("state")?;
            Ok((row.get::<i64>("id")?, state, book_json(&ExportNames::of(row), row)?))
        })?;
        let Some((id, state, book)) = found else {
            return Ok(None);
        };
        let second_copy = BookCopy::of(self.conn(), id)?;
        let told = second_copy
            .as_ref()
            .map_or_else(String::new, |copy| format!(" {}", copy.told()));
        Ok(Some(BookStory {
            barcode: barcode.clone(),
            state,
            meaning: meaning(state, &book) + &told,
            lists: sightings(self, id)?,
            second_copy,
            checks: checks(self.conn(), barcode)?,
            history: self.history(barcode)?,
            book,
        }))
    }

    fn history(&self, barcode: &Barcode) -> Result<Vec<BookEvent>, CatalogError> {
        let sql = "SELECT timestamp, status_type, status_value, session_id, metadata FROM \
                   (SELECT * FROM book_status_history WHERE barcode = :barcode ORDER BY id DESC LIMIT :limit) AS last \
                   ORDER BY id";
        let given = arguments! { barcode: barcode, limit: MOST_EVENTS };
        self.conn().all(sql, &given, |row| {
            let metadata: Option<String> = row.get("metadata")?;
            Ok(BookEvent {
                timestamp: row.get("timestamp")?,
                status_type: row.get("status_type")?,
                status_value: row.get("status_value")?,
                session_id: row.get("session_id")?,
                metadata: metadata.map_or(Value::Null, |text| {
                    serde_json::from_str(&text).unwrap_or(Value::String(text))
                }),
            })
        })
    }
}

/// Where a book stands and what comes next, in one or two sentences.
fn meaning(state: BookState, book: &Map<String, Value>) -> String {
    let text = |name: &str| book.get(name).and_then(Value::as_str);
    let moment = |name: &str| text(name).map(events::moment);
    // The moment of an attempt that is no longer to be made may stand there.
    let is_tried = !matches!(state, BookState::Stored | BookState::Forgotten | BookState::Unavailable);
    let again = moment("next_attempt_at").filter(|_| is_tried);
    let again = again.map_or(String::new(), |at| format!(" It is tried again at {at}."));
    let reason = || {
        let reason = text("failure_reason").unwrap_or("no reason noted");
        text("failure_detail").map_or_else(|| reason.into(), |detail| format!("{reason}: {detail}"))
    };
    let sentence = match state {
        BookState::Known if book.get("pushed_out").and_then(Value::as_i64) > Some(0) => {
            "GRIN has no archive ready any more; its conversion will be requested again.".into()
        }
        BookState::Known if text("absent_at").is_some() => {
            "GRIN was asked for its archive and has none ready; its conversion will be requested.".into()
        }
        BookState::Known => "GRIN lists it; its conversion has not been requested.".into(),
        BookState::Requested => "GRIN was asked to convert it and has not begun, as far as its lists tell.".into(),
        BookState::InProcess => "GRIN converts it.".into(),
        BookState::Available if text("failure_reason").is_some() => {
            format!(
                "GRIN has its archive ready; the last attempt to fetch it failed ({}).",
                reason()
            )
        }
        BookState::Available => "GRIN has its archive ready; it waits to be fetched.".into(),
        BookState::Checking | BookState::Downloading => format!(
            "{} works on it until {} at the latest.",
            text("claimed_by").unwrap_or("a worker"),
            moment("lease_until").unwrap_or_else(|| "now".to_owned())
        ),
        BookState::Stored => stored(book),
        BookState::Forgotten => {
            "An operator wants it left out; `grind retry` brings it back. What is stored of it stays.".into()
        }
        BookState::Unavailable => "GRIN does not give it out.".into(),
        BookState::ConversionFailed => format!(
            "GRIN failed to convert it ({}).{}",
            text("convert_failed_info").unwrap_or("no words of GRIN's"),
            if again.is_empty() {
                " It is not asked for any more."
            } else {
                ""
            }
        ),
        BookState::Failed if again.is_empty() => {
            format!("Given up ({}). `grind retry` tries it once more.", reason())
        }
        BookState::Failed => format!("Given up for now ({}).", reason()),
    };
    let vanished = moment("vanished_at").map_or(String::new(), |at| {
        format!(" GRIN's list of all books has not named it since {at}.")
    });
    let rights = text("rights_code").map_or(String::new(), |code| {
        let access = text("rights_access").unwrap_or("not named");
        format!(" Its rights at HathiTrust: {code}, access {access}.")
    });
    format!("{sentence}{again}{vanished}{rights}")
}

/// How well a stored book is proven, and what became of a newer archive of it.
fn stored(book: &Map<String, Value>) -> String {
    let text = |name: &str| book.get(name).and_then(Value::as_str);
    let moment = |name: &str| text(name).map(events::moment);
    let path = text("storage_path").unwrap_or("path not recorded");
    let pages = book.get("page_count").and_then(Value::as_u64);
    let pages = pages.map_or_else(
        || "pages not counted".to_owned(),
        |pages| CountedNoun(pages, "page").to_string(),
    );
    let proof = match book.get("verified").and_then(Value::as_bool) {
        Some(true) => "every page agrees with its listed checksum",
        Some(false) => "unverified: its checksums do not prove that every page is there and equal",
        None => "whether it is verified was not recorded",
    };
    let finding = text("worst_finding").map_or_else(String::new, |code| {
        format!(
            "; worst finding: {code} ({})",
            text("worst_finding_level").unwrap_or("level not recorded")
        )
    });
    let newer = text("failure_reason").map_or_else(String::new, |reason| {
        let detail = text("failure_detail").map_or_else(String::new, |detail| format!(": {detail}"));
        format!(" A newer archive at GRIN was not taken ({reason}{detail}).")
    });
    let check = match (text("check_outcome"), moment("checked_at")) {
        (Some("ok"), Some(at)) => format!(" Read again at {at} and found as it was stored."),
        (Some(outcome), Some(at)) => format!(" Read again at {at} and found {outcome}."),
        (Some(outcome), None) => format!(" Read again and found {outcome}; what was begun about that is tried again."),
        _ => String::new(),
    };
    let hook = match (moment("hook_due_at"), moment("hook_told_at")) {
        (Some(at), _) => {
            let attempts = CountedNoun(
                book.get("hook_attempts").and_then(Value::as_u64).unwrap_or(0),
                "attempt",
            );
            let error = text("hook_error").map_or_else(String::new, |error| format!(" ({error})"));
            format!(" The hook was not told of it yet, in {attempts}{error}; it is told at {at}.")
        }
        (None, Some(at)) => format!(" The hook was told of it at {at}."),
        (None, None) => String::new(),
    };
    format!("It is stored: {path}; {pages}, {proof}{finding}.{check}{hook}{newer}")
}

/// Events that the story tells one by one.
const TOLD_EVENTS: usize = 15;

/// The story: what the book is, where it stands and what comes next, and what has happened to it.
impl fmt::Display for BookStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.barcode, self.state)?;
        let text = |name: &str| self.book.get(name).map(plain).filter(|text| text != "null");
        let title: Vec<_> = ["title", "author"].into_iter().filter_map(text).collect();
        if !title.is_empty() {
            writeln!(f, "{}", title.join(" / "))?;
        }
        writeln!(f, "{}\n\nWhat happened (UTC)", plain(&self.meaning.clone().into()))?;
        let earlier = self.history.len().saturating_sub(TOLD_EVENTS);
        if earlier > 0 {
            writeln!(f, "  … {earlier} earlier; --all tells them too")?;
        }
        for event in &self.history[earlier..] {
            writeln!(f, "  {}", events::told(event))?;
        }
        if let Some(check) = self.checks.last() {
            writeln!(f, "\nRead again last\n  {check}")?;
        }
        Ok(())
    }
}

/// All that is known: every value of the row, each list, each check, each event with its circumstances.
pub struct WholeStory<'a>(pub &'a BookStory);

impl fmt::Display for WholeStory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let story = self.0;
        writeln!(f, "{story}\nRecorded")?;
        let columns = story.book.iter();
        for (name, value) in columns.filter(|(name, _)| *name != "barcode" && *name != "state") {
            writeln!(f, "  {name:<32} {}", plain(value))?;
        }
        if !story.lists.is_empty() {
            writeln!(f, "\nLast seen in GRIN's lists")?;
            for (list, at) in &story.lists {
                writeln!(f, "  {list:<32} {at}")?;
            }
        }
        if !story.checks.is_empty() {
            writeln!(f, "\nRead again")?;
            for check in &story.checks {
                writeln!(f, "  {check}")?;
            }
        }
        writeln!(f, "\nHistory")?;
        for event in &story.history {
            let (at, topic, value) = (&event.timestamp, &event.status_type, &event.status_value);
            writeln!(f, "  {at} {topic} {value}{}", circumstances(event))?;
        }
        Ok(())
    }
}

fn circumstances(event: &BookEvent) -> String {
    let Value::Object(metadata) = &event.metadata else {
        return String::new();
    };
    metadata.iter().fold(String::new(), |mut out, (name, value)| {
        use fmt::Write as _;
        let _ = write!(out, " {name}={}", plain(value));
        out
    })
}

/// A value as a person reads it, without control characters.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
