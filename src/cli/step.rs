//! `grind collect`, `enrich`, `sync` and `convert`: one step by hand, by the daemon's own actors.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::catalog::{AskRemaining, AskUnknown, CatalogError, CatalogReader, ListReady, PlanConversions};
use crate::cli::args::{ConfigArgs, SelectionArgs};
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::progress::ProgressStyle;
use crate::cli::summary::summary;
use crate::cli::{execution, load, output, reading};
use crate::daemon::RunOptions;
use crate::grin::{Barcode, ListKind};
use crate::log::CountedNoun;
use crate::observe::{DaemonView as _, WorkPhase};
use crate::pipeline::{RunScope, compare_after, scope_of};
use crate::settings::Settings;
use crate::vocabulary::Queue;

/// Which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManualStep {
    /// Reads GRIN's lists into the catalog.
    Collect,
    /// Asks GRIN for the data of books.
    Enrich,
    /// Checks, downloads, verifies and stores.
    Sync,
    /// Asks GRIN to convert.
    Convert,
}

impl ManualStep {
    /// The phase that it does.
    const fn phase(self) -> WorkPhase {
        match self {
            Self::Collect => WorkPhase::Collect,
            Self::Enrich => WorkPhase::Enrich,
            Self::Sync => WorkPhase::Download,
            Self::Convert => WorkPhase::Convert,
        }
    }

    /// The command's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Enrich => "enrich",
            Self::Sync => "sync",
            Self::Convert => "convert",
        }
    }
}

/// The same for all four.
#[derive(Debug, Clone, Args)]
pub struct StepArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Which books.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// Most books named by a dry run.
const NAMED: usize = 1_000;

/// Does one step to its end.
pub fn run(step: ManualStep, args: &StepArgs) -> CommandResult {
    let (settings, _) = load::of_work(&args.config)?;
    let scope = scope(step, args, &settings)?;
    if args.dry_run {
        return dry_run(step, &scope, &settings);
    }
    let options = RunOptions {
        settings,
        sources: None,
        scope,
        step: Some(step.as_str()),
        observed: false,
        on_ready: Box::new(|_| {}),
    };
    let (ended, view) = execution::execute(options, ProgressStyle::fitting())?;
    let summary = summary(&view.daemon(), &[step.phase()], ended.report.incomplete.len());
    output::print(&format!("{}: {summary}\n", step.as_str()))?;
    execution::verdict(&ended, true)
}

fn scope(step: ManualStep, args: &StepArgs, settings: &Settings) -> Result<RunScope, CliError> {
    let configured = scope_of(settings, true)
        .map_err(|error| CliError::new(ExitStatus::Config, "the work cannot be begun").because(&error))?;
    let named = args.selection.barcodes.load().map_err(CliError::from)?;
    let queues = args.selection.queues.clone();
    // Lists cannot be asked for single books; the search can.
    let searched = step == ManualStep::Collect && named.is_some();
    Ok(RunScope {
        collect: step == ManualStep::Collect && !searched,
        enrich: step == ManualStep::Enrich || searched,
        convert: step == ManualStep::Convert,
        sync: step == ManualStep::Sync,
        copies: false,
        force: args.selection.force || configured.force,
        recheck: match &named {
            Some(_) => Some(Duration::ZERO),
            None => compare_after(if queues.is_empty() { &configured.queues } else { &queues }),
        },
        lost_only: false,
        limit: args.selection.limit.or(configured.limit),
        only: named
            .map(Into::into)
            .or(configured.only.filter(|_| step != ManualStep::Collect)),
        lists: lists_of(&queues),
        enrich_queues: queues.clone(),
        queues: if queues.is_empty() { configured.queues } else { queues },
        once: true,
        by_hand: true,
    })
}

/// The lists that tell of the books of these queues, each once; none for no queues, which stands for every list.
fn lists_of(queues: &[Queue]) -> Vec<ListKind> {
    let mut lists = Vec::new();
    for queue in queues {
        let told_by: &[ListKind] = match queue {
            Queue::Converted | Queue::Changed => &[ListKind::Converted],
            Queue::Previous => &[ListKind::AllBooks, ListKind::InProcess],
            Queue::Unconverted => &[ListKind::AllBooks, ListKind::InProcess, ListKind::Available],
            Queue::Failed => &[ListKind::Failed],
            Queue::All => &ListKind::ALL,
        };
        lists.extend(
            told_by
                .iter()
                .filter(|list| !lists.contains(*list))
                .copied()
                .collect::<Vec<_>>(),
        );
    }
    lists
}

