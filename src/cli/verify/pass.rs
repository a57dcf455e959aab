//! One pass over the books that are meant: each is checked, recorded and told before the next one.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalog::{
    BookToCheck, CatalogLedger, CheckCursor, CheckPurpose, CheckSelection, CopySettlement, CountToCheck, ListToCheck,
    SettleCopy,
};
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;
use crate::cli::verify::VerifyArgs;
use crate::grin::Barcode;
use crate::pipeline::{BookCheck, BookChecker, CheckStop, ObjectFinding};
use crate::vocabulary::{FixityLevel, FixityOutcome};

/// Books read from the catalog at a time.
const BOOKS: u64 = 100;
/// A sample passes over books that could not be checked within so long, where there are enough others: else it would come to these each
/// time, as nothing was learnt of them.
const TRIED_LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often a person is told how far it is.
const TELL: Duration = Duration::from_secs(30);

/// What a pass came to; the summary in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerifyEnd {
    /// Books that were looked at.
    pub books: u64,
    /// All objects are what was stored.
    pub ok: u64,
    /// An object is something else.
    pub damaged: u64,
    /// An object is not in the storage.
    pub missing: u64,
    /// Of an object nothing could be said.
    pub could_not_check: u64,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// No book was left out, because of a signal or of a storage that went away.
    pub complete: bool,
    /// With this in `--older-than` a pass that was cut goes on; empty of a second copy, of whose reading nothing is recorded.
    pub before: String,
    /// Why it ended before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// And this in `--sample`: books of the sample that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<u64>,
}

/// One book in JSON.
#[derive(Serialize)]
struct BookLine<'a> {
    barcode: &'a str,
    outcome: FixityOutcome,
    level: FixityLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    bytes: u64,
    findings: Vec<ObjectFinding<'a>>,
}

/// The last line in JSON.
#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: &'a VerifyEnd,
}

/// A pass under way.
pub struct VerifyPass<'a> {
    ledger: &'a mut CatalogLedger,
    checker: BookChecker,
    selection: CheckSelection,
    json: bool,
    /// It is the second copy that is read.
    of_copy: bool,
    /// Books that are still to be looked at.
    left: u64,
    /// They are not all that are meant.
    is_sample: bool,
    /// Named books of which nothing was seen yet.
    unseen: BTreeSet<Barcode>,
    end: VerifyEnd,
    began: Instant,
    told: Instant,
}

impl<'a> VerifyPass<'a> {
    pub fn begin(
        ledger: &'a mut CatalogLedger,
        checker: BookChecker,
        selection: CheckSelection,
        args: &VerifyArgs,
    ) -> Result<Self, CliError> {
        let counted = ledger
            .execute(CountToCheck(selection.clone()))
            .map_err(|error| reading::refused(&error))?;
        let left = args.sample.map_or(counted.books, |sample| sample.of(counted.books));
        let selection = if args.sample.is_some() && !args.copy {
            without_tried(ledger, selection, left)?
        } else {
            selection
        };
        let before = selection.before.unwrap_or(Timestamp::MAX).to_string();
        tracing::info!(books = left, before, "reading stored books again");
        // An age, or what is not proven, says which of the named books are meant.
        let is_plain = args.sample.is_none() && args.older_than.is_none() && !args.unverified;
        let named = selection.barcodes.iter().flatten().filter(|_| is_plain);
        Ok(Self {
            ledger,
            checker,
            json: args.json,
            of_copy: args.copy,
            left,
            is_sample: args.sample.is_some(),
            unseen: named.cloned().collect(),
            selection,
            end: VerifyEnd {
                before: if args.copy { String::new() } else { before },
                complete: true,
                ..VerifyEnd::default()
            },
            began: Instant::now(),
            told: Instant::now(),
        })
    }

