//! What the settings of one member ask of all: while one has a hook, or a second copy, each book that is stored is due for it, whichever
//! member stores it.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::notes;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// A setting that all members are to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotedSetting {
    /// `hooks.on_stored`
    Hook,
    /// `storage.copy`
    SecondCopy,
}

impl NotedSetting {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Hook, Self::SecondCopy];

    /// Its name in the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hooks.on_stored",
            Self::SecondCopy => "storage.copy",
        }
    }

    /// The key that says since when a member has it; without it no book is due.
    pub(in crate::catalog) const fn key(self) -> &'static str {
        match self {
            Self::Hook => "hook_since",
            Self::SecondCopy => "second_copy_since",
        }
    }

    /// Whether a member has it.
    pub(in crate::catalog) fn is_noted(self, conn: &SqlConnection) -> Result<bool, CatalogError> {
        Ok(notes::read(conn, self.key())?.is_some())
    }

    /// Notes that a member has it.
    pub(in crate::catalog) fn note(self, tx: &CatalogTransaction<'_>) -> Result<(), CatalogError> {
        notes::write(tx.conn, self.key(), &tx.stamp)
    }
}

/// Notes whether this program has a setting.
#[derive(Debug, Clone, Copy)]
pub struct NoteSetting {
    /// Which.
    pub setting: NotedSetting,
    /// This program has it.
    pub is_configured: bool,
}

/// What becomes of the note that a member has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SettingNote {
    Keep,
    Begin,
    End,
}

/// Books are due that are stored while it is configured; so where it was removed, and is added again, those are not that were stored
/// meanwhile. What was due before stays due: it was promised. Another member may have what this one lacks.
fn setting_note(is_configured: bool, is_noted: bool, is_alone: bool) -> SettingNote {
    match (is_configured, is_noted) {
        (true, false) => SettingNote::Begin,
        (false, true) if is_alone => SettingNote::End,
        (true, true) | (false, _) => SettingNote::Keep,
    }
}

impl CatalogOperation for NoteSetting {
    type Output = ();
    const KIND: &'static str = "note_setting";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let is_noted = self.setting.is_noted(tx.conn)?;
        let members: u64 = tx.conn.one("SELECT count(*) FROM members", &[], |row| row.at(0))?;
        match setting_note(self.is_configured, is_noted, members <= 1) {
            SettingNote::Keep => Ok(()),
            SettingNote::Begin => self.setting.note(tx),
            SettingNote::End => notes::remove(tx.conn, self.setting.key()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_noted_as_long_as_a_member_has_it() {
        use SettingNote::{Begin, End, Keep};
        for (is_configured, is_noted, is_alone, expected) in [
            (true, false, true, Begin),
            (true, false, false, Begin),
            (true, true, true, Keep),
            (true, true, false, Keep),
            (false, false, true, Keep),
            (false, true, true, End),
            // Another member may have it.
            (false, true, false, Keep),
        ] {
            let note = setting_note(is_configured, is_noted, is_alone);
            assert_eq!(note, expected, "{is_configured} {is_noted} {is_alone}");
        }
    }
}
