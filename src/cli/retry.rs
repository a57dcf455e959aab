//! `grind retry`: has the running daemon try books again.

use std::fmt::Write as _;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};

use crate::cli::args::ReachArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::{output, status};
use crate::grin::Barcode;
use crate::grin::barcode_file::BarcodeList;
use crate::observe::{ClientError, DaemonEndpoint, RetryReply, RetryRequest, client};
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

/// The reasons that a book can have failed for.
fn reason_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(FailureReason::ALL.iter().map(|reason| reason.as_str()))
}

/// Asks the daemon and prints what it did.
pub fn run(args: &RetryArgs) -> CommandResult {
    let request = match args.failed {
        true => RetryRequest::Failed {
            reason: args.reason.clone(),
        },
        false => RetryRequest::Barcodes(named(&args.barcodes)?),
    };
    let reply = ask(&args.reach.endpoints()?, &request)?;
    if !reply.unknown.is_empty() {
        return Err(unknown(&reply.unknown));
    }
    output::print(&in_words(&reply))?;
    Ok(ExitStatus::Done)
}

fn named(texts: &[String]) -> Result<Vec<Barcode>, CliError> {
    let mut list = BarcodeList::default();
    for text in texts {
        list.take("the command line", text.trim());
    }
    Ok(list.finish()?)
}

fn ask(endpoints: &[DaemonEndpoint], request: &RetryRequest) -> Result<RetryReply, CliError> {
    let internal = |error: serde_json::Error| {
        CliError::new(ExitStatus::Internal, "cannot exchange JSON with the daemon").because(&error)
    };
    let json = serde_json::to_string(request).map_err(internal)?;
    let mut errors = Vec::new();
    for endpoint in endpoints {
        match client::post(endpoint, "/api/retry", &json) {
            Ok(body) => return serde_json::from_slice(&body).map_err(internal),
            Err(error @ ClientError::Refused { .. }) => {
                return Err(CliError::new(ExitStatus::Unavailable, "the daemon refused the request").because(&error));
            }
            Err(error) => errors.push(error),
        }
    }
    Err(status::not_running(&errors))
}

fn unknown(barcodes: &[Barcode]) -> CliError {
    let error = CliError::new(ExitStatus::Failed, "unknown barcodes; nothing was changed");
    let shown = barcodes.iter().take(NAMED);
    let error = shown.fold(error, |error, barcode| {
        error.cause(format!("{barcode} is not in the catalog"))
    });
    error.advise("Check the spelling, or let `grind collect` read GRIN's lists first.")
}

fn in_words(reply: &RetryReply) -> String {
    let books = if reply.reset == 1 { "book" } else { "books" };
    let mut text = format!("{} {books} will be tried again\n", reply.reset);
    for (barcode, state) in &reply.unchanged {
        let _ = writeln!(text, "{barcode}: nothing to reset, its state is {state}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_book_by_book_where_nothing_was() {
        let reply = RetryReply {
            reset: 1,
            unchanged: vec![(Barcode::parse("TL0001").unwrap(), "stored".into())],
            unknown: Vec::new(),
        };
        assert_eq!(
            in_words(&reply),
            "1 book will be tried again\nTL0001: nothing to reset, its state is stored\n"
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
