//! `grind storage rm`: the objects of one book are removed, and the catalog knows it.

use clap::Args;

use crate::catalog::{AskPlace, RecordRemoval, RemovalAnswer};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::storage::look::{BookObject, layout, objects};
use crate::cli::storage::{not_usable, open, refused};
use crate::cli::{execution, load, output, reading};
use crate::daemon::as_member;
use crate::grin::Barcode;
use crate::pipeline::confirm_by_hand;
use crate::settings::Settings;

/// `grind storage rm`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The book, by its whole barcode
    #[arg(value_name = "BARCODE", value_parser = Barcode::parse)]
    pub barcode: Barcode,
    /// Remove them; without it they are only named
    #[arg(long)]
    pub yes: bool,
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "storage-rm";

/// Names the objects of the book, and removes them with `--yes`.
pub fn run(args: &RemoveArgs) -> CommandResult {
    let settings = load::of_storage(&args.config)?;
    as_member(&settings, STEP, |_| remove(args, &settings)).map_err(execution::cannot_start)?
}

fn remove(args: &RemoveArgs, settings: &Settings) -> CommandResult {
    let (storage, layout) = (open(settings)?, layout(settings)?);
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    confirm_by_hand(&mut ledger, &storage).map_err(|error| not_usable(&error))?;
    let barcode = &args.barcode;
    let mut found = Vec::new();
    let place = ledger
        .execute(AskPlace(barcode.clone()))
        .map_err(|error| reading::refused(&error))?;
    for BookObject { key, .. } in objects(&layout, barcode, place.as_ref()) {
        if storage.stat(&key).map_err(|error| refused(&error))?.is_some() {
            found.push(key);
        }
    }
    if found.is_empty() {
        return Err(
            CliError::new(ExitStatus::Failed, format!("nothing of {barcode} is in the storage"))
                .advise("The barcode must be given whole; `grind storage ls BARCODE` names the objects of a book."),
        );
    }
    let names: Vec<_> = found.iter().map(ToString::to_string).collect();
    if !args.yes {
        return Err(CliError::new(
            ExitStatus::Usage,
            format!("nothing was removed: these are the objects of {barcode}"),
        )
        .cause(names.join(", "))
        .advise(
            "Give --yes to remove them. The book is then fetched again, unless `grind forget` leaves it out before.",
        ));
    }
    // The catalog first: nobody relies on objects that are being removed.
    let asked = RecordRemoval {
        barcode: barcode.clone(),
    };
    if ledger.execute(asked).map_err(|error| reading::refused(&error))? == RemovalAnswer::InWork {
        return Err(CliError::new(
            ExitStatus::Unavailable,
            format!("{barcode} is being worked on, and nothing was removed"),
        )
        .advise("Try again later."));
    }
    for key in &found {
        storage.remove(key).map_err(|error| refused(&error))?;
    }
    ledger.close().map_err(|error| reading::refused(&error))?;
    output::print(&format!("{} removed\n", names.join(", ")))?;
    Ok(ExitStatus::Done)
}
