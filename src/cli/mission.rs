//! What `run`, `demo` and the single steps share: a system, a mission, an exit code.

use std::sync::Arc;

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::progress::{ProgressDisplay, ProgressStyle};
use crate::daemon;
use crate::daemon::{BuildError, DaemonEnd, LiveDaemonView, RunOptions, StartError};
use crate::log;
use crate::observe::DaemonView;

/// Runs a mission on an actix system of its own, with progress shown if wanted, and says how it ended.
pub fn execute(mut mission: RunOptions, show: ProgressStyle) -> Result<(DaemonEnd, Arc<LiveDaemonView>), CliError> {
    let (seen, shown) = std::sync::mpsc::channel();
    let before = std::mem::replace(&mut mission.on_ready, Box::new(|_| {}));
    mission.on_ready = Box::new(move |view: Arc<LiveDaemonView>| {
        before(Arc::clone(&view));
        let source = Arc::clone(&view);
        let progress = ProgressDisplay::start(Arc::new(move || source.daemon()), show);
        if let (Some(log), Some(bars)) = (log::running(), progress.bars()) {
            log.draw_above(Some(bars));
        }
        // The receiver lives until the run is over.
        drop(seen.send((progress, view)));
    });
    let system = actix_rt::System::new();
    let ended = system.block_on(daemon::run(mission));
    let shown = shown.try_recv();
    if let Some(log) = log::running() {
        log.draw_above(None);
    }
    let ended = ended.map_err(|error| explain(&error))?;
    let (progress, view) =
        shown.map_err(|_| CliError::new(ExitStatus::Internal, "the run ended before it was ready"))?;
    progress.finish();
    Ok((ended, view))
}

/// The exit code of a run that came to its end. With `--once` a failed book or an unread list is a failure.
pub fn verdict(ended: &DaemonEnd, once: bool) -> CommandResult {
    if let Some(actor) = &ended.gave_up {
        return Err(
            CliError::new(ExitStatus::Internal, "stopped: an actor could not be kept alive")
                .cause(actor.clone())
                .advise("This is a fault of grind; the log says where. systemd starts it again."),
        );
    }
    if let Some(waiting) = &ended.report.stopped_by {
        let exit = if waiting.needs_person {
            ExitStatus::NotPermitted
        } else {
            ExitStatus::Failed
        };
        return Err(CliError::new(exit, "stopped before the end")
            .cause(waiting.to_string())
            .advise("Nothing is lost. Correct this and run it again; stored books are not fetched twice."));
    }
    if once && !ended.report.incomplete.is_empty() {
        let error = CliError::new(
            ExitStatus::Failed,
            match ended.report.incomplete.len() {
                1 => "run incomplete: 1 list or batch could not be read".to_owned(),
                more => format!("run incomplete: {more} lists or batches could not be read"),
            },
        );
        let error = ended
            .report
            .incomplete
            .iter()
            .fold(error, |error, why| error.cause(why.clone()));
        return Err(error.advise("Run it again to resume."));
    }
    Ok(if once && ended.report.failed > 0 {
        ExitStatus::Failed
    } else {
        ExitStatus::Done
    })
}

fn explain(error: &StartError) -> CliError {
    let exit = match error {
        StartError::Build(BuildError::Settings(_)) => ExitStatus::Config,
        StartError::Build(_) => ExitStatus::Unavailable,
        StartError::Observer(_) => ExitStatus::CannotCreate,
        StartError::Signals(_) => ExitStatus::Internal,
    };
    CliError::new(exit, "grind cannot start")
        .because(error)
        .advise("Check the configuration with `grind check-config`; nothing was changed.")
}
