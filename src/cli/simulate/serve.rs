//! Serving until the simulator is asked to stop, and what it says on the way.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::simulate::SimulateArgs;
use crate::lab::simulator::{
    ReplayedAnswers, RunningSidecar, RunningSimulator, Simulator, SimulatorError, SimulatorStats,
};

/// Why `grind simulate` could not serve.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The simulator did not start.
    #[error(transparent)]
    Start(#[from] SimulatorError),
    /// The passphrase could not be read.
    #[error("cannot read the passphrase from {0}")]
    Passphrase(PathBuf, #[source] std::io::Error),
    /// The bundle could not be read.
    #[error("cannot read the support bundle {0}")]
    Replay(PathBuf, #[source] std::io::Error),
    /// Output or signals failed.
    #[error("cannot write to standard output, or hear signals")]
    Terminal(#[from] std::io::Error),
}

/// Serves until SIGTERM or Ctrl-C, or until standard input ends where that was asked for.
pub fn run(args: &SimulateArgs) -> CommandResult {
    serve(args).map(|()| ExitStatus::Done).map_err(|error| {
        let (exit, advice) = way_out(&error);
        CliError::new(exit, "the simulator cannot serve")
            .because(&error)
            .advise(advice)
    })
}

/// The exit code, and what to do.
const fn way_out(error: &SimulateError) -> (ExitStatus, &'static str) {
    match error {
        SimulateError::Replay(..) => (
            ExitStatus::Usage,
            "Give --replay a file that `grind support-bundle` wrote.",
        ),
        SimulateError::Passphrase(..) => (ExitStatus::Usage, "Give --passphrase-file a file that you may read."),
        SimulateError::Terminal(_) => (
            ExitStatus::Unavailable,
            "Keep standard output and error open for as long as it serves.",
        ),
        SimulateError::Start(_) => (
            ExitStatus::CannotCreate,
            "Choose another address with --listen; port 0 takes any free one.",
        ),
    }
}

fn serve(args: &SimulateArgs) -> Result<(), SimulateError> {
    let config = args.config()?;
    if args.replay.is_some() {
        tell_replayed(&config.replay)?;
    }
    let running = Simulator::start(config)?;
    if args.prepare {
        running.prepare(args.books)?;
    }
    if let Some(folder) = &args.write_config {
        running.write_config(folder)?;
    }
    let sidecar = args.state_store.map(|listen| args.sidecar(listen)).transpose()?;
    announce(&running, sidecar.as_ref())?;
    actix_rt::System::new().block_on(asked_to_stop(args.until_input_ends))?;
    let stats = running.stop();
    report(&stats)
}

/// What of a bundle is given again, and what cannot be.
fn tell_replayed(replayed: &ReplayedAnswers) -> Result<(), SimulateError> {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{} answers of the bundle are given again", replayed.count())?;
    if replayed.count() == 0 {
        writeln!(
            out,
            "warning: nothing of the bundle is met again, all answers are the simulator's own"
        )?;
    }
    for what in &replayed.left_out {
        writeln!(out, "not given again: {what}")?;
    }
    Ok(())
}

/// One line for each that serves, for people and scripts alike.
fn announce(running: &RunningSimulator, sidecar: Option<&RunningSidecar>) -> Result<(), SimulateError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", running.base_url())?;
    if let Some(sidecar) = sidecar {
        writeln!(out, "{}", sidecar.base_url())?;
    }
    out.flush()?;
    Ok(())
}

fn report(stats: &SimulatorStats) -> Result<(), SimulateError> {
    let text = serde_json::to_string(stats).map_err(std::io::Error::from)?;
    writeln!(std::io::stderr().lock(), "{text}")?;
    Ok(())
}

async fn asked_to_stop(until_input_ends: bool) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
        ended = input_ended(), if until_input_ends => ended,
    }
}

/// A thread of its own reads: a read of standard input cannot be given up, and would hold up the end of a runtime's thread.
async fn input_ended() -> std::io::Result<()> {
    let (told, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        // An input that cannot be read has ended, too.
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        drop(told);
    })?;
    drop(ended.await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_own_way_out() {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        for (error, exit, option) in [
            (
                SimulateError::Replay("x".into(), missing()),
                ExitStatus::Usage,
                "--replay",
            ),
            (
                SimulateError::Passphrase("x".into(), missing()),
                ExitStatus::Usage,
                "--passphrase-file",
            ),
            (
                SimulateError::Terminal(missing()),
                ExitStatus::Unavailable,
                "standard output",
            ),
            (
                SimulateError::Start(std::io::Error::from(std::io::ErrorKind::AddrInUse).into()),
                ExitStatus::CannotCreate,
                "--listen",
            ),
        ] {
            let (code, advice) = way_out(&error);
            assert!(code == exit && advice.contains(option), "{error}: {advice}");
        }
    }
}
