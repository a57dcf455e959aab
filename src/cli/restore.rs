//! `grind restore`: a lost catalog from a backup, made to agree with the storage.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::catalog::{CatalogAddress, CatalogCopy, CatalogError, ClaimBackups, check_backup};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::{catalog, execution, load, output, reading, storage};
use crate::clock::SystemClock;
use crate::daemon::{as_member, host};
use crate::log::CountedNoun;
use crate::pipeline::{
    CopyMaker, CopyScratch, KeptCopyError, LibraryMembership, PublicationWindow, ReconcileError, RestoredBooks,
    StoreComparison, confirm_by_hand, decrypted_options, unpack,
};
use crate::settings::Settings;
use crate::storage::{ObjectKey, Storage, StorageError};

/// `grind restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// A backup: a file, or the name of an object in the storage [default: the newest backup in the storage]
    #[arg(value_name = "FROM")]
    pub from: Option<String>,
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "restore";

/// Companions of a book are made anew in less.
const WINDOW: Duration = Duration::from_secs(3 * 3_600);

/// Restores the configured catalog, which must be empty.
pub fn run(args: &RestoreArgs) -> CommandResult {
    let settings = load::of_storage(&args.config)?;
    let address = CatalogAddress::parse(&settings.catalog.url).map_err(|error| reading::refused(&error))?;
    let storage = storage::open(&settings)?;
    let maker = CopyMaker {
        catalog: address,
        storage: storage.clone(),
        layout: storage::layout(&settings)?,
    };
    let scratch = maker.scratch().map_err(|error| refused(&error))?;
    let from = args.from.as_deref();
    let file = from.map(backup_file).transpose()?.flatten();
    let (backup, said) = backup(file, from, &maker, &scratch).map_err(|error| unfit(from, &error))?;
    let rows = check_backup(&backup).map_err(|error| unfit(Some(&said), &KeptCopyError::Catalog(error)))?;
    let books = rows.get("books").copied().unwrap_or_default();
    copy(&backup, &maker.catalog)?;
    output::print(&format!("{} restored from {said}\n", CountedNoun(books, "book")))?;
    let compare = |membership| compare(&settings, storage, &membership);
    let compared = as_member(&settings, STEP, compare).map_err(execution::cannot_start)??;
    output::print(&in_words(compared))?;
    Ok(ExitStatus::Done)
}

/// Opens the backup where a file of this name is here; `None`: there is none, and it may be an object.
fn backup_file(from: &str) -> Result<Option<File>, CliError> {
    let opened = match std::fs::metadata(from) {
        Ok(found) if found.is_file() => File::open(from),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => return Ok(None),
    };
    opened.map(Some).map_err(|error| unreadable(from, &error))
}

/// Unpacks the backup; comes back with the file, and with what it was.
fn backup(
    file: Option<File>,
    from: Option<&str>,
    maker: &CopyMaker,
    scratch: &CopyScratch,
) -> Result<(PathBuf, String), KeptCopyError> {
    let path = scratch.path().join("backup.db");
    let key = match (file, from) {
        (Some(file), from) => {
            unpack(file, &path)?;
            return Ok((path, from.unwrap_or_default().to_owned()));
        }
        (None, Some(name)) => ObjectKey::parse(name).map_err(|error| KeptCopyError::Storage(error.into()))?,
        (None, None) => maker.newest_backup()?,
    };
    maker.fetch(&key, &path, &CancellationToken::new())?;
    Ok((path, key.to_string()))
}

/// Into the configured catalog, whichever engine has it: refused unless it is empty, and compared at the end.
fn copy(backup: &Path, to: &CatalogAddress) -> Result<(), CliError> {
    let copy = CatalogCopy {
        from: &CatalogAddress::Sqlite(backup.to_owned()),
        to,
        host: host(),
        process: format!("{:08x}", rand::random::<u32>()),
        clock: SystemClock::system(),
        progress: &mut |_| {},
    };
    copy.run().map(drop).map_err(|error| catalog::not_restored(&error))
}

fn compare(settings: &Settings, storage: Storage, membership: &LibraryMembership) -> Result<RestoredBooks, CliError> {
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    let claim = ClaimBackups { others: false };
    ledger.execute(claim).map_err(|error| reading::refused(&error))?;
    // Nothing is concluded from what a storage lacks that is not the right one.
    confirm_by_hand(&mut ledger, &storage).map_err(|error| not_compared(storage::not_usable(&error)))?;
    let comparison = StoreComparison {
        storage,
        layout: storage::layout(settings)?,
        options: decrypted_options(settings),
        window: PublicationWindow::of(WINDOW).within(membership.unbroken()),
    };
    let compared = comparison
        .run(&mut ledger)
        .map_err(|error| not_compared(of_comparison(&error)))?;
    ledger.close().map_err(|error| reading::refused(&error))?;
    Ok(compared)
}

fn of_comparison(error: &ReconcileError) -> CliError {
    match error {
        ReconcileError::Catalog(error) => reading::refused(error),
        ReconcileError::Storage(error) => storage::refused(error),
        ReconcileError::Publish(_) => {
            CliError::new(ExitStatus::Unavailable, "the storage cannot be used").because(error)
        }
    }
}

fn not_compared(error: CliError) -> CliError {
    error.cause("the catalog is restored, and was not compared with the storage to the end").advise(
        "The daemon looks for each book in the storage before it fetches it, so nothing is fetched twice. To compare all at once, correct \
         this, remove the catalog, and restore it again.",
    )
}

