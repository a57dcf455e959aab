//! Room `cli`: what `run`, `demo` and the single steps share: a system, a mission, an exit code.

use std::sync::Arc;

use super::error::{CliError, Outcome};
use super::exit::Exit;
use super::log;
use super::progress::{Progress, Show};
use crate::daemon::{self, BuildError, Ended, HouseView, Mission, StartError};
use crate::observe::View;

/// Runs a mission on an actix system of its own, with progress shown if wanted, and says how it ended.
pub fn execute(mut mission: Mission, show: Show) -> Result<(Ended, Arc<HouseView>), CliError> {
    let (seen, shown) = std::sync::mpsc::channel();
    let before = std::mem::replace(&mut mission.on_ready, Box::new(|_| {}));
    mission.on_ready = Box::new(move |view: Arc<HouseView>| {
        before(Arc::clone(&view));
        let source = Arc::clone(&view);
        let progress = Progress::start(Arc::new(move || source.daemon()), show);
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
    let (progress, view) = shown.map_err(|_| CliError::new(Exit::Internal, "the run ended before it was ready"))?;
    progress.finish();
    Ok((ended, view))
}

/// The exit code of a run that came to its end. With `--once` a failed book or an unread list is a failure.
pub fn verdict(ended: &Ended, once: bool) -> Outcome {
    if let Some(actor) = &ended.gave_up {
        return Err(
            CliError::new(Exit::Internal, "stopped: an actor could not be kept alive")
                .cause(actor.clone())
                .advise("This is a fault of grind; the log says where. systemd starts it again."),
        );
    }
    if let Some(waiting) = &ended.report.stopped_by {
        let exit = if waiting.needs_person {
            Exit::NotPermitted
        } else {
            Exit::Failed
        };
        return Err(CliError::new(exit, "stopped before the end")
            .cause(waiting.reason.clone())
            .advise("Nothing is lost: mend this and start again; finished books are not fetched twice."));
    }
    if once && !ended.report.incomplete.is_empty() {
        let error = CliError::new(Exit::Failed, "not everything could be asked of GRIN");
        let error = ended
            .report
            .incomplete
            .iter()
            .fold(error, |error, why| error.cause(why.clone()));
        return Err(error.advise("Start it again; it goes on where it was."));
    }
    Ok(if once && ended.report.failed > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn explain(error: &StartError) -> CliError {
    let exit = match error {
        StartError::Build(BuildError::Settings(_)) => Exit::Config,
        StartError::Build(_) => Exit::Unavailable,
        StartError::Observer(_) => Exit::CannotCreate,
        StartError::Signals(_) => Exit::Internal,
    };
    CliError::new(exit, "grind cannot start")
        .because(error)
        .advise("Check the configuration with `grind check-config`; nothing was changed.")
}
