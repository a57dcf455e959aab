//! The names of a library's objects. No other file knows their form: who writes, reads, lists or removes an object asks here.
//!
//! The layout `per-book` is this program's own. The layout `grin-transfer` has the names by which the published readers of a library that
//! `grin-transfer` has filled (the Institutional Books pipelines: `models/book_io.py`, `models/pipeline_batch_item.py`) ask for its objects:
//!
//! - They know a place (a bucket) for archives, one for text and one for tables, and one name, that of the run.
//! - The table is `<run>/books_latest.csv.gz`, UTF-8; its first line names the columns, and each other line is a book: they remember where a
//!   line begins, and read that one line. An empty line is its end. A book has an archive if its `Sync Timestamp` is a time in ISO 8601.
//! - `Barcode` in the table gives the other names, nothing in it encoded: the archive is `<run>/<BARCODE>.tar.gz`, the text is
//!   `<run>/<BARCODE>_ocr.jsonl.gz`, or without `.gz` where they are told that text is not packed. Each of its lines is one JSON value.
//! - They ask for objects by name and list nothing, so what lies beside these is not in their way.

#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};

use crate::grin::Barcode;
use crate::settings::{wrong_prefix, wrong_run};
use crate::storage::key::{BadKey, ObjectKey};
use crate::storage::marker::MARKER_NAME;

/// The folder of archives that are kept and not published.
pub(in crate::storage) const QUARANTINE: &str = "quarantine";
/// The name of the layout that a storage has of which nothing is known.
pub(in crate::storage) const PER_BOOK: &str = "per-book";
/// The name of the other one, before the run's.
const GRIN_TRANSFER: &str = "grin-transfer";
/// When a table was made, within its name.
const TABLE_TIME: &str = "%Y%m%d_%H%M%S";

/// Whether file systems have an entry of this name in their root, beside what is stored there. Uploads under way have such a name.
pub(in crate::storage) fn is_of_file_system(name: &str) -> bool {
    name.starts_with('.') || name == "lost+found"
}

/// What an object of a book is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookObjectKind {
    /// The decrypted archive.
    Archive,
    /// The archive as GRIN sent it.
    Encrypted,
    /// The pages' text.
    Text,
    /// The same with page numbers and names of images.
    TextByPage,
    /// The MARC record.
    Record,
    /// The index of the archive's files.
    Members,
    /// The manifest.
    Manifest,
}

use BookObjectKind as Kind;

/// How the names of a book's objects end. The archive is the last: without it nothing else says that the book is stored.
const ENDS: [(BookObjectKind, &str); 8] = [
    (Kind::Manifest, ".json"),
    (Kind::Text, "_ocr.jsonl.gz"),
    (Kind::Text, "_ocr.jsonl"),
    (Kind::TextByPage, "_pages.jsonl.gz"),
    (Kind::Record, ".marc.xml"),
    (Kind::Members, "_members.json.gz"),
    (Kind::Encrypted, ".tar.gz.gpg"),
    (Kind::Archive, ".tar.gz"),
];

/// The key of each object of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageLayout {
    /// The run of the layout `grin-transfer`; `None` is `per-book`.
    run: Option<Box<str>>,
    raw: ObjectKey,
    full: ObjectKey,
    meta: ObjectKey,
}

impl StorageLayout {
    /// The layout `per-book` in the three prefixes of the config.
    pub fn new(raw_prefix: &str, full_prefix: &str, meta_prefix: &str) -> Result<Self, BadKey> {
        let prefix = |text: &str| match wrong_prefix(text) {
            Some(why) => Err(BadKey::of(text, why)),
            None => ObjectKey::parse(text),
        };
        Ok(Self {
            run: None,
            raw: prefix(raw_prefix)?,
            full: prefix(full_prefix)?,
            meta: prefix(meta_prefix)?,
        })
    }

    /// The layout `grin-transfer` in the same prefixes, each with a folder for this run.
    pub fn of_run(self, run: &str) -> Result<Self, BadKey> {
        if let Some(why) = wrong_run(run) {
            return Err(BadKey::of(run, why));
        }
        let below = |folder: &ObjectKey| ObjectKey::parse(&format!("{folder}/{run}"));
        Ok(Self {
            raw: below(&self.raw)?,
            full: below(&self.full)?,
            meta: below(&self.meta)?,
            run: Some(run.into()),
        })
    }

