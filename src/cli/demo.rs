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
use crate::cli::{load, mission, output};
use crate::daemon::RunOptions;
use crate::grin::Barcode;
use crate::lab::simulator::{AuthConfig, FaultPlan, RunningSimulator, Simulator, SimulatorConfig};
use crate::observe::{DaemonView, ProcessFigures};
use crate::pipeline::scope_of;
use crate::settings::Settings;

/// The whole pipeline against a simulated GRIN on this machine: nothing is needed, nothing leaves it.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Examples:
  grind demo
  grind demo --books 1000 --pages 20 --faults
  grind demo --dir /srv/trial --serve")]
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
    /// Let the simulated GRIN fail in every way it knows
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
        "a simulated GRIN with {} books serves at {}\n",
        args.books,
        simulator.base_url()
    ))?;
    let (settings, sources) = load::settings(&ConfigArgs { config: Some(config) })?;
    let scope = scope_of(&settings, !args.serve)
        .map_err(|error| CliError::new(ExitStatus::Config, "the work cannot be begun").because(&error))?;
    let mission = RunOptions {
        settings: settings.clone(),
        sources: Some(sources),
        scope,
        observed: args.serve,
        on_ready: Box::new(|_| {}),
    };
    let (ended, view) = mission::execute(mission, ProgressStyle::fitting())?;
    let daemon = view.daemon();
    let session = &ended.ledger.session;
    let closing = ClosingTable {
        daemon: &daemon,
        sessions_created: session.sessions_created,
        connections_opened: session.connections_opened,
        process: ProcessFigures::read(),
    };
    output::print(&format!("\n{closing}\n"))?;
    let verdict = mission::verdict(&ended, !args.serve);
    verify(&simulator, &settings)?;
    verdict
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

/// Reads every stored archive again and compares it with what the simulator made.
fn verify(simulator: &RunningSimulator, settings: &Settings) -> Result<(), CliError> {
    let root = PathBuf::from(settings.storage.url.trim_start_matches("file://"));
    let raw = root.join(&settings.storage.raw_prefix);
    let (mut same, mut wrong) = (0_u64, Vec::new());
    for barcode in simulator.barcodes() {
        match compare(simulator, &raw, &barcode) {
            Ok(()) => same += 1,
            Err(why) => wrong.push(format!("{barcode}: {why}")),
        }
    }
    output::print(&format!(
        "  {:<20}{same} of {} read again and equal to what GRIN holds\n",
        "verified",
        same + wrong.len() as u64
    ))?;
    if wrong.is_empty() {
        return Ok(());
    }
    let error = CliError::new(ExitStatus::Failed, format!("{} books are not stored", wrong.len()));
    let error = wrong.iter().take(10).fold(error, |error, why| error.cause(why.clone()));
    Err(error.advise(format!(
        "Each book's story: grind explain BARCODE --config {}",
        root.with_file_name("grind.toml").display()
    )))
}

fn compare(simulator: &RunningSimulator, raw: &Path, barcode: &Barcode) -> Result<(), String> {
    let truth = simulator.truth(barcode).ok_or("the simulator does not know it")?;
    let path = raw.join(barcode.as_str()).join(format!("{barcode}.tar.gz"));
    let mut file = fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut digest = Sha256::new();
    io::copy(&mut file, &mut digest).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    if found == truth.sha256 {
        Ok(())
    } else {
        Err("stored bytes differ from GRIN's".into())
    }
}
