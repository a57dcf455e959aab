//! `grind verify --quick`: catalog and storage compared both ways by listing.

use std::time::Instant;

use serde::Serialize;

use crate::archive::PassOptions;
use crate::catalog::CatalogLedger;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;
use crate::cli::verify::VerifyArgs;
use crate::log::PlainText;
use crate::pipeline::{
    BookChecker, ListingCounts, ListingFault, ListingFinding, ListingPart, ListingRepair, ListingStop, StoreListing,
};

/// What the comparison came to; the summary in JSON. The counts tell what is so after the catalog was mended; what is missing is missing
/// also when it is to be fetched again.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct QuickEnd {
    #[serde(flatten)]
    counts: ListingCounts,
    /// Recorded objects that are not in the storage.
    missing: u64,
    /// Those of them that are archives.
    missing_archives: u64,
    /// Objects of another size than recorded, and manifests that are none.
    damaged: u64,
    /// What nobody knows, as far as it is told.
    unknown: u64,
    /// Books of which nothing can be said, most of them because they are being stored anew.
    could_not_check: u64,
    /// Books for which the catalog was mended: the sum of the next three.
    repaired: u64,
    /// They are recorded as archive and manifest say.
    recorded: u64,
    /// They are to be fetched again.
    fetched_again: u64,
    /// What is missing beside their archive is to be made anew from that.
    made_anew: u64,
    /// The book that was mended last: several findings of it come one after the other.
    #[serde(skip)]
    mended_last: Option<String>,
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
pub fn run(checker: &BookChecker, ledger: &mut CatalogLedger, args: &VerifyArgs, made: &PassOptions) -> CommandResult {
    let (began, mut end, mut written) = (Instant::now(), QuickEnd::default(), Ok(()));
    let compared = StoreListing::new(checker, ledger, args.repair, made).run(&mut |finding| {
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
            PlainText(&finding.key),
            finding.detail
        )
    })
}

impl QuickEnd {
    fn add(&mut self, finding: &ListingFinding) {
        self.add_repair(finding);
        match finding.outcome {
            // It is known now, and is what its manifest says.
            _ if finding.repair == Some(ListingRepair::Recorded) => {}
            ListingFault::Missing => {
                self.missing += 1;
                self.missing_archives += u64::from(finding.part == ListingPart::Archive);
            }
            ListingFault::Damaged => self.damaged += 1,
            ListingFault::Unknown => self.unknown += 1,
            ListingFault::CouldNotCheck => self.could_not_check += 1,
        }
    }

    fn add_repair(&mut self, finding: &ListingFinding) {
        let Some(repair) = finding.repair.filter(|_| finding.barcode != self.mended_last) else {
            return;
        };
        self.mended_last.clone_from(&finding.barcode);
        self.repaired += 1;
        match repair {
            ListingRepair::Recorded => self.recorded += 1,
            ListingRepair::FetchedAgain => self.fetched_again += 1,
            ListingRepair::MadeAnew => self.made_anew += 1,
        }
    }

    /// Whatever they do not agree about, and each loss, is told by the code.
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
            counts:
                ListingCounts {
                    books,
                    ok,
                    objects,
                    no_objects,
                },
            missing,
            missing_archives,
            damaged,
            unknown,
            could_not_check,
            repaired,
            recorded,
            fetched_again,
            made_anew,
            ..
        } = self;
        let mut words = format!(
            "{books} books and {objects} objects compared: {ok} books ok, {missing} objects missing ({missing_archives} of them \
             archives), {damaged} of another size, {unknown} objects that nobody knows, {could_not_check} could not be checked"
        );
        if *no_objects > 0 {
            let _ = write!(
                words,
                "\n{no_objects} files, folders and links have names or kinds that no object has; the first are told"
            );
        }
        if *repaired > 0 {
            let _ = write!(
                words,
                "\nthe catalog was mended for {repaired} books: {recorded} are recorded as they are stored, {fetched_again} are to be \
                 fetched again, of {made_anew} what is missing beside the archive is to be made anew"
            );
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
    use ListingFault as F;
    use ListingPart as P;
    use ListingRepair as R;

    fn finding(
        barcode: &str,
        outcome: ListingFault,
        part: ListingPart,
        repair: Option<ListingRepair>,
    ) -> ListingFinding {
        ListingFinding {
            outcome,
            barcode: Some(barcode.to_owned()),
            part,
            key: String::new(),
            detail: String::new(),
            repaired: repair.is_some(),
            repair,
        }
    }

    #[test]
    fn what_is_mended_is_counted_once_a_book_and_what_remains_apart_from_it() {
        let mut end = QuickEnd::default();
        for (barcode, outcome, part, repair) in [
            ("gone", F::Missing, P::Archive, Some(R::FetchedAgain)),
            ("bare", F::Missing, P::Companion, Some(R::MadeAnew)),
            ("bare", F::Missing, P::Companion, Some(R::MadeAnew)),
            ("changed", F::Missing, P::Manifest, None),
            ("grown", F::Damaged, P::Archive, Some(R::Recorded)),
            ("cut", F::Damaged, P::Archive, None),
            ("lost", F::Unknown, P::Archive, Some(R::Recorded)),
            ("foreign", F::Unknown, P::Other, None),
            ("in work", F::CouldNotCheck, P::Archive, None),
        ] {
            end.add(&finding(barcode, outcome, part, repair));
        }
        let expected = QuickEnd {
            missing: 4,
            missing_archives: 1,
            damaged: 1,
            unknown: 1,
            could_not_check: 1,
            repaired: 4,
            recorded: 2,
            fetched_again: 1,
            made_anew: 1,
            mended_last: Some("lost".to_owned()),
            ..QuickEnd::default()
        };
        assert_eq!(end, expected);
    }

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
