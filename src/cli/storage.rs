//! `grind storage`: the place where books are stored.

mod get;
mod look;
mod ls;
mod rm;

use clap::{Args, Subcommand};

use crate::catalog::MarkedPlace;
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::storage::get::GetArgs;
pub(super) use crate::cli::storage::look::layout;
use crate::cli::storage::ls::ListArgs;
use crate::cli::storage::rm::RemoveArgs;
use crate::cli::{load, output, reading};
use crate::pipeline::{MountError, adopt_storage, second_copy_config, storage_config};
use crate::settings::Settings;
use crate::storage::{MARKER_NAME, Storage, StorageConfig, StorageError, StorageErrorClass};

/// `grind storage …`.
#[derive(Debug, Clone, Args)]
pub struct StorageArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StorageCommand,
}

/// What can be done with the storage.
#[derive(Debug, Clone, Subcommand)]
pub enum StorageCommand {
    /// Make the configured storage the one that the catalog knows, in place of another
    Adopt(AdoptArgs),
    /// List the objects of a folder or of a book, with their sizes
    Ls(ListArgs),
    /// Write an object of a book into a file, verified
    Get(GetArgs),
    /// Remove the objects of one book
    Rm(RemoveArgs),
}

/// `grind storage adopt`.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The place of the second copy instead of the storage
    #[arg(long)]
    pub copy: bool,
}

/// Does it.
pub fn run(args: &StorageArgs) -> CommandResult {
    match &args.command {
        StorageCommand::Adopt(args) => adopt(args),
        StorageCommand::Ls(args) => ls::run(args),
        StorageCommand::Get(args) => get::run(args),
        StorageCommand::Rm(args) => rm::run(args),
    }
}

fn adopt(args: &AdoptArgs) -> CommandResult {
    let settings = load::of_storage(&args.config)?;
    let storage = Storage::open(&config_of(&settings, args.copy)?).map_err(|error| refused(&error))?;
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    let (place, what, url) = match (args.copy, &settings.storage_copy.url) {
        (true, Some(url)) => (MarkedPlace::SecondCopy, "place of the second copy", url),
        _ => (MarkedPlace::Main, "storage", &settings.storage.url),
    };
    let id = adopt_storage(&mut ledger, &storage, place).map_err(|error| not_usable(&error))?;
    output::print(&format!(
        "{url} is the {what} of this catalog from now on; {MARKER_NAME} has the id {id}\n"
    ))?;
    Ok(ExitStatus::Done)
}

/// The storage as it is configured, or the second copy.
pub(super) fn config_of(settings: &Settings, of_copy: bool) -> Result<StorageConfig, CliError> {
    if !of_copy {
        return storage_config(settings).map_err(|error| reading::refused(&error));
    }
    let copy = second_copy_config(settings).map_err(|error| reading::refused(&error))?;
    copy.ok_or_else(|| CliError::new(ExitStatus::Usage, "there is no second copy").cause("storage.copy.url is not set"))
}

/// Opens the configured storage.
pub(super) fn open(settings: &Settings) -> Result<Storage, CliError> {
    let config = storage_config(settings).map_err(|error| reading::refused(&error))?;
    Storage::open(&config).map_err(|error| refused(&error))
}

/// Why a command cannot use the storage, with the code that the shell shall see.
pub(super) fn not_usable(error: &MountError) -> CliError {
    match error {
        MountError::Catalog(error) => reading::refused(error),
        MountError::Storage(error) => refused(error),
    }
}

/// The same of an error of the storage's.
pub(super) fn refused(error: &StorageError) -> CliError {
    let exit = exit_of(error);
    let what = match exit {
        ExitStatus::Unavailable => "the storage cannot be reached",
        _ => "the storage cannot be used",
    };
    CliError::new(exit, what).because(error)
}

/// The code that the shell shall see of a storage's error.
pub(super) fn exit_of(error: &StorageError) -> ExitStatus {
    match error {
        // A store refuses what is signed with another time as well.
        StorageError::Denied { .. } | StorageError::ClockDiffers { .. } => ExitStatus::NotPermitted,
        StorageError::OtherLayout { .. } | StorageError::NoBucket(_) | StorageError::Url { .. } => ExitStatus::Config,
        _ if error.class() == StorageErrorClass::NeedsPerson => ExitStatus::CannotCreate,
        _ => ExitStatus::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_the_storage_has_one_code() {
        let (place, detail) = (|| "/srv/library".to_owned(), || "x".to_owned());
        let cases = [
            (
                StorageError::Denied {
                    place: place(),
                    detail: detail(),
                },
                ExitStatus::NotPermitted,
            ),
            (
                StorageError::Full {
                    place: place(),
                    detail: detail(),
                },
                ExitStatus::CannotCreate,
            ),
            (StorageError::ReadOnly { place: place() }, ExitStatus::CannotCreate),
            (StorageError::NoBucket(place()), ExitStatus::Config),
            (
                StorageError::Url {
                    url: place(),
                    why: detail(),
                },
                ExitStatus::Config,
            ),
            (StorageError::store(place(), &"503"), ExitStatus::Unavailable),
            (StorageError::Broken, ExitStatus::Unavailable),
        ];
        for (error, exit) in cases {
            assert_eq!((exit_of(&error), refused(&error).exit()), (exit, exit), "{error}");
        }
    }
}
