//! Is the catalog one of this library, can it be opened, and has it room?

use std::io::{self, Write};
use std::path::Path;

use rustix::fs::Access;

use crate::catalog::{CatalogAddress, CatalogError, CatalogReader, CheckLibrary, try_writing};
use crate::cli::check_config::CATALOG;
use crate::cli::exit::ExitStatus;
use crate::cli::preflight::line::CheckLine;
use crate::cli::reading;
use crate::grin::LibraryDirectory;
use crate::settings::Settings;

/// Whether the catalog can be read, and can be written as far as that shows.
pub fn catalog(settings: &Settings) -> CheckLine {
    catalog_line(&settings.catalog.url, &settings.library.directory, take_room)
}

fn catalog_line(url: &str, library: &str, take_room: impl Fn(&Path) -> io::Result<()>) -> CheckLine {
    let library = LibraryDirectory::parse(library).map(CheckLibrary);
    let opened = CatalogReader::open(url).and_then(|catalog| match &library {
        Ok(library) => catalog.ask(library),
        Err(_) => Ok(()),
    });
    let (is_there, said) = match opened {
        Ok(()) => (true, "the catalog can be opened and written"),
        Err(CatalogError::Missing { .. }) => (false, "there is no catalog yet; the first run makes it"),
        Err(error) => return CheckLine::of_error(CATALOG, &reading::refused(&error)),
    };
    let Ok(address) = CatalogAddress::parse(url) else {
        return CheckLine::passed(CATALOG, said);
    };
    let refused = match address.file() {
        Some(file) => unwritable(file).or_else(|| roomless(file, take_room)),
        None => try_writing(&address).err().map(|error| of_trial(&error, is_there)),
    };
    refused.unwrap_or_else(|| CheckLine::passed(CATALOG, said))
}

/// What a start writes at least: SQLite's log and its index, and some pages of the catalog.
const ROOM_OF_CATALOG: usize = 1024 * 1024;

/// Takes so much room in a file without a name, and gives it back.
fn take_room(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&vec![0; ROOM_OF_CATALOG])?;
    file.sync_data()
}

/// Why the file system of a catalog's file takes nothing more; `None` where it does.
fn roomless(file: &Path, take_room: impl Fn(&Path) -> io::Result<()>) -> Option<CheckLine> {
    let folder = file.ancestors().skip(1).find(|ancestor| ancestor.exists())?;
    let error = take_room(folder).err()?;
    let text = format!(
        "a file of {} cannot be written in {}: {error}. Make room there: the daemon cannot start without; nothing recorded before is lost.",
        bytesize::ByteSize::b(ROOM_OF_CATALOG as u64).display().iec(),
        folder.display()
    );
    Some(CheckLine::failed(CATALOG, ExitStatus::CannotCreate, text))
}

/// What a write that was tried, and undone, says of a run. A catalog that is in a database without Unicode works until such a title comes.
fn of_trial(error: &CatalogError, is_there: bool) -> CheckLine {
    match error {
        CatalogError::Encoding(_) if is_there => CheckLine::doubtful(CATALOG, error.to_string()),
        error => CheckLine::of_error(CATALOG, &reading::refused(error)),
    }
}

/// Why the file of a catalog cannot be written; `None` where nothing keeps from it.
fn unwritable(file: &Path) -> Option<CheckLine> {
    let there = file.ancestors().find(|ancestor| ancestor.exists())?;
    let folder = file.ancestors().skip(1).find(|ancestor| ancestor.exists())?;
    let refused = [there, folder]
        .into_iter()
        .find(|place| rustix::fs::access(*place, Access::WRITE_OK).is_err())?;
    let text = format!(
        "{} cannot be written by the user running this check. Give it to the daemon's user.",
        refused.display()
    );
    Some(CheckLine::failed(CATALOG, ExitStatus::NotPermitted, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::preflight::line::exit_of;

    #[test]
    fn a_catalog_without_room_beside_it_is_said_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let url = format!("sqlite://{place}/catalog.db");
        let room = catalog_line(&url, "TESTLIB", take_room);
        assert!(room.is_passed(), "{room}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let full = catalog_line(&url, "TESTLIB", |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(full.to_string().contains(&place), "{full}");
        assert_eq!(exit_of(&[full]), ExitStatus::CannotCreate);
    }

    #[test]
    fn a_server_that_nobody_may_write_to_has_the_code_of_a_run() {
        let words = || String::from("x");
        for (error, is_there, exit) in [
            (CatalogError::NotPermitted(words()), true, ExitStatus::NotPermitted),
            (CatalogError::ReadOnly(words()), true, ExitStatus::CannotCreate),
            (CatalogError::ReadOnly(words()), false, ExitStatus::CannotCreate),
            (CatalogError::Encoding(words()), false, ExitStatus::Config),
            // It works as long as no such title comes.
            (CatalogError::Encoding(words()), true, ExitStatus::Done),
        ] {
            let line = of_trial(&error, is_there);
            assert!(!line.is_passed(), "{line}");
            assert_eq!(exit_of(&[line]), exit, "{error}");
        }
    }
}
