//! `grind catalog`: the catalog as a whole, from one database into another.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use crate::catalog::{CatalogAddress, CatalogCopy, CatalogCopyError, CompleteCopy, CopiedRows, CopyProgress};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{print_json, write_to};
use crate::cli::{load, reading, root};
use crate::clock::SystemClock;
use crate::daemon::host;
use crate::log::CountedNoun;

/// How often the log tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// `grind catalog …`.
#[derive(Debug, Clone, Args)]
pub struct CatalogArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CatalogCommand,
}

/// What can be done with a catalog as a whole.
#[derive(Debug, Clone, Subcommand)]
pub enum CatalogCommand {
    /// Copy the catalog into another database, and compare both
    Copy(CopyArgs),
}

/// `grind catalog copy`.
#[derive(Debug, Clone, Args)]
pub struct CopyArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The other database: postgres://host/database, or sqlite:///path of a file that is made
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// What was copied, as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Does it.
pub fn run(args: &CatalogArgs) -> CommandResult {
    match &args.command {
        CatalogCommand::Copy(args) => copy(args),
    }
}

fn copy(args: &CopyArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    let from = CatalogAddress::parse(&settings.catalog.url).map_err(|error| reading::refused(&error))?;
    let to = target(&args.to)?;
    root::refuse_at_catalog(&args.to)?;
    let from = existing(from)?;
    let mut told = Instant::now();
    let copy = CatalogCopy {
        from: &from,
        to: &to,
        host: host(),
        process: format!("{:08x}", rand::random::<u32>()),
        clock: SystemClock::system(),
        progress: &mut |progress| tell(progress, &mut told),
    };
    let copied = copy.run().map_err(|error| refused(&error))?;
    if args.json {
        print_json(&copied.tables)?;
    } else {
        write_to(&mut io::stdout().lock(), |out| in_words(&copied, &from, &to, out))?;
    }
    Ok(ExitStatus::Done)
}

/// The address on the command line.
fn target(url: &str) -> Result<CatalogAddress, CliError> {
    CatalogAddress::parse(url).map_err(|error| {
        CliError::new(ExitStatus::Usage, "--to names no catalog")
            .because(&error)
            .advise("Nothing was copied. Correct --to; catalog.url names the catalog that is copied.")
    })
}

/// No file is made in the place of a catalog that is not there.
fn existing(address: CatalogAddress) -> Result<CatalogAddress, CliError> {
    crate::catalog::CatalogReader::open_at(&address, SystemClock::system())
        .map(drop)
        .or_else(|error| match error {
            // It is brought up to date.
            crate::catalog::CatalogError::Older { .. } => Ok(()),
            error => Err(reading::refused(&error)),
        })?;
    Ok(address)
}

fn tell(progress: CopyProgress, told: &mut Instant) {
    if told.elapsed() < TOLD_EVERY {
        return;
    }
    *told = Instant::now();
    let CopyProgress { table, rows, of, .. } = progress;
    match progress.is_comparing {
        false => tracing::info!(table, rows, of, "rows copied so far"),
        true => tracing::info!(table, rows, of, "rows compared so far"),
    }
}

fn in_words(copied: &CompleteCopy, from: &CatalogAddress, to: &CatalogAddress, out: &mut impl Write) -> io::Result<()> {
    for CopiedRows { table, rows, sha256 } in &copied.tables {
        writeln!(out, "{table:20} {rows:>10} rows  sha256 {}", &sha256[..16])?;
    }
    let already = match copied.was_there {
        true => " The copy was complete already; nothing was copied.",
        false => "",
    };
    writeln!(out, "{} has all that {} has.{already}", to.shown(), from.shown())?;
    writeln!(
        out,
        "Let catalog.url name it, and keep the other until the daemon has run with it."
    )
}

/// Why a backup was not copied into the configured catalog.
pub(super) fn not_restored(error: &CatalogCopyError) -> CliError {
    match error {
        // What it is copied from is a copy of the backup, which is gone by now.
        CatalogCopyError::NotEmpty { catalog, books, .. } => {
            let books = CountedNoun(*books, "book");
            CliError::new(ExitStatus::Failed, format!("nothing was restored: {catalog} is not empty, it has {books}"))
                .advise("A backup is restored into an empty catalog only. Name an empty database or a new file in catalog.url, or move the file that is there away.")
        }
        CatalogCopyError::Target(error) => reading::refused(error),
        error => refused(error),
    }
}

fn refused(error: &CatalogCopyError) -> CliError {
    let (exit, advice) = match error {
        CatalogCopyError::Catalog(error) => return reading::refused(error),
        CatalogCopyError::Target(of_target) => (
            reading::exit_of(of_target),
            "This is about the database that --to names. The catalog of catalog.url is as it was, and the copy goes on when it is begun again.",
        ),
        CatalogCopyError::Same(_) => (
            ExitStatus::Usage,
            "Let --to name another database than catalog.url does.",
        ),
        CatalogCopyError::InUse { .. } => (
            ExitStatus::CannotCreate,
            "Stop every daemon and step that uses it (`systemctl stop grind`); one that was killed is gone when its lease has ended.",
        ),
        CatalogCopyError::Interrupted(_) => (
            ExitStatus::Unavailable,
            "Stop every daemon and step that uses it, and begin the copy again: it goes on.",
        ),
        CatalogCopyError::NotEmpty { .. } => (
            ExitStatus::Failed,
            "Nothing was changed. Let --to name an empty database, or a file that does not exist yet.",
        ),
        CatalogCopyError::Differs { .. } => (
            ExitStatus::Failed,
            "The copy cannot be used. Begin it anew in an empty database, while nothing uses the catalog.",
        ),
    };
    CliError::new(exit, "the catalog was not copied")
        .because(error)
        .advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CatalogError;

    #[test]
    fn what_is_wrong_with_the_other_address_is_said_of_it() {
        for url in [
            "/tmp/x.db",
            "Postgres://me:hush@db/grind",
            "postgres://me:1#hush@db/grind",
        ] {
            let error = target(url).unwrap_err();
            let said = error.to_string();
            assert_eq!(error.exit(), ExitStatus::Usage, "{said}");
            assert!(
                said.contains("--to names no catalog") && !said.contains("hush"),
                "{said}"
            );
        }
        let away = || CatalogError::Unreachable("x".into());
        for (error, is_of_target) in [
            (CatalogCopyError::Target(away()), true),
            (CatalogCopyError::Catalog(away()), false),
        ] {
            let refused = refused(&error);
            assert_eq!(refused.exit(), ExitStatus::Unavailable, "{refused}");
            assert_eq!(refused.to_string().contains("--to"), is_of_target, "{refused}");
        }
        let restored = not_restored(&CatalogCopyError::Target(away()));
        assert!(!restored.to_string().contains("--to"), "{restored}");
    }
}
