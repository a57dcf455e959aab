//! What `run`, `demo` and the single steps share: a system, the options, an exit code.

use std::sync::Arc;

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::progress::{ProgressDisplay, ProgressStyle};
use crate::cli::{grin_line, reading, storage};
use crate::daemon;
use crate::daemon::{BuildError, DaemonEnd, GrinStanding, LiveDaemonView, RunOptions, StartError};
use crate::log;
use crate::log::CountedNoun;
use crate::observe::{DaemonView, ObserverError};
use crate::pipeline::RunReport;
use crate::storage::StorageError;
use crate::vocabulary::{WaitCause, WaitReason};

/// Runs what the options say on an actix system of its own, with progress shown if wanted, and says how it ended.
pub fn execute(mut options: RunOptions, show: ProgressStyle) -> Result<(DaemonEnd, Arc<LiveDaemonView>), CliError> {
    let by_itself = options.step.is_none() && !options.scope.once;
    let (seen, shown) = std::sync::mpsc::channel();
    let before = std::mem::replace(&mut options.on_ready, Box::new(|_| {}));
    options.on_ready = Box::new(move |view: Arc<LiveDaemonView>| {
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
    let ended = system.block_on(daemon::run(options));
    let shown = shown.try_recv();
    if let Some(log) = log::running() {
        log.draw_above(None);
    }
    let ended = ended.map_err(|error| explain(&error, by_itself))?;
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
    if let Some(fault) = &ended.ledger.catalog_fault {
        return Err(CliError::new(
            ExitStatus::Failed,
            "stopped, and what was recorded last is not in the catalog",
        )
        .cause(fault.clone())
        .advise("Without its catalog the next run begins a new one, and finds stored books in the storage again."));
    }
    // What the catalog was not told of when they were cut was not known before.
    let untold = ended
        .report
        .stopped_by
        .as_ref()
        .filter(|wait| wait.cause == WaitCause::Catalog);
    let waiting = ended.report.cut_while.as_ref().or(untold);
    if let Some(error) = cut(ended.report.cut, waiting) {
        return Err(error);
    }
    let grin = GrinAtEnd {
        signed_out: ended.signed_out.as_deref(),
        standing: ended.grin,
    };
    let refused = ended.storage_fault.as_ref();
    match unfinished(&ended.report, grin, refused, once) {
        Some(error) => Err(error),
        None if once && ended.report.failed > 0 => Ok(ExitStatus::Failed),
        None => Ok(ExitStatus::Done),
    }
}

/// A stop that did not wait for the books in hand. What they waited for would not have ended in a longer time.
fn cut(books: u64, waiting: Option<&WaitReason>) -> Option<CliError> {
    let books = match books {
        0 => return None,
        books => CountedNoun(books, "book"),
    };
    let what = format!("stopped when the grace was over, with {books} in hand");
    let error = CliError::new(ExitStatus::Failed, what);
    Some(match waiting {
        None => error.advise(
            "They are released, and fetched from their beginning by the next run. A longer shutdown.grace lets more of them end.",
        ),
        // No attempt follows.
        Some(waiting) => error
            .cause(WaitReason { until: None, ..waiting.clone() }.to_string())
            .advise("They are fetched from their beginning by the next run, once this is over."),
    })
}

const SIGN_IN: &str =
    "Sign in with `grind auth login` and run it again. Nothing is lost; stored books are not fetched twice.";

const LATER: &str = "Nothing is lost. Run it again later to resume; stored books are not fetched twice.";

/// How GRIN was left.
#[derive(Debug, Clone, Copy, Default)]
struct GrinAtEnd<'a> {
    signed_out: Option<&'a str>,
    standing: GrinStanding,
}

/// Unknown barcodes that are named.
pub const NAMED: usize = 20;

/// What was not done, why, and what to do about it.
fn unfinished(report: &RunReport, grin: GrinAtEnd<'_>, refused: Option<&StorageError>, once: bool) -> Option<CliError> {
    let stopped = report.stopped_by.as_ref();
    let incomplete = once && !(report.incomplete.is_empty() && report.left.is_empty());
    let causes = stopped.map(ToString::to_string).into_iter();
    let not_done = report.incomplete.iter().chain(&report.left);
    let causes = causes.chain(not_done.filter(|_| once).cloned());
    let explained = |error: CliError| causes.fold(error, |error, why| error.cause(why));
    if let Some(why) = grin.signed_out.filter(|_| stopped.is_some() || incomplete) {
        let error = CliError::new(ExitStatus::NotPermitted, "not signed in to GRIN").cause(why);
        return Some(explained(error).advise(SIGN_IN));
    }
    if let Some(waiting) = stopped {
        let exit = exit_of_stop(waiting.cause, waiting.needs_person, refused);
        let advice = match waiting.cause {
            WaitCause::SignIn => SIGN_IN,
            _ if grin.standing == GrinStanding::Untrusted && exit == ExitStatus::Config => grin_line::TRUST,
            _ if exit == ExitStatus::Unavailable => LATER,
            _ => "Nothing is lost. Correct this and run it again; stored books are not fetched twice.",
        };
        return Some(explained(CliError::new(exit, "stopped before the end")).advise(advice));
    }
    if incomplete && grin.standing == GrinStanding::Untrusted {
        let error = explained(CliError::new(ExitStatus::Config, "GRIN's certificate is not trusted"));
        return Some(with_unknown(error, report).advise(grin_line::TRUST));
    }
    let is_away = match grin.standing {
        GrinStanding::NeverAnswered | GrinStanding::NoToken => true,
        // Of the books that are left one may be the reason.
        GrinStanding::Away => !report.incomplete.is_empty(),
        GrinStanding::Answers | GrinStanding::Untrusted => false,
    };
    if incomplete && is_away {
        let what = match grin.standing {
            GrinStanding::NoToken => "no access token for GRIN can be had",
            _ => "GRIN cannot be reached",
        };
        let error = explained(CliError::new(ExitStatus::Unavailable, what));
        return Some(with_unknown(error, report).advise(LATER));
    }
    if incomplete {
        let error = explained(CliError::new(ExitStatus::Failed, "run incomplete"));
        let advice = if report.incomplete.is_empty() {
            "Run it again when their time has come; the daemon (`grind run`) does so by itself."
        } else {
            "Run it again to resume. If it ends in this way each time, report it with what `grind support-bundle` packs."
        };
        return Some(with_unknown(error, report).advise(advice));
    }
    (once && !report.unknown.is_empty()).then(|| {
        let what = match report.unknown.len() {
            1 => "1 barcode is unknown".to_owned(),
            more => format!("{more} barcodes are unknown"),
        };
        with_unknown(CliError::new(ExitStatus::Failed, what), report)
            .advise("Neither the catalog nor GRIN knows them, and nothing was added. Everything else is done.")
    })
}

/// The exit code of a run that something stopped before its end.
fn exit_of_stop(cause: WaitCause, needs_person: bool, refused: Option<&StorageError>) -> ExitStatus {
    match cause {
        // They do not answer, or ask for patience.
        WaitCause::Grin | WaitCause::Gate | WaitCause::Token | WaitCause::Storage | WaitCause::Catalog
            if !needs_person =>
        {
            ExitStatus::Unavailable
        }
        _ if !needs_person => ExitStatus::Failed,
        // Where it takes what it is given for a try, it is a folder or a name in it that may not be written to.
        WaitCause::Storage => refused.map_or(ExitStatus::NotPermitted, storage::exit_of),
        // No room, or no right to write there.
        WaitCause::Disk | WaitCause::Mount | WaitCause::Catalog => ExitStatus::CannotCreate,
        // Its certificate is not trusted, or no session can be set up.
        WaitCause::Grin => ExitStatus::Config,
        _ => ExitStatus::NotPermitted,
    }
}

fn with_unknown(error: CliError, report: &RunReport) -> CliError {
    let named = report.unknown.iter().take(NAMED);
    named.fold(error, |error, barcode| error.cause(format!("{barcode} is unknown")))
}

/// Why a command that is to be a member of the catalog is none.
pub fn cannot_start(error: BuildError) -> CliError {
    explain(&StartError::Build(error), false)
}

/// `by_itself`: this is the daemon, which is started again without a person, unless the code says that one must act.
fn explain(error: &StartError, by_itself: bool) -> CliError {
    let (exit, advice) = match error {
        StartError::Build(BuildError::Settings(_)) => (ExitStatus::Config, CHECK_CONFIG),
        StartError::Build(BuildError::Session(_)) => (ExitStatus::Unavailable, CHECK_CONFIG),
        StartError::Build(BuildError::Catalog(error)) => (
            reading::exit_of(error),
            "catalog.url names the catalog; nothing was changed.",
        ),
        StartError::Build(BuildError::Storage(error)) => (
            // Where a volume is not mounted yet, the folder in its place may be root's.
            if by_itself {
                ExitStatus::Unavailable
            } else {
                storage::exit_of(error)
            },
            "storage.url names the storage; this user must be able to write there. Nothing was changed.",
        ),
        StartError::Build(BuildError::InstanceTaken { .. }) => (
            ExitStatus::CannotCreate,
            "Each daemon of a catalog needs a name of its own: set work.instance, or stop the other one (`systemctl stop grind`).",
        ),
        StartError::Observer(error @ (ObserverError::Token(_) | ObserverError::NoToken { .. })) => {
            (ExitStatus::Config, observer_advice(error))
        }
        StartError::Observer(error) => (ExitStatus::CannotCreate, observer_advice(error)),
        StartError::Signals(_) | StartError::Watchdog(_) => (ExitStatus::Internal, "Nothing was changed."),
    };
    CliError::new(exit, "grind cannot start").because(error).advise(advice)
}

const CHECK_CONFIG: &str = "Check the configuration with `grind check-config`; nothing was changed.";

fn observer_advice(error: &ObserverError) -> &'static str {
    match error {
        ObserverError::Running { .. } => {
            "`grind status` shows what that daemon does. Stop it first (`systemctl stop grind`), or give this one a \
             work.instance, an observe.socket and an observe.listen of its own."
        }
        ObserverError::Listen { .. } => {
            "Another program may use this address (`ss -ltnp` shows which): let observe.listen name a free one."
        }
        ObserverError::Socket { .. } => {
            "Let observe.socket name a file in a folder that exists and that this user may write to."
        }
        ObserverError::Token(_) | ObserverError::NoToken { .. } => {
            "Let observe.token_file name a file that this user may read, with the token in its first line."
        }
        ObserverError::Server(_) => "Nothing was changed; try it again.",
    }
}

#[cfg(test)]
mod tests;
