//! `grind run`: the daemon in the foreground.

use clap::Args;

use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::progress::ProgressStyle;
use crate::cli::summary::summary;
use crate::cli::{execution, load, output};
use crate::daemon::{DaemonSignals, RunOptions};
use crate::observe::{DaemonView as _, WorkPhase};
use crate::pipeline::scope_of;

/// The daemon, in the foreground.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stop when nothing more can be done now: every selected book is stored, waits for GRIN, has failed for good, or is left to the
    /// next run
    #[arg(long)]
    pub once: bool,
}

/// Runs until a signal, or with `--once` until nothing more can be done now.
pub fn run(args: &RunArgs) -> CommandResult {
    // Before all else: a signal to reload must not end a daemon that is about to read its config.
    let _heard = DaemonSignals::listen()
        .map_err(|error| CliError::new(ExitStatus::Internal, "cannot install signal handlers").because(&error))?;
    let (settings, sources) = load::of_work(&args.config)?;
    let scope = scope_of(&settings, args.once)
        .map_err(|error| CliError::new(ExitStatus::Config, "the work cannot be begun").because(&error))?;
    let options = RunOptions {
        settings,
        sources: Some(sources),
        scope,
        step: None,
        observed: true,
        on_ready: Box::new(|_| {}),
    };
    let show = if args.once {
        ProgressStyle::fitting()
    } else {
        ProgressStyle::Nothing
    };
    let (ended, view) = execution::execute(options, show)?;
    if args.once {
        let summary = summary(&view.daemon(), &[WorkPhase::Download], ended.report.incomplete.len());
        output::print(&format!("run: {summary}\n"))?;
    }
    execution::verdict(&ended, args.once)
}
