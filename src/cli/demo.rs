//! `grind demo`: the whole pipeline against the simulator, and a look whether it is true.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use clap::Args;

use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::progress::{ClosingTable, ProgressStyle};
use crate::cli::{execution, load, output};
use crate::daemon::RunOptions;
use crate::lab::simulator::{AuthConfig, FaultPlan, RunningSimulator, Simulator, SimulatorConfig};
use crate::log::CountedNoun;
use crate::observe::{DaemonView, ProcessFigures};
use crate::pipeline::scope_of;
use crate::settings::Settings;
use crate::storage::StorageLayout;

/// The whole pipeline against a simulated GRIN on this machine: nothing is needed, nothing leaves it.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Books in the simulated library
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub books: u64,
    /// Pages of a book
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub pages: u32,
    /// Bytes of a page's image
    #[arg(long, value_name = "B", default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub image_bytes: u32,
    /// Let the simulated GRIN fail in every way it knows; books that it damages for good cannot be stored, and are named
    #[arg(long)]
    pub faults: bool,
    /// Where config, catalog and library go; kept at the end [default: a fresh temporary folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Leave daemon and status page up until Ctrl-C
    #[arg(long)]
    pub serve: bool,
}

/// What the demo's config says besides what the simulator writes: quick retries, and no disk reserve.
const QUICK: &str = "\
# Added by `grind demo`: a demo does not wait as long as GRIN's users do.
[retry]
base = \"100ms\"
cap = \"2s\"
attempts = 8

[storage]
disk_reserve = \"0%\"
";

/// Starts the simulator, downloads its library, and compares what was stored with what the simulator holds.
pub fn run(args: &DemoArgs) -> CommandResult {
    let folder = folder(args.dir.as_deref())?;
    let simulator = simulate(args)?;
    let config = simulator.write_config(&folder).map_err(|error| {
        CliError::new(ExitStatus::CannotCreate, "the demo's config cannot be written").because(&error)
    })?;
    let dropins = folder.join("grind.toml.d");
    fs::create_dir_all(&dropins)
        .and_then(|()| fs::write(dropins.join("demo.toml"), QUICK))
        .map_err(|error| {
            CliError::new(
                ExitStatus::CannotCreate,
                format!("cannot write into {}", dropins.display()),
            )
            .because(&error)
        })?;
    output::print(&format!(
        "a simulated GRIN with {} serves at {}\n",
        CountedNoun(args.books, "book"),
        simulator.base_url()
    ))?;
    let (settings, sources) = load::settings(&ConfigArgs { config: Some(config) })?;
    let scope = scope_of(&settings, !args.serve)
        .map_err(|error| CliError::new(ExitStatus::Config, "the work cannot be begun").because(&error))?;
    let options = RunOptions {
        settings: settings.clone(),
        sources: Some(sources),
        scope,
        step: None,
        observed: args.serve,
        on_ready: Box::new(|view| {
            if let Some(page) = view.page() {
                // Whoever closed standard output does not read the address; the demo goes on.
                drop(output::print(&format!(
                    "the daemon's page is at http://{page}/ (Ctrl-C ends the demo)\n"
                )));
            }
        }),
    };
    let (mut ended, view) = execution::execute(options, ProgressStyle::fitting())?;
    // What is missing is named by the check.
    ended.report.left.clear();
    let daemon = view.daemon();
    let session = &ended.ledger.session;
    let closing = ClosingTable {
        daemon: &daemon,
        sessions_created: session.sessions_created,
        connections_opened: session.connections_opened,
        process: ProcessFigures::read(),
    };
    output::print(&format!("\n{closing}\n"))?;
    let verdict = execution::verdict(&ended, !args.serve);
    judged(verdict, verify(&simulator, &settings))
}

/// A run that could not do its work says why; what is missing in the storage then is only what came of it.
fn judged(verdict: CommandResult, checked: CommandResult) -> CommandResult {
    // Books that failed are told by the check: those that cannot be stored are no fault.
    verdict.and(checked)
}

fn folder(wanted: Option<&Path>) -> Result<PathBuf, CliError> {
    let made = match wanted {
        Some(folder) => fs::create_dir_all(folder).map(|()| folder.to_owned()),
        None => tempfile::Builder::new()
            .prefix("grind-demo-")
            .tempdir()
            .map(tempfile::TempDir::keep),
    };
    made.map_err(|error| CliError::new(ExitStatus::CannotCreate, "the demo's folder cannot be made").because(&error))
}

fn simulate(args: &DemoArgs) -> Result<RunningSimulator, CliError> {
    let faults = if args.faults {
        FaultPlan::all()
    } else {
        FaultPlan::default()
    };
    let config = SimulatorConfig {
        books: u32::try_from(args.books).unwrap_or(u32::MAX),
        pages: args.pages,
        image_bytes: args.image_bytes.into(),
        auth: Some(AuthConfig::default()),
        faults,
        ..SimulatorConfig::default()
    };
    Simulator::start(config)
        .map_err(|error| CliError::new(ExitStatus::Unavailable, "the simulator cannot start").because(&error))
}

