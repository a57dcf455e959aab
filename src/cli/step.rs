//! Room `cli`: `grind collect`, `enrich`, `sync` and `convert`: one step by hand, by the daemon's own actors.

use clap::Args;

use std::path::Path;

use super::args::{ConfigArgs, QueueName, SelectionArgs};
use super::error::{CliError, Outcome};
use super::exit::Exit;
use super::progress::Show;
use super::{load, mission, output};
use crate::catalog::{AskRemaining, Clock, Ledger, PlanConversions, Policy, Queue, Selection, ToEnrich, path_of};
use crate::daemon::{Mission, errand_of};
use crate::settings::Settings;
use crate::supervisor::Errand;

/// Which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reads GRIN's lists into the catalog.
    Collect,
    /// Asks GRIN for the data of books.
    Enrich,
    /// Checks, downloads, verifies and stores.
    Sync,
    /// Asks GRIN to convert.
    Convert,
}

impl Step {
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
pub fn run(step: Step, args: &StepArgs) -> Outcome {
    let (settings, _) = load::settings(&args.config)?;
    let errand = errand(step, args, &settings)?;
    if args.dry_run {
        return dry_run(step, &errand, &settings);
    }
    let mission = Mission {
        settings,
        sources: None,
        errand,
        observed: false,
        on_ready: Box::new(|_| {}),
    };
    let (ended, view) = mission::execute(mission, Show::fitting())?;
    output::print(&format!("{}: {}\n", step.as_str(), view.line()))?;
    mission::verdict(&ended, true)
}

fn errand(step: Step, args: &StepArgs, settings: &Settings) -> Result<Errand, CliError> {
    let configured = errand_of(settings, true)
        .map_err(|error| CliError::new(Exit::Config, "the work cannot be begun").because(&error))?;
    let named = args.selection.barcodes.load().map_err(CliError::from)?;
    let queues = args
        .selection
        .queues
        .iter()
        .map(|name| queue(*name))
        .collect::<Vec<_>>();
    Ok(Errand {
        collect: step == Step::Collect,
        enrich: step == Step::Enrich,
        convert: step == Step::Convert,
        sync: step == Step::Sync,
        force: args.selection.force || configured.force,
        recheck: named.is_some(),
        limit: args.selection.limit.or(configured.limit),
        only: named.map(Into::into).or(configured.only),
        queues: if queues.is_empty() { configured.queues } else { queues },
        once: true,
    })
}

fn queue(name: QueueName) -> Queue {
    match name {
        QueueName::Converted => Queue::Converted,
        QueueName::Previous => Queue::Previous,
        QueueName::Unconverted => Queue::Unconverted,
        QueueName::Changed => Queue::Changed,
        QueueName::Failed => Queue::Failed,
        QueueName::All => Queue::All,
    }
}

/// Asks the catalog what the step would do; nothing is asked of GRIN and nothing is changed.
fn dry_run(step: Step, errand: &Errand, settings: &Settings) -> Outcome {
    let unreadable =
        |error: &dyn std::error::Error| CliError::new(Exit::Failed, "the catalog cannot be read").because(error);
    let path = path_of(&settings.catalog.url).map_err(|error| unreadable(&error))?;
    if !Path::new(&path).is_file() {
        output::print("there is no catalog yet: `grind collect` makes it\n")?;
        return Ok(Exit::Done);
    }
    let mut ledger = Ledger::open(&path, Clock::system(), Policy::default()).map_err(|error| unreadable(&error))?;
    let selection = Selection {
        queues: errand.queues.clone(),
        only: errand.only.as_ref().map(|only| only.to_vec()),
        force: errand.force,
        recheck_before: None,
    };
    let limit = errand
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(NAMED)
        .min(NAMED);
    let text = match step {
        Step::Collect => "GRIN's lists would be read: all books, converted, in process, failed\n".to_owned(),
        Step::Enrich => {
            let ask = ToEnrich {
                limit,
                older_than: None,
                after: None,
            };
            let batch = ledger.execute(ask).map_err(|error| unreadable(&error))?;
            listing("GRIN would be asked for the facts of", &batch.barcodes)
        }
        Step::Convert => {
            let ask = PlanConversions {
                selection,
                limit,
                queue_limit: settings.grin.conversion_queue_limit,
            };
            let plan = ledger.execute(ask).map_err(|error| unreadable(&error))?;
            listing("GRIN would be asked to convert", &plan.barcodes)
        }
        Step::Sync => {
            let remaining = ledger
                .execute(AskRemaining(selection))
                .map_err(|error| unreadable(&error))?;
            let ready = if remaining.ready {
                "there are books to download now"
            } else {
                "no book is to be downloaded now"
            };
            format!(
                "{ready}; {} wait for GRIN to convert them\n",
                remaining.waiting_for_grin
            )
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn listing(what: &str, barcodes: &[crate::grin::Barcode]) -> String {
    let more = if barcodes.len() == NAMED { " or more" } else { "" };
    let mut text = format!("{what} {}{more} books\n", barcodes.len());
    for barcode in barcodes {
        text.push_str(barcode.as_str());
        text.push('\n');
    }
    text
}
