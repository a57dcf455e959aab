//! One pass over the chosen books: each is packed and told before the next one.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use serde::Serialize;

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::packages::stopped;
use crate::grin::Barcode;
use crate::log::CountedNoun;
use crate::pipeline::{BookPacker, PackageError, PackageOutcome, PackedBook};

/// How often a person is told how far it is.
const TELL: Duration = Duration::from_secs(30);

/// What a pass came to; the summary in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct PackageEnd {
    /// Books that were asked for.
    books: u64,
    /// Packages that are new.
    made: u64,
    /// OCFL objects that got another version.
    version_added: u64,
    /// Packages that were there already.
    unchanged: u64,
    /// Books that are in no package.
    failed: u64,
    /// Bytes copied.
    bytes: u64,
    /// How long it took.
    seconds: f64,
    /// No book was left out because of a signal.
    complete: bool,
}

/// One book in JSON.
#[derive(Serialize)]
struct PackageLine<'a> {
    barcode: &'a Barcode,
    /// `made`, `version_added`, `unchanged` or `failed`.
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    bytes: u64,
    /// Why it failed, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The last line in JSON.
#[derive(Serialize)]
struct PackageSummary<'a> {
    summary: &'a PackageEnd,
}

/// A pass under way.
pub struct PackagePass<'a> {
    packer: &'a BookPacker,
    json: bool,
    end: PackageEnd,
    began: Instant,
    told: Instant,
}

impl<'a> PackagePass<'a> {
    pub fn begin(packer: &'a BookPacker, json: bool) -> Self {
        Self {
            packer,
            json,
            end: PackageEnd::default(),
            began: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Packs one book after another. A book that cannot be packed is named and holds no other up; what stops all, stops all.
    pub fn run(mut self, books: &[Barcode]) -> CommandResult {
        self.end.books = books.len() as u64;
        tracing::info!(books = self.end.books, "exporting stored books");
        for barcode in books {
            match self.pack(barcode) {
                Err(PackageError::Cut) => return self.ended(false),
                Err(error) if error.of_book().is_none() => return Err(self.broken_off(barcode, error)),
                packed => self.tell(barcode, &packed)?,
            }
        }
        self.ended(true)
    }

    fn pack(&mut self, barcode: &Barcode) -> Result<PackedBook, PackageError> {
        let Self { packer, end, told, .. } = self;
        let mut copied = 0;
        let mut progress = |bytes| {
            copied += bytes;
            if told.elapsed() >= TELL {
                *told = Instant::now();
                let done = end.made + end.version_added + end.unchanged + end.failed;
                let bytes = end.bytes + copied;
                tracing::info!(%barcode, done, of = end.books, bytes, "books exported so far");
            }
        };
        packer.pack(barcode, &mut progress)
    }

    fn tell(&mut self, barcode: &Barcode, packed: &Result<PackedBook, PackageError>) -> Result<(), CliError> {
        self.end.add(packed);
        write_to(&mut std::io::stdout().lock(), |out| match (packed, self.json) {
            (packed, true) => {
                serde_json::to_writer(&mut *out, &PackageLine::of(barcode, packed))?;
                writeln!(out)
            }
            (Ok(PackedBook { path, .. }), false) => writeln!(out, "{}\t{barcode}\t{}", word(packed), path.display()),
            (Err(error), false) => writeln!(out, "{}\t{barcode}\t{error}", word(packed)),
        })
    }

    fn broken_off(self, barcode: &Barcode, error: PackageError) -> CliError {
        let done = self.end.made + self.end.version_added + self.end.unchanged;
        stopped(error).cause(format!(
            "stopped at {barcode}, after {}; the same command goes on there",
            CountedNoun(done, "package")
        ))
    }

    fn ended(mut self, complete: bool) -> CommandResult {
        self.end.complete = complete;
        self.end.seconds = self.began.elapsed().as_secs_f64();
        write_to(&mut std::io::stdout().lock(), |out| {
            if self.json {
                serde_json::to_writer(&mut *out, &PackageSummary { summary: &self.end })?;
                return writeln!(out);
            }
            writeln!(out, "{}", self.end.in_words())
        })?;
        Ok(self.end.exit())
    }
}

/// What became of a book, as a word.
fn word(packed: &Result<PackedBook, PackageError>) -> &'static str {
    match packed.as_ref().map(|packed| packed.outcome) {
        Ok(PackageOutcome::Made) => "made",
        Ok(PackageOutcome::VersionAdded) => "version_added",
        Ok(PackageOutcome::Unchanged) => "unchanged",
        Err(_) => "failed",
    }
}

impl<'a> PackageLine<'a> {
    fn of(barcode: &'a Barcode, packed: &'a Result<PackedBook, PackageError>) -> Self {
        let (there, error) = (packed.as_ref().ok(), packed.as_ref().err());
        Self {
            barcode,
            outcome: word(packed),
            path: there.map(|there| there.path.as_path()),
            version: there.and_then(|there| there.version.as_deref()),
            bytes: there.map_or(0, |there| there.bytes),
            reason: error.and_then(PackageError::of_book),
            detail: error.map(ToString::to_string),
        }
    }
}

impl PackageEnd {
    fn add(&mut self, packed: &Result<PackedBook, PackageError>) {
        let Ok(PackedBook { outcome, bytes, .. }) = packed else {
            self.failed += 1;
            return;
        };
        self.bytes += bytes;
        match outcome {
            PackageOutcome::Made => self.made += 1,
            PackageOutcome::VersionAdded => self.version_added += 1,
            PackageOutcome::Unchanged => self.unchanged += 1,
        }
    }

    /// Each book that was asked for is in a package, or the answer is no.
    fn exit(&self) -> ExitStatus {
        if self.failed == 0 && self.complete {
            ExitStatus::Done
        } else {
            ExitStatus::Failed
        }
    }

    fn in_words(&self) -> String {
        let Self {
            books,
            made,
            version_added,
            unchanged,
            failed,
            bytes,
            ..
        } = self;
        let copied = ByteSize(*bytes).display().iec();
        let counts =
            format!("{made} made, {version_added} got another version, {unchanged} unchanged, {failed} failed");
        let stopped = match self.complete {
            true => "",
            false => "\nstopped by a signal before the end; the same command goes on there",
        };
        format!(
            "{} asked for: {counts}; {copied} copied{stopped}",
            CountedNoun(*books, "book")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_whether_each_book_is_in_a_package() {
        let end = |made, failed, complete| PackageEnd {
            made,
            failed,
            complete,
            ..PackageEnd::default()
        };
        for (end, code) in [
            (end(0, 0, true), 0),
            (end(2, 0, true), 0),
            (end(2, 1, true), 1),
            (end(2, 0, false), 1),
        ] {
            assert_eq!(end.exit().code(), code, "{end:?}");
        }
    }
}