    /// `per-book`, or `grin-transfer/<run>`: by this a storage is known to have another layout than the configured one.
    pub fn name(&self) -> String {
        match &self.run {
            None => PER_BOOK.to_owned(),
            Some(run) => format!("{GRIN_TRANSFER}/{run}"),
        }
    }

    /// The barcode within a name: only readers of their own names can decode one.
    fn spelled(&self, barcode: &Barcode) -> String {
        match &self.run {
            None => barcode.for_key().into_owned(),
            Some(_) => barcode.to_string(),
        }
    }

    fn barcode_of(&self, spelled: &str) -> Option<Barcode> {
        match &self.run {
            None => Barcode::of_key(spelled),
            Some(_) => Barcode::parse(spelled).ok(),
        }
    }

    fn folder(&self, kind: BookObjectKind) -> &ObjectKey {
        match kind {
            Kind::Archive | Kind::Encrypted => &self.raw,
            Kind::Text | Kind::TextByPage => &self.full,
            Kind::Record | Kind::Members | Kind::Manifest => &self.meta,
        }
    }

    fn of_book(&self, kind: BookObjectKind, end: &str, barcode: &Barcode) -> ObjectKey {
        let (folder, name) = (self.folder(kind), self.spelled(barcode));
        let has_own_folder = matches!(kind, Kind::Archive | Kind::Encrypted) && self.run.is_none();
        let own_folder = if has_own_folder {
            format!("{name}/")
        } else {
            String::new()
        };
        ObjectKey(format!("{folder}/{own_folder}{name}{end}").into())
    }

