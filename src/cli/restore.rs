//! `grind restore`: a lost catalog from a backup, made to agree with the storage.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::catalog::{
    CatalogAddress, CatalogCopy, CatalogError, CatalogReader, CheckLibrary, ClaimBackups, check_backup,
};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::{catalog, execution, load, output, reading, storage};
use crate::clock::SystemClock;
use crate::daemon::{as_member, host};
use crate::log::CountedNoun;
use crate::pipeline::{
    CopyMaker, CopyScratch, DatedBackups, KeptCopyError, LibraryMembership, PublicationWindow, ReconcileError,
    RestoredBooks, StoreComparison, confirm_by_hand, decrypted_options, unpack,
};
use crate::settings::Settings;
use crate::storage::{ObjectKey, Storage, StorageError};

/// `grind restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// A backup: a file, or the name of an object in the storage [default: the newest whole backup in the storage]
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
    let found = match &args.from {
        Some(from) => named(from, &maker, &scratch)?,
        None => newest_whole(&maker, &scratch)?,
    };
    of_this_library(&found, &settings)?;
    copy(&found.path, &maker.catalog)?;
    let remarks: String = found.remarks.iter().map(|remark| format!("{remark}\n")).collect();
    let books = CountedNoun(found.books, "book");
    output::print(&format!("{remarks}{books} restored from {}\n", found.name))?;
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

/// A backup that is whole, unpacked.
struct FoundBackup {
    path: PathBuf,
    /// Its file, or its object in the storage.
    name: String,
    books: u64,
    /// Why others were not taken, a line each.
    remarks: Vec<String>,
}

impl FoundBackup {
    /// Looks whether what was unpacked is a whole backup.
    fn checked(path: PathBuf, name: String) -> Result<Self, KeptCopyError> {
        let rows = check_backup(&path)?;
        Ok(Self {
            path,
            name,
            books: rows.get("books").copied().unwrap_or_default(),
            remarks: Vec::new(),
        })
    }

    fn fetched(key: &ObjectKey, path: PathBuf, maker: &CopyMaker) -> Result<Self, KeptCopyError> {
        maker.fetch(key, &path, &CancellationToken::new())?;
        Self::checked(path, key.to_string())
    }
}

/// The backup of this name, and no other one.
fn named(from: &str, maker: &CopyMaker, scratch: &CopyScratch) -> Result<FoundBackup, CliError> {
    let path = scratch.path().join("backup.db");
    let found = match backup_file(from)? {
        Some(file) => unpack(file, &path).and_then(|_| FoundBackup::checked(path, from.to_owned())),
        None => match ObjectKey::parse(from) {
            Ok(key) => FoundBackup::fetched(&key, path, maker),
            Err(error) => Err(KeptCopyError::Storage(error.into())),
        },
    };
    found.map_err(|error| unfit(from, &error))
}

/// The newest backup in the storage that is whole. What is stored since an older one is found in the storage all the same.
fn newest_whole(maker: &CopyMaker, scratch: &CopyScratch) -> Result<FoundBackup, CliError> {
    let mut broken = Vec::new();
    let backups = maker.backups(SystemClock::system().now());
    let backups = backups.map_err(|error| refused(&error))?;
    for (number, key) in backups.to_try().enumerate() {
        let path = scratch.path().join(format!("backup-{number}.db"));
        match FoundBackup::fetched(key, path.clone(), maker) {
            Ok(found) => {
                let broken = broken.iter().map(|broken| format!("{broken}; another one was taken"));
                let remarks = broken.chain(of_dates(&backups, key)).collect();
                return Ok(FoundBackup { remarks, ..found });
            }
            Err(error) => match damage(&error) {
                Some(why) => {
                    // It may be as large as the next one, which needs the room; the folder goes at the end in any case.
                    let _ = std::fs::remove_file(&path);
                    broken.push(no_whole_backup(key.as_str(), &why));
                }
                None => return Err(unfit(key.as_str(), &error)),
            },
        }
    }
    if broken.is_empty() {
        return Err(refused(&KeptCopyError::NoBackup));
    }
    let error = CliError::new(ExitStatus::Failed, "no backup in the storage can be used");
    Err(broken.into_iter().fold(error, CliError::cause).advise(ANOTHER))
}

/// What is told of backups that are dated in the future.
fn of_dates(backups: &DatedBackups, taken: &ObjectKey) -> Option<String> {
    let newest = backups.ahead.first()?;
    Some(match backups.ahead.contains(taken) {
        true => format!("{taken} is dated in the future; it was taken because no other backup is whole"),
        false => {
            let backups = CountedNoun(backups.ahead.len() as u64, "backup");
            format!(
                "not taken, as dated in the future: {backups}, {newest} the newest; `grind restore FROM` takes one by its name"
            )
        }
    })
}