/// What reading every stored archive again has shown.
#[derive(Debug, Default)]
struct DemoCheck {
    /// Books whose stored archive is what GRIN holds.
    same: u64,
    /// Books that cannot be stored: the simulator damages them for good.
    by_design: Vec<String>,
    /// Books that could have been stored and are not.
    wrong: Vec<String>,
}

/// Reads every stored archive again and compares it with what the simulator made.
fn verify(simulator: &RunningSimulator, settings: &Settings) -> CommandResult {
    let root = PathBuf::from(settings.storage.url.trim_start_matches("file://"));
    let layout = StorageLayout::from_settings(settings)
        .map_err(|error| CliError::new(ExitStatus::Config, "the storage cannot be used").because(&error))?;
    let mut check = DemoCheck::default();
    for barcode in simulator.barcodes() {
        let truth = simulator.truth(&barcode);
        let damage = truth.as_ref().and_then(|truth| truth.fate.damage());
        let sha256 = truth.as_ref().map(|truth| truth.sha256.as_str());
        match (compare(sha256, &root.join(layout.raw(&barcode).as_str())), damage) {
            (Ok(()), _) => check.same += 1,
            (Err(_), Some(damage)) => check.by_design.push(format!("{barcode}: {damage}, by design")),
            (Err(why), None) => check.wrong.push(format!("{barcode}: {why}")),
        }
    }
    output::print(&check.to_string())?;
    let config = root.with_file_name("grind.toml");
    check.verdict(&config.display().to_string())
}

impl std::fmt::Display for DemoCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.same + (self.by_design.len() + self.wrong.len()) as u64;
        writeln!(
            f,
            "  {:<20}{} of {all} read again and equal to what GRIN holds",
            "verified", self.same
        )?;
        if !self.by_design.is_empty() {
            writeln!(
                f,
                "  {:<20}{}, which the simulated GRIN damages for good (--faults), cannot be stored:",
                "by design",
                books(self.by_design.len())
            )?;
        }
        for book in &self.by_design {
            writeln!(f, "  {:<20}{book}", "")?;
        }
        Ok(())
    }
}

impl DemoCheck {
    /// Done only if every book is stored that can be.
    fn verdict(&self, config: &str) -> CommandResult {
        let (by_design, wrong) = (self.by_design.len(), self.wrong.len());
        let message = match (by_design, wrong) {
            (_, 0) => return Ok(ExitStatus::Done),
            (0, _) => format!("not stored: {}", books(wrong)),
            _ => format!("not stored: {} that could be, and {by_design} by design", books(wrong)),
        };
        let named = self.wrong.iter().take(10);
        let error = named.fold(CliError::new(ExitStatus::Failed, message), |error, why| {
            error.cause(why.clone())
        });
        Err(error.advise(format!(
            "The exit code is 0 only if every book is stored that can be. Each book's history: grind explain BARCODE --config {config}"
        )))
    }
}

fn books(count: usize) -> String {
    CountedNoun(count as u64, "book").to_string()
}

fn compare(sha256: Option<&str>, path: &Path) -> Result<(), String> {
    let sha256 = sha256.ok_or("the simulator does not know it")?;
    let mut file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut digest = Sha256::new();
    io::copy(&mut file, &mut digest).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    if found == sha256 {
        Ok(())
    } else {
        Err("stored bytes differ from GRIN's".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_is_done_that_stored_all_that_can_be() {
        let book = |text: &str| vec![text.to_owned()];
        let cases = [
            (vec![], vec![], None),
            (book("A: wrong-passphrase, by design"), vec![], None),
            (vec![], book("B: gone"), Some("not stored: 1 book\n")),
            (
                book("A: wrong-passphrase, by design"),
                book("B: gone"),
                Some("not stored: 1 book that could be, and 1 by design"),
            ),
        ];
        for (by_design, wrong, words) in cases {
            let check = DemoCheck {
                same: 5,
                by_design,
                wrong,
            };
            match (check.verdict("c"), words) {
                (Ok(exit), None) => assert_eq!(exit, ExitStatus::Done),
                (Err(error), Some(words)) => {
                    assert_eq!(error.exit(), ExitStatus::Failed);
                    assert!(error.to_string().contains(words), "{error}");
                }
                (ended, words) => panic!("{words:?}: {ended:?}"),
            }
        }
    }

    #[test]
    fn a_run_that_failed_as_a_whole_is_not_told_as_books_that_are_missing() {
        use ExitStatus as E;
        let error = |exit| Err(CliError::new(exit, "x"));
        for (verdict, checked, exit) in [
            (Ok(E::Done), Ok(E::Done), E::Done),
            (Ok(E::Failed), Ok(E::Done), E::Done),
            (Ok(E::Failed), error(E::Failed), E::Failed),
            (error(E::Internal), error(E::Failed), E::Internal),
            (error(E::NotPermitted), error(E::Failed), E::NotPermitted),
            (error(E::Internal), Ok(E::Done), E::Internal),
        ] {
            let given = format!("{verdict:?}, {checked:?}");
            let ended = judged(verdict, checked);
            assert_eq!(ended.unwrap_or_else(|error| error.exit()), exit, "{given}");
        }
    }
}
