//! `grind pause`, `resume`, `retry`, `prioritise` and `forget`: what an operator asks of the running daemon.

use std::fmt::Write as _;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use jiff::Zoned;

use crate::cli::args::ReachArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::moment::moment_to_come;
use crate::cli::{output, status};
use crate::grin::Barcode;
use crate::grin::barcode_file::BarcodeList;
use crate::log::CountedNoun;
use crate::observe::{ClientError, ControlReply, ControlRequest, DaemonEndpoint, RetryRequest, client};
use crate::vocabulary::FailureReason;

/// Barcodes named in a message at most.
const NAMED: usize = 20;

/// `grind retry`.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["barcodes", "failed"])))]
pub struct RetryArgs {
    /// Books to try again
    #[arg(value_name = "BARCODE")]
    pub barcodes: Vec<String>,
    /// Every failed book
    #[arg(long)]
    pub failed: bool,
    /// Of the failed books only those with this reason, as `grind report` names it
    #[arg(long, value_name = "REASON", requires = "failed", conflicts_with = "barcodes", value_parser = reason_parser())]
    pub reason: Option<String>,
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `grind prioritise` and `grind forget`.
#[derive(Debug, Clone, Args)]
pub struct BooksArgs {
    /// The books
    #[arg(value_name = "BARCODE", required = true)]
    pub barcodes: Vec<String>,
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `grind pause`.
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// When the pause ends by itself: a time of day (18:00), a span from now (2h), a day (2026-01-31, from 00:00 UTC), or 2026-01-31T18:00:00Z [default: at `grind resume`]
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The reasons that a book can have failed for.
fn reason_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(FailureReason::ALL.iter().map(|reason| reason.as_str()))
}

/// Has books tried again.
pub fn retry(args: &RetryArgs) -> CommandResult {
    let request = match args.failed {
        true => RetryRequest::Failed {
            reason: args.reason.clone(),
        },
        false => RetryRequest::Barcodes(named(&args.barcodes)?),
    };
    ask(&args.reach, &ControlRequest::Retry(request))
}

/// Has books go before others.
pub fn prioritise(args: &BooksArgs) -> CommandResult {
    ask(&args.reach, &ControlRequest::Prioritise(named(&args.barcodes)?))
}

/// Has books left out.
pub fn forget(args: &BooksArgs) -> CommandResult {
    ask(&args.reach, &ControlRequest::Forget(named(&args.barcodes)?))
}

/// Has nothing begun.
pub fn pause(args: &PauseArgs) -> CommandResult {
    let until = args.until.as_deref();
    let until = until.map(|text| moment_to_come(text, &Zoned::now())).transpose();
    let until = until.map_err(|why| CliError::new(ExitStatus::Usage, "--until cannot be used").cause(why))?;
    ask(&args.reach, &ControlRequest::Pause { until })
}

/// Ends a pause.
pub fn resume(reach: &ReachArgs) -> CommandResult {
    ask(reach, &ControlRequest::Resume)
}

fn named(texts: &[String]) -> Result<Vec<Barcode>, CliError> {
    let mut list = BarcodeList::default();
    for text in texts {
        list.take("the command line", text.trim());
    }
    Ok(list.finish()?)
}

/// Asks the daemon and prints what it did.
fn ask(reach: &ReachArgs, request: &ControlRequest) -> CommandResult {
    output::print(&order(&reach.endpoints()?, request)?)?;
    Ok(ExitStatus::Done)
}

/// Asks the daemon, and says what it did.
pub(super) fn order(endpoints: &[DaemonEndpoint], request: &ControlRequest) -> Result<String, CliError> {
    let internal = |error: serde_json::Error| {
        CliError::new(ExitStatus::Internal, "cannot exchange JSON with the daemon").because(&error)
    };
    let json = serde_json::to_string(request).map_err(internal)?;
    let mut errors = Vec::new();
    for endpoint in endpoints {
        match client::post(endpoint, "/api/control", &json) {
            Ok(body) => return told(request, &serde_json::from_slice(&body).map_err(internal)?),
            Err(error @ ClientError::Refused { .. }) => {
                return Err(CliError::new(ExitStatus::Unavailable, "the daemon refused the request").because(&error));
            }
            Err(error) => {
                let is_silent = matches!(error, ClientError::Silent { .. });
                errors.push(error);
                if is_silent {
                    // Nobody else takes its orders.
                    return Err(status::not_running(&errors).cause("the order is not carried out later, either"));
                }
            }
        }
    }
    Err(status::not_running(&errors))
}

fn told(request: &ControlRequest, reply: &ControlReply) -> Result<String, CliError> {
    match reply.unknown.is_empty() {
        true => Ok(in_words(request, reply)),
        false => Err(unknown(&reply.unknown)),
    }
}

fn unknown(barcodes: &[Barcode]) -> CliError {
    let error = CliError::new(ExitStatus::Failed, "unknown barcodes; nothing was changed");
    let shown = barcodes.iter().take(NAMED);
    let error = shown.fold(error, |error, barcode| {
        error.cause(format!("{barcode} is not in the catalog"))
    });
    error.advise("Check the spelling, or let `grind collect` read GRIN's lists first.")
}

fn in_words(request: &ControlRequest, reply: &ControlReply) -> String {
    let what = match request {
        ControlRequest::Retry(_) => "will be tried again",
        ControlRequest::Prioritise(_) => "before others from now on",
        ControlRequest::Forget(_) => "left out from now on; what is stored stays, and `grind retry` brings a book back",
        ControlRequest::Pause { .. } | ControlRequest::Resume => {
            return match &reply.paused {
                Some(wait) => format!("paused: {wait}\n"),
                None => "not paused: books are begun\n".into(),
            };
        }
    };
    let mut text = format!("{} {what}\n", CountedNoun(reply.changed, "book"));
    for (barcode, state) in &reply.unchanged {
        let _ = writeln!(text, "{barcode}: nothing to change, its state is {state}");
    }
    for (barcode, why) in &reply.unserved {
        let _ = writeln!(text, "{barcode}: not fetched as it is: {why}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_book_by_book_where_nothing_was() {
        let reply = ControlReply {
            changed: 1,
            unchanged: vec![(Barcode::parse("TL0001").unwrap(), "stored".into())],
            ..ControlReply::default()
        };
        let request = ControlRequest::Retry(RetryRequest::Failed { reason: None });
        assert_eq!(
            in_words(&request, &reply),
            "1 book will be tried again\nTL0001: nothing to change, its state is stored\n"
        );
    }

    #[test]
    fn a_book_that_goes_before_others_and_is_not_fetched_is_told() {
        let reply = ControlReply {
            changed: 2,
            unserved: vec![(Barcode::parse("TL0001").unwrap(), "nobody asks for it".into())],
            ..ControlReply::default()
        };
        assert_eq!(
            in_words(&ControlRequest::Prioritise(Vec::new()), &reply),
            "2 books before others from now on\nTL0001: not fetched as it is: nobody asks for it\n"
        );
    }

    #[test]
    fn a_text_that_is_no_barcode_is_wrong_usage_and_nobody_is_asked() {
        let error = named(&["TL0001".into(), "../x".into()]).unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Usage);
    }

    #[test]
    fn unknown_barcodes_are_named() {
        let error = unknown(&[Barcode::parse("TL0404").unwrap()]);
        assert_eq!(error.exit(), ExitStatus::Failed);
        assert!(error.to_string().contains("TL0404 is not in the catalog"), "{error}");
    }
}
