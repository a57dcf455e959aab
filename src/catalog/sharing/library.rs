//! Whose library the catalog is: books, totals and lists of two cannot be told apart in one.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::notes;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::sharing::members::{check_copying, has_live_members};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::LibraryDirectory;
use crate::vocabulary::BookState;

/// The key under which its directory stands.
const KEY: &str = "library_directory";

/// What follows of the directory that the catalog keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LibraryVerdict {
    /// It is the configured one.
    Same,
    /// The configured one is kept from now on.
    Keep,
    /// The catalog is another library's.
    Another,
}

/// The first that opens a catalog is the one, also one of before this was kept. A name that was mistyped may be corrected as long as nothing
/// was listed or stored under it and nobody works under it.
fn library_verdict(kept: Option<&str>, configured: &str, is_used: bool) -> LibraryVerdict {
    match kept {
        Some(kept) if kept == configured => LibraryVerdict::Same,
        Some(_) if is_used => LibraryVerdict::Another,
        Some(_) | None => LibraryVerdict::Keep,
    }
}

/// Keeps the directory of the configured library, or refuses a catalog that is another's.
#[derive(Debug, Clone)]
pub struct KeepLibrary(pub LibraryDirectory);

impl CatalogOperation for KeepLibrary {
    type Output = ();
    const KIND: &'static str = "keep_library";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let configured = self.0.as_str();
        let kept = notes::read(tx.conn, KEY)?;
        if kept.as_deref() == Some(configured) {
            return Ok(());
        }
        let is_used = has_books(tx.conn)? || has_live_members(tx)?;
        match (library_verdict(kept.as_deref(), configured, is_used), kept) {
            (LibraryVerdict::Another, Some(kept)) => Err(another(kept, configured)),
            _ => {
                check_copying(tx)?;
                notes::write(tx.conn, KEY, configured)
            }
        }
    }
}

/// The same for who only reads.
#[derive(Debug, Clone)]
pub struct CheckLibrary(pub LibraryDirectory);

impl CatalogOperation for CheckLibrary {
    type Output = ();
    const KIND: &'static str = "check_library";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let configured = self.0.as_str();
        let Some(kept) = notes::read(tx.conn, KEY)? else {
            return Ok(());
        };
        match library_verdict(Some(&kept), configured, has_books(tx.conn)?) {
            LibraryVerdict::Another => Err(another(kept, configured)),
            LibraryVerdict::Same | LibraryVerdict::Keep => Ok(()),
        }
    }
}

fn another(kept: String, configured: &str) -> CatalogError {
    CatalogError::OtherLibrary {
        kept,
        configured: configured.to_owned(),
    }
}

/// Whether a list of GRIN named a book, or one is stored.
fn has_books(conn: &SqlConnection) -> Result<bool, CatalogError> {
    let listed: Option<i64> = conn.first("SELECT book FROM sightings LIMIT 1", &[], |row| row.at(0))?;
    Ok(listed.is_some() || StateCounts::read(conn)?.of(BookState::Stored) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_is_the_library_of_the_first_that_used_it() {
        use LibraryVerdict::{Another, Keep, Same};
        for (kept, is_used, expected) in [
            (None, false, Keep),
            // A catalog of before.
            (None, true, Keep),
            (Some("MINE"), true, Same),
            (Some("MINE"), false, Same),
            (Some("OTHER"), true, Another),
            // A mistyped name, corrected.
            (Some("OTHER"), false, Keep),
            (Some("mine"), true, Another),
        ] {
            assert_eq!(library_verdict(kept, "MINE", is_used), expected, "{kept:?} {is_used}");
        }
    }
}
