//! `grind storage ls`: the objects of a folder or of a book, with their sizes.

use std::io::{BufWriter, Write};

use clap::Args;
use serde::Serialize;

use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::load;
use crate::cli::storage::look::{BookObject, StorageLook, quarantined};
use crate::cli::storage::refused;
use crate::grin::Barcode;
use crate::storage::{ListedObject, ObjectKey, ObjectListing};

/// `grind storage ls`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// A folder of the storage (raw/ or quarantine/39015012345678) or a barcode [default: all]
    #[arg(value_name = "FOLDER/ or BARCODE")]
    pub what: Option<String>,
    /// Of the second copy instead of the storage
    #[arg(long)]
    pub copy: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ListedPart {
    All,
    Folder(ObjectKey),
    Book(Barcode),
}

/// A folder has a slash; anything else is a barcode.
fn part(what: Option<&str>) -> Result<ListedPart, String> {
    match what {
        None => Ok(ListedPart::All),
        Some(folder) if folder.contains('/') => ObjectKey::parse(folder.trim_end_matches('/'))
            .map(ListedPart::Folder)
            .map_err(|error| error.to_string()),
        Some(barcode) => Barcode::parse(barcode)
            .map(ListedPart::Book)
            .map_err(|error| format!("{error}; a folder ends in /")),
    }
}

#[derive(Serialize)]
struct ObjectLine<'a> {
    key: &'a str,
    bytes: u64,
}

/// Writes a line an object, as they come.
pub fn run(args: &ListArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    let look = StorageLook::open(&settings, args.copy)?;
    let part = part(args.what.as_deref())
        .map_err(|why| CliError::new(ExitStatus::Usage, "cannot tell what is to be listed").cause(why))?;
    let listing = listing(&look, &part)?;
    let (mut out, mut listed) = (BufWriter::new(std::io::stdout().lock()), 0_u64);
    for object in listing {
        listed += 1;
        let ListedObject { key, bytes } = object.map_err(|error| refused(&error))?;
        let written = match args.json {
            true => serde_json::to_writer(
                &mut out,
                &ObjectLine {
                    key: key.as_str(),
                    bytes,
                },
            )
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out)),
            false => writeln!(out, "{bytes}\t{key}"),
        };
        written.map_err(|error| CliError::output(&error))?;
    }
    out.flush().map_err(|error| CliError::output(&error))?;
    // Last, so that what is in another storage can be seen before it is adopted.
    look.check_place()?;
    match part {
        ListedPart::Book(barcode) if listed == 0 => Err(no_objects(&barcode)),
        _ => Ok(ExitStatus::Done),
    }
}

fn listing(look: &StorageLook, part: &ListedPart) -> Result<ObjectListing, CliError> {
    let folder = match part {
        ListedPart::All => None,
        ListedPart::Folder(folder) => Some(folder),
        ListedPart::Book(barcode) => return of_book(look, barcode),
    };
    look.storage.list(folder).map_err(|error| refused(&error))
}

fn no_objects(barcode: &Barcode) -> CliError {
    CliError::new(
        ExitStatus::Failed,
        format!("nothing of the book {barcode} is in the storage"),
    )
    .advise("The barcode must be given whole; the name of a folder ends in /.")
}

/// Its objects and what is in quarantine of it.
fn of_book(look: &StorageLook, barcode: &Barcode) -> Result<ObjectListing, CliError> {
    let mut found = Vec::new();
    for BookObject { key, .. } in look.objects(barcode)? {
        if let Some(stat) = look.storage.stat(&key).map_err(|error| refused(&error))? {
            found.push(Ok(ListedObject { key, bytes: stat.bytes }));
        }
    }
    let aside = quarantined(&look.storage, &look.layout, barcode)?;
    Ok(Box::new(found.into_iter().chain(aside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_slash_and_anything_else_is_a_barcode() {
        let folder = |key: &str| Some(ListedPart::Folder(ObjectKey::parse(key).unwrap()));
        for (what, expected) in [
            (None, Some(ListedPart::All)),
            (Some("raw/"), folder("raw")),
            (Some("quarantine/X1"), folder("quarantine/X1")),
            (
                Some("TL0001"),
                Some(ListedPart::Book(Barcode::parse("TL0001").unwrap())),
            ),
            (Some("/"), None),
            (Some("../x"), None),
            (Some("a b"), None),
            (Some(""), None),
        ] {
            assert_eq!(part(what).ok(), expected, "{what:?}");
        }
    }
}