/// What is wrong with the bytes of a backup; `None`: the fault is another one. It is said of the backup, and not of the temporary file into
/// which it was unpacked.
fn damage(error: &KeptCopyError) -> Option<String> {
    use io::ErrorKind as K;
    match error {
        KeptCopyError::Catalog(CatalogError::Damaged { cause, .. }) => Some(cause.clone()),
        KeptCopyError::Scratch(error) => {
            let is_of_bytes = matches!(error.kind(), K::InvalidData | K::InvalidInput | K::UnexpectedEof);
            is_of_bytes.then(|| error.to_string())
        }
        _ => None,
    }
}

fn no_whole_backup(name: &str, why: &str) -> String {
    format!("{name} is no whole backup of a catalog: {why}")
}

/// Refuses a backup of another library before any of it is in the catalog.
fn of_this_library(found: &FoundBackup, settings: &Settings) -> Result<(), CliError> {
    let library = load::library_directory(settings)?;
    let catalog = CatalogReader::open_path(&found.path, SystemClock::system());
    match catalog.and_then(|catalog| catalog.ask(&CheckLibrary(library))) {
        Err(CatalogError::OtherLibrary { kept, configured }) => Err(other_library(&found.name, &kept, &configured)),
        checked => checked.map_err(|error| refused(&error.into())),
    }
}

fn other_library(backup: &str, kept: &str, configured: &str) -> CliError {
    CliError::new(
        ExitStatus::Config,
        "this backup is another library's; nothing was restored",
    )
    .cause(format!(
        "{backup} is of the library {kept}, and library.directory is {configured}"
    ))
    .advise("Correct library.directory, or name a backup of this library: `grind restore FROM`.")
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

/// Why the backup of this name cannot be used. Where it is no file here and no object either, nobody is told that the storage cannot be reached.
fn unfit(from: &str, error: &KeptCopyError) -> CliError {
    if let Some(why) = damage(error) {
        return CliError::new(ExitStatus::Failed, "this backup cannot be used")
            .cause(no_whole_backup(from, &why))
            .advise(ANOTHER);
    }
    match error {
        KeptCopyError::Catalog(CatalogError::Newer { found, known, .. }) => {
            CliError::new(ExitStatus::Failed, "this backup cannot be used")
                .cause(format!(
                    "{from} has schema version {found}, this program knows up to {known}"
                ))
                .advise(
                    "Restore it with the newer program that wrote it, or name an earlier backup: `grind restore FROM`.",
                )
        }
        KeptCopyError::Storage(StorageError::NotFound(_) | StorageError::Key(_)) => CliError::new(
            ExitStatus::Failed,
            format!("{from:?} is neither a file here nor an object in the storage"),
        )
        .advise("Check the name; without one, `grind restore` takes the newest whole backup in the storage."),
        _ => refused(error),
    }
}

const ANOTHER: &str = "Name another backup: `grind restore FROM`.";

fn refused(error: &KeptCopyError) -> CliError {
    let (exit, advice) = match error {
        KeptCopyError::Storage(error) => return storage::refused(error),
        KeptCopyError::NoBackup => (ExitStatus::Failed, "Name a file: `grind restore FROM`."),
        KeptCopyError::Scratch(_) | KeptCopyError::Catalog(CatalogError::DiskFull { .. }) => (
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
        let newer = KeptCopyError::Catalog(CatalogError::Newer {
            path: "/srv/.catalog-copy-x/backup.db".into(),
            found: 99,
            known: 10,
        });
        let full = KeptCopyError::Catalog(CatalogError::DiskFull {
            path: "/srv/.catalog-copy-x/backup.db".into(),
            cause: "database or disk is full".to_owned(),
        });
        let damaged = KeptCopyError::Catalog(CatalogError::Damaged {
            path: "/srv/.catalog-copy-x/backup.db".into(),
            cause: "file is not a database".to_owned(),
        });
        let (broken, later) = ("/mnt/old.gz is no whole backup", "/mnt/old.gz has schema version 99");
        for (error, exit, of_backup) in [
            (damaged, ExitStatus::Failed, Some(broken)),
            (newer, ExitStatus::Failed, Some(later)),
            (full, ExitStatus::CannotCreate, None),
            (io(io::ErrorKind::InvalidInput), ExitStatus::Failed, Some(broken)),
            (io(io::ErrorKind::UnexpectedEof), ExitStatus::Failed, Some(broken)),
            (io(io::ErrorKind::StorageFull), ExitStatus::CannotCreate, None),
        ] {
            let said = unfit("/mnt/old.gz", &error);
            assert_eq!(said.exit(), exit, "{said}");
            for words in [broken, later] {
                assert_eq!(said.to_string().contains(words), of_backup == Some(words), "{said}");
            }
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
            ("/no/nightly.db", of_name("/no/nightly.db"), ExitStatus::Failed),
            ("nightly.db.gz", StorageError::NotFound(key), ExitStatus::Failed),
            ("nightly.db.gz", read_only(), ExitStatus::CannotCreate),
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