    /// Checks one book after another.
    pub fn run(mut self) -> Result<VerifyEnd, CliError> {
        let mut after = CheckCursor::default();
        while self.left > 0 {
            let list = ListToCheck {
                selection: self.selection.clone(),
                after: after.clone(),
                limit: usize::try_from(self.left.min(BOOKS)).unwrap_or(1),
            };
            let books = self.ledger.execute(list).map_err(|error| reading::refused(&error))?;
            let Some(last) = books.last() else { break };
            after.clone_from(&last.cursor);
            for book in &books {
                match self.check(book) {
                    Ok(check) => self.tell(&check?)?,
                    Err(stop) => return Ok(self.stopped(&stop)),
                }
            }
        }
        for barcode in std::mem::take(&mut self.unseen) {
            let why = "the catalog knows nothing that is stored of it";
            self.tell(&BookCheck::impossible(barcode.as_str(), self.checker.level, "", why))?;
        }
        Ok(self.ended())
    }

    /// Checks a book and records it; once more where it was stored anew meanwhile.
    fn check(&mut self, book: &BookToCheck) -> Result<Result<BookCheck, CliError>, CheckStop> {
        if let Some(barcode) = &book.recorded.barcode {
            self.unseen.remove(barcode);
        }
        self.left -= 1;
        let check = self.checker.check(book)?;
        if self.of_copy {
            return Ok(self.seen_copy(book, check));
        }
        match self.ledger.execute(check.record(book)) {
            Ok(true) => return Ok(Ok(check)),
            Ok(false) => {}
            Err(error) => return Ok(Err(reading::refused(&error))),
        }
        let again = ListToCheck {
            selection: CheckSelection {
                barcodes: Some(book.recorded.barcode.iter().cloned().collect()),
                ..CheckSelection::default()
            },
            after: CheckCursor::default(),
            limit: 1,
        };
        let book = match self.ledger.execute(again) {
            Ok(books) => books.into_iter().next(),
            Err(error) => return Ok(Err(reading::refused(&error))),
        };
        let Some(book) = book else {
            return Ok(Ok(in_change(&check)));
        };
        let again = self.checker.check(&book)?;
        Ok(match self.ledger.execute(again.record(&book)) {
            Ok(true) => Ok(again),
            Ok(false) => Ok(in_change(&again)),
            Err(error) => Err(reading::refused(&error)),
        })
    }

    /// The evidence in the catalog is about the storage. A copy that is not sound is made anew.
    fn seen_copy(&mut self, book: &BookToCheck, check: BookCheck) -> Result<BookCheck, CliError> {
        if !check.outcome().is_unsound() {
            return Ok(check);
        }
        let error = format!("it was found {} in the second place", check.outcome());
        let settle = SettleCopy {
            book: book.recorded.id,
            stored_at: book.recorded.stored_at.clone(),
            settlement: CopySettlement::Retry {
                wait: Duration::ZERO,
                error,
            },
        };
        match self.ledger.execute(settle) {
            Ok(true) => Ok(check),
            Ok(false) => Ok(in_change(&check)),
            Err(error) => Err(reading::refused(&error)),
        }
    }

    fn tell(&mut self, check: &BookCheck) -> Result<(), CliError> {
        self.end.add(check);
        let outcome = check.outcome();
        write_to(&mut std::io::stdout().lock(), |out| {
            if self.json {
                let line = BookLine {
                    barcode: &check.barcode,
                    outcome,
                    level: check.level,
                    sha256: check.sha256.as_deref(),
                    bytes: check.bytes,
                    findings: check.findings(),
                };
                serde_json::to_writer(&mut *out, &line)?;
                return writeln!(out);
            }
            let mut findings = check.findings().into_iter();
            findings.try_for_each(
                |ObjectFinding {
                     key, outcome, detail, ..
                 }| { writeln!(out, "{outcome}\t{}\t{key}\t{detail}", check.barcode) },
            )
        })?;
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            tracing::info!(books = self.end.books, left = self.left, "books read again so far");
        }
        Ok(())
    }

    fn stopped(mut self, stop: &CheckStop) -> VerifyEnd {
        self.end.complete = false;
        // The book that was being read is one of them.
        self.end.rest = self.is_sample.then_some(self.left + 1);
        self.end.stopped_by = Some(stop.to_string());
        self.ended()
    }

    fn ended(self) -> VerifyEnd {
        VerifyEnd {
            seconds: self.began.elapsed().as_secs_f64(),
            ..self.end
        }
    }
}