    /// `raw/<BARCODE>/<BARCODE>.tar.gz`, or `raw/<run>/<BARCODE>.tar.gz`
    pub fn raw(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::Archive, ".tar.gz", barcode)
    }

    /// `raw/<BARCODE>/<BARCODE>.tar.gz.gpg`, or `raw/<run>/<BARCODE>.tar.gz.gpg`
    pub fn encrypted(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::Encrypted, ".tar.gz.gpg", barcode)
    }

    /// `full/<BARCODE>_ocr.jsonl.gz`, or `.jsonl` when not compressed.
    pub fn text(&self, barcode: &Barcode, compressed: bool) -> ObjectKey {
        let end = if compressed { "_ocr.jsonl.gz" } else { "_ocr.jsonl" };
        self.of_book(Kind::Text, end, barcode)
    }

    /// `full/<BARCODE>_pages.jsonl.gz`
    pub fn text_by_page(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::TextByPage, "_pages.jsonl.gz", barcode)
    }

    /// `meta/<BARCODE>.json`
    pub fn manifest(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::Manifest, ".json", barcode)
    }

    /// `meta/<BARCODE>_members.json.gz`
    pub fn members(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::Members, "_members.json.gz", barcode)
    }

    /// `meta/<BARCODE>.marc.xml`
    pub fn record(&self, barcode: &Barcode) -> ObjectKey {
        self.of_book(Kind::Record, ".marc.xml", barcode)
    }

    /// Every name that an object of a book can have, the archive's last.
    pub fn objects(&self, barcode: &Barcode) -> impl Iterator<Item = (BookObjectKind, ObjectKey)> {
        ENDS.map(|(kind, end)| (kind, self.of_book(kind, end, barcode)))
            .into_iter()
    }

    /// The names of what can lie beside an archive: what was taken out of it, and what it was taken out of.
    pub fn companions(&self, barcode: &Barcode) -> impl Iterator<Item = (BookObjectKind, ObjectKey)> {
        self.objects(barcode)
            .filter(|(kind, _)| !matches!(kind, Kind::Archive | Kind::Manifest))
    }

    /// Whether a companion of this book may have this name, in any version of this program.
    pub fn is_companion(&self, barcode: &Barcode, key: &ObjectKey) -> bool {
        let (folder, name) = key.split();
        let in_folder = [&self.full, &self.meta].iter().any(|ours| folder == ours.as_str());
        let rest = name.strip_prefix(&self.spelled(barcode));
        let begins = |rest: &str| {
            ["_ocr.", "_pages.", ".marc", "_members."]
                .iter()
                .any(|begin| rest.starts_with(begin))
        };
        (in_folder && rest.is_some_and(begins)) || *key == self.encrypted(barcode)
    }

    /// Whose object this is, by its name; `None` of every name that this layout gives no object of a book, whatever it resembles.
    pub fn owner(&self, key: &ObjectKey) -> Option<(BookObjectKind, Barcode)> {
        let (_, name) = key.split();
        ENDS.iter().find_map(|(kind, end)| {
            let barcode = self.barcode_of(name.strip_suffix(end)?)?;
            (self.of_book(*kind, end, &barcode) == *key).then_some((*kind, barcode))
        })
    }

    /// `quarantine/<BARCODE>`
    pub fn quarantine_folder(&self, barcode: &Barcode) -> Result<ObjectKey, BadKey> {
        ObjectKey::parse(&format!("{QUARANTINE}/{}", barcode.for_key()))
    }

    /// `quarantine/<BARCODE>/<name>`
    pub fn quarantine(&self, barcode: &Barcode, name: &str) -> Result<ObjectKey, BadKey> {
        ObjectKey::parse(&format!("{QUARANTINE}/{}/{name}", barcode.for_key()))
    }

    /// Whether an object was put into quarantine.
    pub fn is_quarantined(&self, key: &ObjectKey) -> bool {
        key.parts().next() == Some(QUARANTINE) && key.as_str() != QUARANTINE
    }

    /// `meta/books_export.csv.gz`, or `meta/<run>/books_latest.csv.gz`
    pub fn table(&self) -> ObjectKey {
        let name = match &self.run {
            None => "books_export.csv.gz",
            Some(_) => "books_latest.csv.gz",
        };
        self.in_meta(name)
    }

    /// `meta/<run>/timestamped/books_<YYYYMMDD>_<HHMMSS>.csv.gz`: the table once more, by the time at which it was made. `per-book` has none.
    pub fn dated_table(&self, at: DateTime) -> Option<ObjectKey> {
        self.run.as_ref()?;
        Some(self.in_meta(&format!("timestamped/books_{}.csv.gz", at.strftime(TABLE_TIME))))
    }

    /// `meta/books-unproven.csv.gz`: a table that was not read back yet.
    pub fn unproven_table(&self) -> ObjectKey {
        self.in_meta("books-unproven.csv.gz")
    }

    fn is_dated_table(&self, key: &ObjectKey) -> bool {
        let (_, name) = key.split();
        let time = name
            .strip_prefix("books_")
            .and_then(|name| name.strip_suffix(".csv.gz"));
        let at = time.and_then(|time| DateTime::strptime(TABLE_TIME, time).ok());
        at.and_then(|at| self.dated_table(at)).as_ref() == Some(key)
    }

    /// `meta/catalog-<date>.db.gz`
    pub fn backup(&self, day: Date) -> ObjectKey {
        self.in_meta(&format!("catalog-{day}.db.gz"))
    }

    /// The day of a backup; `None` for all other objects.
    pub fn backup_day(&self, key: &ObjectKey) -> Option<Date> {
        let (_, name) = key.split();
        let day: Date = name.strip_prefix("catalog-")?.strip_suffix(".db.gz")?.parse().ok()?;
        (self.backup(day) == *key).then_some(day)
    }

    /// `meta/catalog-unproven.db.gz`: a backup that was not read back yet; no day's.
    pub fn unproven_backup(&self) -> ObjectKey {
        self.in_meta("catalog-unproven.db.gz")
    }

    /// Whether an object is a copy of the catalog: a table or a backup.
    pub fn is_copy(&self, key: &ObjectKey) -> bool {
        *key == self.table()
            || *key == self.unproven_table()
            || *key == self.unproven_backup()
            || self.is_dated_table(key)
            || self.backup_day(key).is_some()
    }

    fn in_meta(&self, name: &str) -> ObjectKey {
        ObjectKey(format!("{}/{name}", self.meta).into())
    }

    /// Whether the root of a library may have an entry of this name: one of its own, or one of the file system's.
    pub fn is_of_root(&self, name: &str) -> bool {
        let folders = [&self.raw, &self.full, &self.meta].map(|folder| folder.parts().next());
        matches!(name, QUARANTINE | MARKER_NAME) || folders.contains(&Some(name)) || is_of_file_system(name)
    }

    /// The folder of archives.
    pub fn raw_folder(&self) -> &ObjectKey {
        &self.raw
    }

    /// The folder of manifests, exports and backups.
    pub fn meta_folder(&self) -> &ObjectKey {
        &self.meta
    }
}
