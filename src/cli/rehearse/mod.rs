//! `grind rehearse`: GRIN is met for the first time with a few requests, nothing is stored, and nothing asked for conversion.

mod archive;
mod lists;
mod step;

use std::path::Path;

use clap::Args;

use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::first_contact::{GrinContact, SummaryVerdict, speaks_for_itself_alone};
use crate::cli::grin_line::GrinLine;
use crate::cli::rehearse::step::{RehearsalStep, exit_of};
use crate::cli::{grin_line, load, output};
use crate::grin::{Barcode, FileName, ListKind, ListRow};
use crate::pipeline::archive_options;
use crate::settings::Settings;

/// Requests at most, redirects and repeats counted.
const REQUESTS: u64 = 30;
/// Requests that one question may come to, with its redirects.
const OF_ONE: u64 = 6;
/// Bytes of an archive's first and last part.
const PART: u64 = 1 << 20;
/// Books that are searched for.
const SEARCHED: usize = 5;

/// `grind rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Asks, and says of each answer what was recognised.
pub fn run(args: &RehearseArgs) -> CommandResult {
    let settings = load::settings(&args.config)?.0;
    grin_line::with(grin_line::config(&settings)?, async |line: &GrinLine| {
        let mut rehearsal = Rehearsal {
            contact: GrinContact::new(line, &settings)?,
            settings: &settings,
            steps: Vec::new(),
            rows: Vec::new(),
            of_summary: None,
        };
        rehearsal.sign_in().await?;
        rehearsal.lists().await?;
        rehearsal.search().await?;
        rehearsal.archive().await?;
        rehearsal.conclude()
    })
}

struct Rehearsal<'a> {
    contact: GrinContact<'a>,
    settings: &'a Settings,
    steps: Vec<RehearsalStep>,
    /// Rows of the lists, archives that are ready first.
    rows: Vec<ListRow>,
    /// What it would mean that there is no summary.
    of_summary: Option<ExitStatus>,
}

