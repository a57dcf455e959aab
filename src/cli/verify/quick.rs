//! `grind verify --quick`: catalog and storage compared both ways by listing.

use std::time::Instant;

use serde::Serialize;

use crate::catalog::CatalogLedger;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;
use crate::cli::verify::VerifyArgs;
use crate::pipeline::{BookChecker, ListingCounts, ListingFault, ListingFinding, ListingStop, StoreListing};

/// What the comparison came to; the summary in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct QuickEnd {
    #[serde(flatten)]
    counts: ListingCounts,
    /// Recorded objects that are not in the storage.
    missing: u64,
    /// Archives of another size than recorded.
    damaged: u64,
    /// Objects that nobody knows.
    unknown: u64,
    /// Books that are being stored anew.
    could_not_check: u64,
    /// Findings after which the catalog was mended.
    repaired: u64,
    /// Unknown archives that are recorded now; they are not among the unknown.
    recorded: u64,
    /// Seconds that it took.
    seconds: f64,
    /// All of both was compared.
    complete: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
}

/// The last line in JSON.
#[derive(Serialize)]
struct QuickSummary<'a> {
    summary: &'a QuickEnd,
}

/// Compares, says each finding as it comes, and the sum at the end.
pub fn run(checker: &BookChecker, ledger: &mut CatalogLedger, args: &VerifyArgs) -> CommandResult {
    let (began, mut end, mut written) = (Instant::now(), QuickEnd::default(), Ok(()));
    let compared = StoreListing::new(checker, ledger, args.repair).run(&mut |finding| {
        end.add(&finding);
        if written.is_ok() {
            written = say(&finding, args.json);
        }
    });
    written?;
    match compared {
        Ok(counts) => (end.counts, end.complete) = (counts, true),
        Err(ListingStop::Catalog(error)) => return Err(reading::refused(&error)),
        Err(ListingStop::Check(stop)) => end.stopped_by = Some(stop.to_string()),
    }
    end.seconds = began.elapsed().as_secs_f64();
    write_to(&mut std::io::stdout().lock(), |out| {
        use std::io::Write as _;
        if args.json {
            serde_json::to_writer(&mut *out, &QuickSummary { summary: &end })?;
            return writeln!(out);
        }
        writeln!(out, "{}", end.in_words())
    })?;
    Ok(end.exit())
}

fn say(finding: &ListingFinding, json: bool) -> Result<(), CliError> {
    write_to(&mut std::io::stdout().lock(), |out| {
        use std::io::Write as _;
        if json {
            serde_json::to_writer(&mut *out, finding)?;
            return writeln!(out);
        }
        let barcode = finding.barcode.as_deref().unwrap_or("-");
        writeln!(
            out,
            "{}\t{barcode}\t{}\t{}",
            finding.outcome.as_str(),
            finding.key,
            finding.detail
        )
    })
}

impl QuickEnd {
    fn add(&mut self, finding: &ListingFinding) {
        self.repaired += u64::from(finding.repaired);
        match finding.outcome {
            ListingFault::Missing => self.missing += 1,
            ListingFault::Damaged => self.damaged += 1,
            ListingFault::Unknown if finding.repaired => self.recorded += 1,
            ListingFault::Unknown => self.unknown += 1,
            ListingFault::CouldNotCheck => self.could_not_check += 1,
        }
    }

    /// Whatever they do not agree about is told by the code; what was recorded again they agree about now.
    fn exit(&self) -> ExitStatus {
        if self.missing + self.damaged + self.unknown > 0 {
            ExitStatus::Failed
        } else if self.could_not_check > 0 || !self.complete {
            ExitStatus::UNCHECKED
        } else {
            ExitStatus::Done
        }
    }

    fn in_words(&self) -> String {
        use std::fmt::Write as _;
        let Self {
            counts: ListingCounts { books, objects },
            missing,
            damaged,
            unknown,
            could_not_check,
            repaired,
            ..
        } = self;
        let mut words = format!(
            "{books} books and {objects} objects compared: {missing} objects missing, {damaged} archives of another size, \
             {unknown} objects that nobody knows, {could_not_check} could not be checked"
        );
        if *repaired > 0 {
            let _ = write!(words, "; the catalog was mended for {repaired} of them");
        }
        if let Some(why) = &self.stopped_by {
            let _ = write!(words, "\nstopped before the end: {why}");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_whether_they_agree() {
        let end = |missing, unknown, could_not_check, complete| QuickEnd {
            missing,
            unknown,
            could_not_check,
            complete,
            ..QuickEnd::default()
        };
        for (end, code) in [
            (end(0, 0, 0, true), 0),
            (end(1, 0, 0, true), 1),
            (end(0, 1, 0, true), 1),
            (end(0, 1, 1, false), 1),
            (end(0, 0, 1, true), 2),
            (end(0, 0, 0, false), 2),
        ] {
            assert_eq!(end.exit().code(), code, "{end:?}");
        }
    }
}