/// It was stored anew each time it was looked at.
fn in_change(check: &BookCheck) -> BookCheck {
    BookCheck::impossible(&check.barcode, check.level, "", "the book is being stored anew")
}

/// What is meant, without what was tried in vain lately if that leaves a whole sample.
fn without_tried(ledger: &mut CatalogLedger, meant: CheckSelection, sample: u64) -> Result<CheckSelection, CliError> {
    let selection = CheckSelection {
        purpose: CheckPurpose::Due(Timestamp::now() - TRIED_LATELY),
        ..meant.clone()
    };
    let counted = ledger.execute(CountToCheck(selection.clone()));
    let counted = counted.map_err(|error| reading::refused(&error))?;
    Ok(if counted.books < sample { meant } else { selection })
}

impl VerifyEnd {
    fn add(&mut self, check: &BookCheck) {
        self.books += 1;
        self.bytes += check.bytes;
        match check.outcome() {
            FixityOutcome::Ok => self.ok += 1,
            FixityOutcome::CouldNotCheck => self.could_not_check += 1,
            FixityOutcome::Missing => self.missing += 1,
            FixityOutcome::Damaged => self.damaged += 1,
        }
    }

    /// Books of which this came.
    fn of(&self, outcome: FixityOutcome) -> u64 {
        match outcome {
            FixityOutcome::Ok => self.ok,
            FixityOutcome::CouldNotCheck => self.could_not_check,
            FixityOutcome::Missing => self.missing,
            FixityOutcome::Damaged => self.damaged,
        }
    }

    /// Damage and loss are told before all else.
    fn exit(&self) -> ExitStatus {
        if self.damaged + self.missing > 0 {
            ExitStatus::Failed
        } else if self.could_not_check > 0 || !self.complete {
            ExitStatus::UNCHECKED
        } else {
            ExitStatus::Done
        }
    }

    /// Says what it came to, with its exit code.
    pub fn said(&self, args: &VerifyArgs) -> CommandResult {
        write_to(&mut std::io::stdout().lock(), |out| {
            if args.json {
                serde_json::to_writer(&mut *out, &SummaryLine { summary: self })?;
                return writeln!(out);
            }
            writeln!(out, "{}", self.in_words())
        })?;
        Ok(self.exit())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a speed needs no 53 bits"
    )]
    fn in_words(&self) -> String {
        let books = self.books;
        let counts: Vec<_> = FixityOutcome::ALL
            .iter()
            .map(|outcome| format!("{} {}", self.of(*outcome), outcome.as_str().replace('_', " ")))
            .collect();
        let speed = (self.bytes as f64 / self.seconds.max(0.001)) as u64;
        let mut words = format!(
            "{books} books read again ({}, {} a second): {}",
            ByteSize(self.bytes).display().iec(),
            ByteSize(speed).display().iec(),
            counts.join(", "),
        );
        if let Some(why) = self.stopped_by.as_ref().filter(|_| self.before.is_empty()) {
            words = [words, format!("stopped before the end: {why}")].join("\n");
        } else if let Some(why) = &self.stopped_by {
            let how = format!(
                "The same command with --older-than {}{} goes on where it was.",
                self.before,
                self.rest
                    .map_or_else(String::new, |rest| format!(" and --sample {rest}"))
            );
            words = [words, format!("stopped before the end: {why}"), how].join("\n");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_the_worst() {
        let end = |damaged, missing, could_not_check, complete| VerifyEnd {
            damaged,
            missing,
            could_not_check,
            complete,
            ..VerifyEnd::default()
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
