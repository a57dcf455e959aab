//! Single facts about the library that belong to no book, kept as key and value.

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::second_copy;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{read_stamp, stamp};
use crate::vocabulary::BookState;

/// A place of books that has a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedPlace {
    /// The storage.
    Main,
    /// That of the second copy.
    SecondCopy,
}

impl MarkedPlace {
    /// The key under which its id stands.
    const fn key(self) -> &'static str {
        match self {
            Self::Main => "storage_mark",
            Self::SecondCopy => "second_copy_mark",
        }
    }

    /// The key under which the layout of its objects stands.
    const fn layout_key(self) -> &'static str {
        match self {
            Self::Main => "storage_layout",
            Self::SecondCopy => "second_copy_layout",
        }
    }

    /// The other one, whose marker it must not have.
    const fn other(self) -> Self {
        match self {
            Self::Main => Self::SecondCopy,
            Self::SecondCopy => Self::Main,
        }
    }
}

/// Stored books that are looked for in the storage where it has no mark yet.
const SAMPLES: usize = 5;

pub(crate) fn read(conn: &SqlConnection, key: &str) -> Result<Option<String>, CatalogError> {
    let sql = "SELECT value FROM settings WHERE key = :key";
    conn.first(sql, &arguments! { key: key }, |row| row.at(0))
}

pub(crate) fn write(conn: &SqlConnection, key: &str, value: &str) -> Result<(), CatalogError> {
    let sql = "INSERT INTO settings (key, value) VALUES (:key, :value) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    conn.execute(sql, &arguments! { key: key, value: value }).map(drop)
}

pub(crate) fn remove(conn: &SqlConnection, key: &str) -> Result<(), CatalogError> {
    let sql = "DELETE FROM settings WHERE key = :key";
    conn.execute(sql, &arguments! { key: key }).map(drop)
}

/// Keeps no id of this storage any more.
pub(in crate::catalog) fn forget_mark(conn: &SqlConnection, place: MarkedPlace) -> Result<(), CatalogError> {
    remove(conn, place.key())?;
    remove(conn, place.layout_key())
}

/// Asks what the catalog knows of a storage that belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct AskStorageMark(pub MarkedPlace);

/// What the catalog knows of its storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptStorageMark {
    /// The id that stands in the storage's marker; `None` before its first use.
    pub id: Option<String>,
    /// The layout of its objects; `None` before its first use, and where an earlier version used it, which had only one.
    pub layout: Option<String>,
    /// The id of the catalog's other storage.
    pub of_other: Option<String>,
    /// Books that are stored there.
    pub stored: u64,
    /// Where some of them are, within the storage.
    pub samples: Vec<String>,
}

impl CatalogOperation for AskStorageMark {
    type Output = KeptStorageMark;
    const KIND: &'static str = "ask_storage_mark";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<KeptStorageMark, CatalogError> {
        let sql = "SELECT storage_path FROM books WHERE state = 'stored' AND storage_path IS NOT NULL \
                   ORDER BY last_etag_check DESC LIMIT :limit";
        let (stored, samples) = match self.0 {
            MarkedPlace::Main => (
                StateCounts::read(tx.conn)?.of(BookState::Stored),
                tx.conn.all(sql, &arguments! { limit: SAMPLES }, |row| row.at(0))?,
            ),
            MarkedPlace::SecondCopy => (
                second_copy::count_copied(tx.conn)?,
                second_copy::samples(tx.conn, SAMPLES)?,
            ),
        };
        Ok(KeptStorageMark {
            id: read(tx.conn, self.0.key())?,
            layout: read(tx.conn, self.0.layout_key())?,
            of_other: read(tx.conn, self.0.other().key())?,
            stored,
            samples,
        })
    }
}

/// Keeps the id of a storage instead of this one; comes back with the id that is kept, which is another's where another program was
/// faster.
#[derive(Debug, Clone)]
pub struct KeepStorageMark {
    /// Which storage's.
    pub place: MarkedPlace,
    /// The id.
    pub id: String,
    /// The layout of its objects.
    pub layout: String,
    /// The one that was kept.
    pub instead_of: Option<String>,
}

impl CatalogOperation for KeepStorageMark {
    type Output = String;
    const KIND: &'static str = "keep_storage_mark";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<String, CatalogError> {
        let kept = read(tx.conn, self.place.key())?;
        match kept {
            Some(other) if Some(&other) != self.instead_of.as_ref() => Ok(other),
            _ => {
                write(tx.conn, self.place.key(), &self.id)?;
                write(tx.conn, self.place.layout_key(), &self.layout)?;
                Ok(self.id.clone())
            }
        }
    }
}

/// A copy of the catalog that is kept in the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptCopy {
    /// Everything, to be restored from.
    Backup,
    /// The table for other programs.
    Export,
}

impl KeptCopy {
    /// Its name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Export => "export",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Backup => "last_backup",
            Self::Export => "last_export",
        }
    }
}

/// Asks when a copy was last made, by whichever member.
#[derive(Debug, Clone, Copy)]
pub struct AskLastCopy(pub KeptCopy);

impl CatalogOperation for AskLastCopy {
    type Output = Option<Timestamp>;
    const KIND: &'static str = "ask_last_copy";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<Timestamp>, CatalogError> {
        let at = read(tx.conn, self.0.key())?;
        Ok(at.as_deref().and_then(read_stamp))
    }
}

/// Whether the storage's backups are this catalog's. One whose file was lost and that began anew would in time rotate all of them out,
/// so they are its own only where it made them, went on from one, or found none.
#[derive(Debug, Clone, Copy)]
pub struct ClaimBackups {
    /// The storage has some that may be another's.
    pub others: bool,
}

impl CatalogOperation for ClaimBackups {
    type Output = bool;
    const KIND: &'static str = "claim_backups";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let key = KeptCopy::Backup.key();
        if read(tx.conn, key)?.is_some() {
            return Ok(true);
        }
        if !self.others {
            // No time: none was made yet.
            write(tx.conn, key, "")?;
        }
        Ok(!self.others)
    }
}

/// Notes that a copy was made.
#[derive(Debug, Clone, Copy)]
pub struct NoteCopy {
    /// Which.
    pub copy: KeptCopy,
    /// When.
    pub at: Timestamp,
}

impl CatalogOperation for NoteCopy {
    type Output = ();
    const KIND: &'static str = "note_copy";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        write(tx.conn, self.copy.key(), &stamp(self.at))
    }
}