impl Rehearsal<'_> {
    /// Prints a step as soon as it is known, for a slow GRIN.
    fn note(&mut self, step: RehearsalStep) -> Result<(), CliError> {
        output::print(&step.to_string())?;
        self.steps.push(step);
        Ok(())
    }

    fn asked(&self) -> u64 {
        let counts = self.contact.line.session.counters().snapshot().requests;
        counts.iter().map(|count| count.count).sum()
    }

    /// Whether another question may be asked; where not, it is said.
    fn may_ask(&mut self, what: &str) -> Result<bool, CliError> {
        let may = self.asked() + OF_ONE <= REQUESTS;
        if !may {
            let why = format!("no more than {REQUESTS} requests are made");
            self.note(RehearsalStep::left_out(what, &why))?;
        }
        Ok(may)
    }

    /// Without a sign-in nothing else can be seen. The daemon never asks for the summary: what is not understood of it keeps from nothing.
    async fn sign_in(&mut self) -> Result<(), CliError> {
        const WHAT: &str = "the summary of the directory";
        let missing = match self.contact.summary().await {
            Ok(answer) => SummaryVerdict::of(&answer).into_error(&answer),
            Err(error) if speaks_for_itself_alone(&error) => Some(grin_line::failed(&error)),
            Err(error) => return Err(grin_line::failed(&error)),
        };
        let Some(error) = missing else {
            let seen = format!("{WHAT}: GRIN accepts the sign-in");
            return self.note(RehearsalStep::recognised(seen, ""));
        };
        self.of_summary = Some(error.exit());
        let seen = format!("{WHAT}: {}", error.in_one_line());
        self.note(RehearsalStep::not_recognised(seen, "The daemon does not ask for it."))
    }

    async fn lists(&mut self) -> Result<(), CliError> {
        for kind in ListKind::ALL {
            for form in kind.forms() {
                let what = format!("{kind} as {form}");
                if !self.may_ask(&what)? {
                    continue;
                }
                let step = match self.contact.list(kind, form).await {
                    Ok(sample) => {
                        let step = lists::list(&sample);
                        let at = if kind == ListKind::Converted {
                            0
                        } else {
                            self.rows.len()
                        };
                        self.rows.splice(at..at, sample.rows);
                        step
                    }
                    Err(error) => RehearsalStep::of_error(&what, &error),
                };
                self.note(step)?;
            }
        }
        Ok(())
    }

    async fn search(&mut self) -> Result<(), CliError> {
        const WHAT: &str = "_barcode_search";
        let mut asked: Vec<Barcode> = Vec::with_capacity(SEARCHED);
        for row in &self.rows {
            if asked.len() < SEARCHED && !asked.contains(&row.barcode) {
                asked.push(row.barcode.clone());
            }
        }
        if asked.is_empty() {
            return self.note(RehearsalStep::left_out(WHAT, "no list names a book"));
        }
        if !self.may_ask(WHAT)? {
            return Ok(());
        }
        let step = match self.contact.search(&asked).await {
            Ok(answer) => lists::search(&answer, &asked, self.contact.line.session.diagnostics()),
            Err(error) => RehearsalStep::of_error(WHAT, &error),
        };
        self.note(step)
    }

    async fn archive(&mut self) -> Result<(), CliError> {
        const WHAT: &str = "an archive";
        let Some(name) = self.rows.iter().find_map(|row| row.file_name.clone()) else {
            return self.note(RehearsalStep::left_out(WHAT, "GRIN has none ready"));
        };
        if !self.may_ask(WHAT)? {
            return Ok(());
        }
        let headers = self.contact.head(&name).await;
        self.note(archive::head(&name, &headers))?;
        if self.may_ask(WHAT)? {
            self.parts(&name).await?;
        }
        Ok(())
    }

    async fn parts(&mut self, name: &FileName) -> Result<(), CliError> {
        let options = archive_options(self.settings).map_err(|unusable| {
            CliError::new(ExitStatus::Config, "archives cannot be opened with this configuration").because(&unusable)
        })?;
        let first = match self.contact.part(name, 0, PART - 1).await {
            Ok(first) => first,
            Err(error) => {
                let what = format!("the first {PART} bytes of {name}");
                return self.note(archive::no_part(&what, &error));
            }
        };
        self.note(archive::first_part(name, &first, &options))?;
        let what = format!("the last bytes of {name}");
        let Some(total) = archive::total_of(&first) else {
            return self.note(archive::no_total(&what));
        };
        if !self.may_ask(&what)? {
            return Ok(());
        }
        let step = match self
            .contact
            .part(name, total.saturating_sub(PART), total.saturating_sub(1))
            .await
        {
            Ok(last) => archive::last_part(name, &last, total),
            Err(error) => archive::no_part(&what, &error),
        };
        self.note(step)
    }

    fn conclude(&self) -> CommandResult {
        let exit = exit_of(&self.steps, self.of_summary);
        let is_to_report = self.steps.iter().any(RehearsalStep::is_unrecognised);
        let folder = self.contact.line.session.diagnostics().folder();
        let asked = self.asked();
        output::print(&format!(
            "\n{}{asked} requests were made; no book was stored, and nothing asked for conversion.\n",
            verdict(exit, is_to_report, folder)
        ))?;
        Ok(exit)
    }
}

/// What came of it. The lines of the steps name books: what is to be sent is the bundle.
fn verdict(exit: ExitStatus, is_to_report: bool, folder: Option<&Path>) -> String {
    let came_of_it = match (exit, is_to_report) {
        (ExitStatus::Done, false) => "Everything that was looked at was recognised.",
        (_, true) => "Something was not recognised.",
        (_, false) => "Not everything could be looked at.",
    };
    let folder = folder.map_or_else(String::new, |folder| format!(" in {}", folder.display()));
    match is_to_report {
        true => format!(
            "{came_of_it} What could be kept of it is{folder}. To report it, run `grind support-bundle` as you ran this: it packs that with \
             other letters for barcodes and titles. The lines above name books, and are for you alone.\n"
        ),
        false => format!("{came_of_it} "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_reported_is_the_bundle_and_never_the_lines() {
        let folder = Path::new("/var/lib/grind/diagnostics");
        for (exit, is_to_report, begins) in [
            (
                ExitStatus::Done,
                false,
                "Everything that was looked at was recognised. ",
            ),
            (ExitStatus::Failed, true, "Something was not recognised. What"),
            (ExitStatus::NotPermitted, true, "Something was not recognised. What"),
            (ExitStatus::Unavailable, false, "Not everything could be looked at. "),
        ] {
            let said = verdict(exit, is_to_report, Some(folder));
            assert!(said.starts_with(begins) && !said.contains("report the lines"), "{said}");
            for words in ["`grind support-bundle`", "/var/lib/grind/diagnostics", "for you alone"] {
                assert_eq!(said.contains(words), is_to_report, "{said}");
            }
        }
    }
}
