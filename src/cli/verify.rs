//! `grind verify`: stored books are read again and compared with what was stored.

mod choice;
mod pass;
mod quick;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::catalog::{CatalogError, CatalogReader, CheckPurpose, CheckSelection, MarkedPlace};
use crate::cli::args::ConfigArgs;
use crate::cli::barcode_args::BarcodeArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::moment::moment_before;
use crate::cli::storage::{layout, refused};
use crate::cli::verify::choice::SampleSize;
use crate::cli::verify::pass::VerifyPass;
use crate::cli::{execution, load, reading, storage};
use crate::daemon::{DaemonSignals, RunStage, as_member};
use crate::pipeline::{BookChecker, MountError, ReadPace, confirm_place_by_hand, decrypted_options};
use crate::settings::{BandwidthLimit, Settings};
use crate::storage::{Storage, StorageError};
use crate::vocabulary::FixityLevel;

/// `grind verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only these books
    #[arg(value_name = "BARCODE", help_heading = "Which books")]
    pub named: Vec<String>,
    /// The same, and from a file.
    #[command(flatten)]
    pub barcodes: BarcodeArgs,
    /// Only so many books (200), or such a share of them (5%): those that were not looked at for the longest time
    #[arg(long, value_name = "N or P%", help_heading = "Which books")]
    pub sample: Option<SampleSize>,
    /// Only books that were last checked, or stored, so long ago (90d), before a day (2026-01-31, from 00:00 UTC), or before a moment (2026-01-31T18:00:00Z)
    #[arg(long, value_name = "D", help_heading = "Which books", value_parser = moment_before)]
    pub older_than: Option<Timestamp>,
    /// Only books that `grind report --unverified` lists
    #[arg(long, help_heading = "Which books")]
    pub unverified: bool,
    /// Read no archive: compare catalog and storage both ways by listing
    #[arg(long, conflicts_with_all = ["named", "barcodes", "barcodes_file", "sample", "older_than", "unverified", "deep", "bandwidth"])]
    pub quick: bool,
    /// Mend the catalog where --quick finds that the storage has another state; no object is removed
    #[arg(long, requires = "quick")]
    pub repair: bool,
    /// Read the second copy instead of the storage: of the books that are copied as they are stored. What is damaged or missing there is copied again
    #[arg(long, conflicts_with_all = ["quick", "older_than"])]
    pub copy: bool,
    /// Compare each page with its MD5, too
    #[arg(long)]
    pub deep: bool,
    /// Read at most so many bytes a second, such as 20MiB
    #[arg(long, value_name = "SIZE", value_parser = bandwidth)]
    pub bandwidth: Option<NonZeroU64>,
    /// One JSON object a book, and a summary as the last line
    #[arg(long)]
    pub json: bool,
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "verify";

/// What ending may take after a signal: one read of the storage.
const GRACE: Duration = Duration::from_secs(60);

fn bandwidth(text: &str) -> Result<NonZeroU64, String> {
    let limit = text.parse().ok().and_then(|BandwidthLimit(limit)| limit);
    limit.ok_or_else(|| format!("{text:?} is no size a second, such as 20MiB"))
}

/// Reads the books that are meant.
pub fn run(args: &VerifyArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    let selection = selection(args)?;
    if let Err(error @ CatalogError::Missing { .. }) = CatalogReader::open(&settings.catalog.url) {
        return Err(reading::refused(&error));
    }
    let signals = DaemonSignals::listen()
        .map_err(|error| CliError::new(ExitStatus::Internal, "cannot install signal handlers").because(&error))?;
    signals.enter(RunStage::Working { grace: GRACE });
    let cut = signals.stop_token();
    let work = |_| verify(args, &settings, selection, cut);
    as_member(&settings, STEP, work).map_err(execution::cannot_start)?
}

fn selection(args: &VerifyArgs) -> Result<CheckSelection, CliError> {
    let barcodes = BarcodeArgs {
        barcodes: [args.named.as_slice(), &args.barcodes.barcodes].concat(),
        barcodes_file: args.barcodes.barcodes_file.clone(),
    };
    Ok(CheckSelection {
        barcodes: barcodes.load()?,
        // What this pass has checked is not checked once more.
        before: Some(args.older_than.unwrap_or_else(Timestamp::now)),
        unverified: args.unverified,
        purpose: if args.copy {
            CheckPurpose::Copied
        } else {
            CheckPurpose::Asked
        },
    })
}

fn verify(args: &VerifyArgs, settings: &Settings, selection: CheckSelection, cut: CancellationToken) -> CommandResult {
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    let config = storage::config_of(settings, args.copy)?;
    let storage = Storage::open_to_read(&config).map_err(|error| away(&error))?;
    let place = if args.copy {
        MarkedPlace::SecondCopy
    } else {
        MarkedPlace::Main
    };
    match confirm_place_by_hand(&mut ledger, &storage, place) {
        Err(MountError::Catalog(error)) => return Err(reading::refused(&error)),
        Err(MountError::Storage(error @ StorageError::OtherLayout { .. })) => return Err(refused(&error)),
        Err(MountError::Storage(error)) => return Err(away(&error)),
        Ok(()) => {}
    }
    let checker = BookChecker {
        storage,
        layout: layout(settings)?,
        library: decrypted_options(settings).library,
        level: if args.deep {
            FixityLevel::Deep
        } else {
            FixityLevel::Digest
        },
        pace: Arc::new(ReadPace::new(args.bandwidth, cut)),
    };
    let exit = if args.quick {
        quick::run(&checker, &mut ledger, args, &decrypted_options(settings))?
    } else {
        VerifyPass::begin(&mut ledger, checker, selection, args)?
            .run()?
            .said(args)?
    };
    ledger.close().map_err(|error| reading::refused(&error))?;
    Ok(exit)
}

/// Nothing is known of any book where the storage is not there.
fn away(error: &StorageError) -> CliError {
    CliError::new(
        ExitStatus::UNCHECKED,
        "the storage is not there, so nothing could be checked",
    )
    .because(error)
    .advise("Nothing is concluded about any book. Mount or connect the storage, and run it again.")
}
