//! `grind storage rm`: the objects of one book are removed, and the catalog knows it.

use std::time::Duration;

use clap::Args;

use crate::catalog::{AskPlace, BeginRemoval, CatalogError, ClaimSettlement, EndRemoval, RemovalAnswer, SettleClaim};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::storage::look::{BookObject, layout, objects, quarantined};
use crate::cli::storage::{not_usable, open, refused};
use crate::cli::{execution, load, output, reading};
use crate::daemon::as_member;
use crate::grin::Barcode;
use crate::pipeline::{LibraryMembership, PublicationWindow, confirm_by_hand};
use crate::settings::Settings;
use crate::storage::{ObjectKey, Storage};

/// `grind storage rm`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The book, by its whole barcode
    #[arg(value_name = "BARCODE", value_parser = Barcode::parse)]
    pub barcode: Barcode,
    /// What is in quarantine of the book as well
    #[arg(long)]
    pub quarantine: bool,
    /// Remove them; without it they are only named
    #[arg(long)]
    pub yes: bool,
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "storage-rm";

/// How long the claim of the book holds: a few requests to the storage.
const LEASE: Duration = Duration::from_mins(10);

/// Names the objects of the book, and removes them with `--yes`.
pub fn run(args: &RemoveArgs) -> CommandResult {
    let settings = load::of_storage(&args.config)?;
    as_member(&settings, STEP, |membership| remove(args, &settings, &membership)).map_err(execution::cannot_start)?
}

fn remove(args: &RemoveArgs, settings: &Settings, membership: &LibraryMembership) -> CommandResult {
    let (storage, layout) = (open(settings)?, layout(settings)?);
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    confirm_by_hand(&mut ledger, &storage).map_err(|error| not_usable(&error))?;
    let barcode = &args.barcode;
    let place = ledger
        .execute(AskPlace(barcode.clone()))
        .map_err(|error| reading::refused(&error))?;
    let objects = objects(&layout, barcode, place.as_ref());
    let mut found = Vec::new();
    for BookObject { key, .. } in &objects {
        if storage.stat(key).map_err(|error| refused(&error))?.is_some() {
            found.push(key);
        }
    }
    let aside = quarantined(&storage, &layout, barcode)?;
    let aside = aside.map(|object| Ok(object.map_err(|error| refused(&error))?.key));
    let aside: Vec<ObjectKey> = aside.collect::<Result<_, CliError>>()?;
    let (with, stays) = match args.quarantine {
        true => (aside.as_slice(), 0),
        false => (&[][..], aside.len()),
    };
    found.extend(with);
    let names = named(barcode, &found, stays, args.yes)?;
    // The catalog first: nobody relies on objects that are being removed, and nobody stores the book anew meanwhile.
    let begin = BeginRemoval {
        barcode: barcode.clone(),
        objects: names.clone(),
        owner: membership.owner().to_owned(),
        lease: LEASE,
    };
    let claim = match ledger.execute(begin).map_err(|error| reading::refused(&error))? {
        RemovalAnswer::Begun(claim) => claim,
        RemovalAnswer::InWork => return Err(in_work(barcode)),
    };
    let window = PublicationWindow::of(LEASE / 2).within(membership.unbroken());
    // All of them: one may have been published before the claim.
    let keys = objects.iter().map(|object| &object.key).chain(with);
    let removed = remove_each(&storage, keys, barcode, &window);
    if removed.is_ok() {
        let end = ledger.execute(EndRemoval(barcode.clone()));
        end.map_err(|error| reading::refused(&error))?;
    }
    if let Some(claim) = claim {
        let settlement = ClaimSettlement::Released;
        match ledger.execute(SettleClaim { claim, settlement }) {
            // It ran out, or the book was forgotten meanwhile: nothing is left to release.
            Ok(_) | Err(CatalogError::Stale { .. }) => {}
            Err(error) => return Err(reading::refused(&error)),
        }
    }
    ledger.close().map_err(|error| reading::refused(&error))?;
    removed?;
    output::print(&format!("{names} removed\n"))?;
    if stays > 0 {
        output::print(&format!(
            "What is in quarantine of it stays there ({stays}); --quarantine removes that, too.\n"
        ))?;
    }
    if settings.storage_copy.url.is_some() {
        output::print("What was copied of it to the second place stays there.\n")?;
    }
    Ok(ExitStatus::Done)
}

/// The names of the objects, where they may be removed; of those in quarantine so many stay.
fn named(barcode: &Barcode, found: &[&ObjectKey], stays: usize, is_meant: bool) -> Result<String, CliError> {
    if found.is_empty() && stays > 0 {
        let what = format!("of {barcode} nothing is in the storage but what is in quarantine");
        return Err(CliError::new(ExitStatus::Failed, what).advise("Give --quarantine to remove that."));
    }
    if found.is_empty() {
        return Err(
            CliError::new(ExitStatus::Failed, format!("nothing of {barcode} is in the storage"))
                .advise("The barcode must be given whole; `grind storage ls BARCODE` names the objects of a book."),
        );
    }
    let names: Vec<_> = found.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    if is_meant {
        return Ok(names);
    }
    Err(CliError::new(
        ExitStatus::Usage,
        format!("nothing was removed: these are the objects of {barcode}"),
    )
    .cause(names)
    .advise("Give --yes to remove them. The book is then fetched again, unless `grind forget` leaves it out before."))
}

fn in_work(barcode: &Barcode) -> CliError {
    CliError::new(
        ExitStatus::Unavailable,
        format!("{barcode} is being worked on, and nothing was removed"),
    )
    .advise("Try again later.")
}

/// As long as the claim surely holds.
fn remove_each<'a>(
    storage: &Storage,
    keys: impl Iterator<Item = &'a ObjectKey>,
    barcode: &Barcode,
    window: &PublicationWindow,
) -> Result<(), CliError> {
    for key in keys {
        window.check(barcode).map_err(|error| {
            CliError::new(ExitStatus::Unavailable, format!("{key} was not removed"))
                .because(&error)
                .advise("The same command removes what is left.")
        })?;
        storage.remove(key).map_err(|error| refused(&error))?;
    }
    Ok(())
}