fn in_words(compared: RestoredBooks) -> String {
    let RestoredBooks {
        agreed,
        found,
        lost,
        differing,
        unproven,
    } = compared;
    format!(
        "{agreed} books are in the storage as recorded\n{found} books were stored after the backup and are recorded again\n\
         {lost} books are not in the storage and will be fetched again\n\
         {differing} books have another archive in the storage than recorded and will be fetched again\n\
         {unproven} archives in the storage are proven by nothing; what is recorded of them stays\n"
    )
}

fn unreadable(file: &str, error: &io::Error) -> CliError {
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => ExitStatus::NotPermitted,
        _ => ExitStatus::Failed,
    };
    CliError::new(exit, format!("the backup {file} cannot be read"))
        .because(error)
        .advise("The user that restores (the daemon's) needs the right to read it, or a copy that it may read.")
}

/// What was named is no file here; where it is no object either, nobody is told that the storage cannot be reached. What is wrong with the
/// backup is said of the backup, and not of the temporary file into which it was unpacked.
fn unfit(from: Option<&str>, error: &KeptCopyError) -> CliError {
    use io::ErrorKind as K;
    let no_backup = |why: &str| {
        let said = from.unwrap_or("the newest one in the storage");
        CliError::new(ExitStatus::Failed, "this backup cannot be used")
            .cause(format!("{said} is no whole backup of a catalog: {why}"))
            .advise(ANOTHER)
    };
    match (from, error) {
        (_, KeptCopyError::Catalog(CatalogError::Damaged { cause, .. })) => no_backup(cause),
        (_, KeptCopyError::Scratch(error))
            if matches!(error.kind(), K::InvalidData | K::InvalidInput | K::UnexpectedEof) =>
        {
            no_backup(&error.to_string())
        }
        (Some(from), KeptCopyError::Storage(StorageError::NotFound(_) | StorageError::Key(_))) => CliError::new(
            ExitStatus::Failed,
            format!("{from:?} is neither a file here nor an object in the storage"),
        )
        .advise("Check the name; without one, `grind restore` takes the newest backup in the storage."),
        _ => refused(error),
    }
}

const ANOTHER: &str = "Name another backup: `grind restore FROM`.";

fn refused(error: &KeptCopyError) -> CliError {
    let (exit, advice) = match error {
        KeptCopyError::Storage(error) => return storage::refused(error),
        KeptCopyError::NoBackup => (ExitStatus::Failed, "Name a file: `grind restore FROM`."),
        KeptCopyError::Scratch(_) => (
            ExitStatus::CannotCreate,
            "The backup is unpacked beside the catalog first.",
        ),
        _ => (ExitStatus::Failed, ANOTHER),
    };
    CliError::new(exit, "this backup cannot be used")
        .because(error)
        .advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_backup_is_said_of_the_backup() {
        let io = |kind: io::ErrorKind| KeptCopyError::Scratch(kind.into());
        let damaged = KeptCopyError::Catalog(CatalogError::Damaged {
            path: "/srv/.catalog-copy-x/backup.db".into(),
            cause: "file is not a database".to_owned(),
        });
        for (error, exit, of_backup) in [
            (damaged, ExitStatus::Failed, true),
            (io(io::ErrorKind::InvalidInput), ExitStatus::Failed, true),
            (io(io::ErrorKind::UnexpectedEof), ExitStatus::Failed, true),
            (io(io::ErrorKind::StorageFull), ExitStatus::CannotCreate, false),
        ] {
            let said = unfit(Some("/mnt/old.gz"), &error);
            assert_eq!(said.exit(), exit, "{said}");
            assert_eq!(
                said.to_string().contains("/mnt/old.gz is no whole backup"),
                of_backup,
                "{said}"
            );
            assert!(!said.to_string().contains("move it away"), "{said}");
        }
        for (kind, exit) in [
            (io::ErrorKind::PermissionDenied, ExitStatus::NotPermitted),
            (io::ErrorKind::Other, ExitStatus::Failed),
        ] {
            let said = unreadable("/mnt/old.gz", &kind.into());
            assert_eq!(said.exit(), exit, "{said}");
            assert!(said.to_string().contains("/mnt/old.gz"), "{said}");
        }
    }

    #[test]
    fn a_name_that_is_neither_file_nor_object_is_said_as_such() {
        let key = ObjectKey::parse("nightly.db.gz").unwrap();
        let of_name = |name| StorageError::from(ObjectKey::parse(name).unwrap_err());
        let read_only = || StorageError::ReadOnly { place: "x".to_owned() };
        for (from, error, exit) in [
            (Some("/no/nightly.db"), of_name("/no/nightly.db"), ExitStatus::Failed),
            (
                Some("nightly.db.gz"),
                StorageError::NotFound(key.clone()),
                ExitStatus::Failed,
            ),
            (None, StorageError::NotFound(key), ExitStatus::Unavailable),
            (Some("nightly.db.gz"), read_only(), ExitStatus::CannotCreate),
        ] {
            let said = unfit(from, &KeptCopyError::Storage(error));
            assert_eq!(said.exit(), exit, "{from:?}: {said}");
            assert_eq!(
                said.to_string().contains("neither a file here"),
                exit == ExitStatus::Failed,
                "{said}"
            );
        }
    }
}
