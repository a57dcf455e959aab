//! Opening the catalog for a command, and its errors as a person meets them.

use crate::catalog::{
    AskStorageMark, CatalogAddress, CatalogError, CatalogLedger, CatalogPolicy, CatalogReader, CheckLibrary,
    KeptStorageMark, MarkedPlace,
};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::clock::SystemClock;
use crate::grin::LibraryDirectory;

/// Opens the catalog that `catalog.url` names.
pub fn open(url: &str) -> Result<CatalogReader, CliError> {
    CatalogReader::open(url).map_err(|error| refused(&error))
}

/// Opens the catalog that `catalog.url` names as the daemon does: it is made where there is none.
pub fn open_ledger(url: &str) -> Result<CatalogLedger, CliError> {
    let address = CatalogAddress::parse(url).map_err(|error| refused(&error))?;
    CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default()).map_err(|error| refused(&error))
}

/// The same for a dry run, which writes nothing: `None` where there is no catalog yet.
pub fn existing(url: &str) -> Result<Option<CatalogReader>, CliError> {
    match CatalogReader::open(url) {
        Err(CatalogError::Missing { .. }) => Ok(None),
        opened => opened.map(Some).map_err(|error| refused(&error)),
    }
}

/// What the catalog knows of one of its storages; `None` where it cannot be asked, which is for those to say who need it.
pub fn storage_mark(url: &str, place: MarkedPlace) -> Option<KeptStorageMark> {
    let catalog = CatalogReader::open(url).ok()?;
    catalog.ask(&AskStorageMark(place)).ok()
}

/// Refuses a catalog that is another library's; one that cannot be asked is for those to say who need it.
pub fn check_library(url: &str, library: LibraryDirectory) -> Result<(), CatalogError> {
    match CatalogReader::open(url).and_then(|catalog| catalog.ask(&CheckLibrary(library))) {
        Err(error @ CatalogError::OtherLibrary { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// The code that the shell shall see of a catalog's error, for every command.
pub fn exit_of(error: &CatalogError) -> ExitStatus {
    use CatalogError as E;
    match error {
        E::Address { .. } | E::ServerAddress { .. } | E::Missing { .. } => ExitStatus::Config,
        E::NotDatabase { .. } | E::Foreign { .. } | E::Older { .. } | E::Newer { .. } | E::HalfCopied { .. } => {
            ExitStatus::Config
        }
        E::OtherLibrary { .. } | E::Encoding(_) => ExitStatus::Config,
        E::Busy
        | E::Gone { .. }
        | E::Replaced { .. }
        | E::Disk(_)
        | E::Unreachable(_)
        | E::Unanswered(_)
        | E::BeingCopied { .. } => ExitStatus::Unavailable,
        E::NotPermitted(_) | E::NotAdmitted(_) => ExitStatus::NotPermitted,
        E::Open { .. } | E::DiskFull { .. } | E::ReadOnly(_) => ExitStatus::CannotCreate,
        E::Damaged { .. }
        | E::Stale { .. }
        | E::Unknown(_)
        | E::NoPass(_)
        | E::TaskLost(_)
        | E::Fault(_)
        | E::Asked(_) => ExitStatus::Internal,
    }
}

/// Whether nobody was asked yet: the address cannot be understood.
fn is_of_address(error: &CatalogError) -> bool {
    matches!(error, CatalogError::Address { .. } | CatalogError::ServerAddress { .. })
}

/// A catalog's error with the code that the shell shall see.
pub fn refused(error: &CatalogError) -> CliError {
    let exit = exit_of(error);
    if matches!(error, CatalogError::Missing { .. }) {
        return CliError::new(exit, error.to_string())
            .advise("`grind collect` makes one; or name the right one in catalog.url.");
    }
    let what = match exit {
        _ if is_of_address(error) => "catalog.url cannot be used",
        ExitStatus::Config => "this catalog cannot be used",
        ExitStatus::Unavailable => "the catalog cannot be reached",
        ExitStatus::CannotCreate => "the catalog cannot be opened or written",
        ExitStatus::NotPermitted => "the catalog cannot be used by its user",
        _ => "the catalog cannot be read",
    };
    CliError::new(exit, what).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_catalog_says_what_makes_one() {
        let error = open("sqlite:///nonexistent/catalog.db").unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Config);
        assert!(error.to_string().contains("grind collect"), "{error}");
    }

    #[test]
    fn a_file_of_another_kind_is_wrong_configuration_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwd");
        let text = "root:x:0:0:root:/root:/bin/bash\n".repeat(100);
        std::fs::write(&file, &text).unwrap();
        let error = open(&format!("sqlite://{}", file.display())).unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Config, "{error}");
        assert!(error.to_string().contains("is no SQLite database"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }

    fn full() -> CatalogError {
        CatalogError::DiskFull {
            path: "/x".into(),
            cause: "x".into(),
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn each_fault_of_the_catalog_has_one_code() {
        use CatalogError as E;
        let (path, words) = (|| std::path::PathBuf::from("/x"), || String::from("x"));
        let cases = [
            (E::Address { url: words() }, 78),
            (
                E::ServerAddress {
                    url: words(),
                    cause: words(),
                },
                78,
            ),
            (E::NotDatabase { path: path() }, 78),
            (E::Foreign { path: path() }, 78),
            (
                E::Newer {
                    path: path(),
                    found: 9,
                    known: 1,
                },
                78,
            ),
            (E::Missing { path: path() }, 78),
            (
                E::Older {
                    path: path(),
                    found: 1,
                    known: 9,
                },
                78,
            ),
            (E::Busy, 69),
            (E::Gone { path: path() }, 69),
            (
                E::Replaced {
                    catalog: words(),
                    by: "an empty database",
                },
                69,
            ),
            (
                E::OtherLibrary {
                    kept: words(),
                    configured: words(),
                },
                78,
            ),
            (E::Encoding(words()), 78),
            (E::HalfCopied { from: words() }, 78),
            (E::NotPermitted(words()), 77),
            (E::NotAdmitted(words()), 77),
            (E::Disk(words()), 69),
            (E::Unreachable(words()), 69),
            (E::Unanswered(words()), 69),
            (
                E::Open {
                    path: path(),
                    cause: words(),
                },
                73,
            ),
            (full(), 73),
            (E::ReadOnly(words()), 73),
            (
                E::Damaged {
                    path: path(),
                    cause: words(),
                },
                70,
            ),
            (E::Fault(words()), 70),
        ];
        for (error, code) in cases {
            assert_eq!(exit_of(&error).code(), code, "{error}");
            assert_eq!(refused(&error).exit().code(), code, "{error}");
        }
    }

    #[test]
    fn an_address_of_another_kind_is_wrong_configuration() {
        assert_eq!(open("mysql://x").unwrap_err().exit(), ExitStatus::Config);
    }
}