/// Asks the catalog what the step would do; nothing is asked of GRIN and nothing is changed.
fn dry_run(step: ManualStep, scope: &RunScope, settings: &Settings) -> CommandResult {
    if scope.collect {
        let lists: Vec<_> = scope.lists.iter().map(ToString::to_string).collect();
        let which = if lists.is_empty() {
            "all".to_owned()
        } else {
            lists.join(", ")
        };
        output::print(&format!("GRIN's lists would be read: {which}\n"))?;
        return Ok(ExitStatus::Done);
    }
    let catalog = reading::existing(&settings.catalog.url)?;
    // GRIN's search is asked for what no list has brought: that is what this step is for.
    let named = scope.only.as_deref().filter(|_| step != ManualStep::Collect);
    let unknown = match (named, &catalog) {
        (None, _) => Vec::new(),
        (Some(named), None) => named.to_vec(),
        (Some(named), Some(catalog)) => {
            let ask = AskUnknown(named.to_vec());
            catalog.ask(&ask).map_err(|error| reading::refused(&error))?
        }
    };
    let text = match &catalog {
        Some(catalog) => would_do(step, scope, settings, catalog).map_err(|error| reading::refused(&error))?,
        None => "there is no catalog yet: `grind collect` makes it\n".to_owned(),
    };
    output::print(&text)?;
    match unknown.as_slice() {
        [] => Ok(ExitStatus::Done),
        unknown => Err(not_in_catalog(unknown)),
    }
}

/// Named books of which a dry run can say nothing. A run asks GRIN for them, and fails where that knows them as little.
fn not_in_catalog(unknown: &[Barcode]) -> CliError {
    let what = match unknown.len() {
        1 => "1 barcode is not in the catalog".to_owned(),
        more => format!("{more} barcodes are not in the catalog"),
    };
    let named = unknown.iter().take(execution::NAMED);
    let error = named.fold(CliError::new(ExitStatus::Failed, what), |error, barcode| {
        error.cause(format!("{barcode} is unknown"))
    });
    error.advise("Check the spelling. A dry run asks GRIN nothing; the step itself asks it for them, and adds those that it knows.")
}

fn would_do(
    step: ManualStep,
    scope: &RunScope,
    settings: &Settings,
    catalog: &CatalogReader,
) -> Result<String, CatalogError> {
    let now = Timestamp::now();
    let limit = scope.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(NAMED).min(NAMED);
    Ok(match (step, &scope.only) {
        (ManualStep::Collect | ManualStep::Enrich, Some(only)) => {
            listing("GRIN would be asked for the facts of", &only[..only.len().min(limit)])
        }
        (ManualStep::Collect | ManualStep::Enrich, None) => {
            let batch = catalog.ask(&scope.to_enrich(limit, now))?;
            listing("GRIN would be asked for the facts of", &batch.barcodes)
        }
        (ManualStep::Convert, _) => {
            let plan = catalog.ask(&PlanConversions {
                selection: scope.selection(now, now),
                limit,
                queue_limit: settings.grin.conversion_queue_limit,
            })?;
            listing("GRIN would be asked to convert", &plan.barcodes)
        }
        (ManualStep::Sync, _) => {
            let selection = scope.selection(now, now);
            let remaining = catalog.ask(&AskRemaining(selection.clone()))?;
            let ready = catalog.ask(&ListReady { selection, limit })?;
            let mut text = listing("To check, and to download unless they are stored unchanged:", &ready);
            let _ = writeln!(text, "{} wait for GRIN to convert them", remaining.waiting_for_grin);
            text
        }
    })
}

fn listing(what: &str, barcodes: &[Barcode]) -> String {
    let books = match barcodes.len() {
        NAMED => format!("{NAMED} or more books"),
        some => CountedNoun(some as u64, "book").to_string(),
    };
    let mut text = format!("{what} {books}\n");
    for barcode in barcodes {
        text.push_str(barcode.as_str());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_name_the_lists_that_tell_of_their_books() {
        assert!(lists_of(&[]).is_empty(), "no queue: every list");
        assert_eq!(lists_of(&[Queue::Converted, Queue::Changed]), [ListKind::Converted]);
        assert_eq!(
            lists_of(&[Queue::Failed, Queue::Previous, Queue::All]),
            [
                ListKind::Failed,
                ListKind::AllBooks,
                ListKind::InProcess,
                ListKind::Available,
                ListKind::Converted
            ]
        );
    }
}
