//! `grind bench`: measures, and writes a report.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output;
use crate::lab::bench::rig::serve;
use crate::lab::bench::{BenchEffort, BenchError, BenchReport, can_be_written, pipeline, sessions, state};

/// Measures what the project claims, each way beside its alternative in one run, and writes a report with tables and plots
///
/// Nothing leaves the machine: servers, distance and libraries are simulated. Every run goes several rounds in alternating
/// order, gives medians with their spread, and calls nothing a difference that is smaller than the spread.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Clone, Subcommand)]
enum Bench {
    /// A new HTTP session for every request against the session owner
    ///
    /// HEAD and small GET per book, plain and TLS, 1 to 50 workers, closed and open loop, without and with distance; the
    /// estimated figures beside the measured ones.
    Sessions(SessionsArgs),
    /// The whole main job, at several sizes and with several workers, beside the shell's way
    ///
    /// Books and megabytes a second, CPU, peak memory, the share of each stage; the same books in the same run by curl, gpg,
    /// tee, tar, sha256sum and md5sum; and the job without bodies for large libraries.
    Pipeline(PipelineArgs),
    /// A state store: a new client for every request against the session owner
    ///
    /// Each user makes a cart, reads and changes it 20 times and takes it away; 1 to 15 users, against a simulated Dapr
    /// sidecar.
    State(StateArgs),
    /// The server and relays that `bench sessions` measures against
    #[command(hide = true)]
    Serve(ServeArgs),
}

#[derive(Debug, Clone, Args)]
struct SessionsArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Seconds of one measurement [default: 1, with --quick 0.4]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<f64>,
}

#[derive(Debug, Clone, Args)]
struct PipelineArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Measure one library of so many books instead of the usual ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    books: Option<u32>,
    /// Bytes of an archive of that library, about
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    book_bytes: Option<u64>,
    /// Octets hashed by the key derivation of that library; gpg's own count is 65011712
    #[arg(long, value_name = "N")]
    s2k_count: Option<u32>,
    /// Books of a run without bodies instead of the usual numbers (repeatable)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    scaling: Vec<u32>,
    /// Where libraries and stores are made [default: a fresh folder in /dev/shm]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
struct StateArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Seconds of one measurement [default: 1, with --quick 0.4]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<f64>,
    /// Milliseconds that the store takes for an answer (repeatable) [default: 0 and 5]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=60_000))]
    delay_ms: Vec<u64>,
}

/// What all benches take.
#[derive(Debug, Clone, Args)]
struct CommonArgs {
    /// Where report.html, report.json, report.md and the plots go [default: bench-NAME in this folder]
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// A small part of everything
    #[arg(long)]
    quick: bool,
    /// Compare ratios with the bounds kept with the program; exit code 1 when one is missed
    #[arg(long)]
    check: bool,
    /// Rounds, in alternating order; fewer than five show nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: Option<u16>,
    /// Measure only what is named like this, as in the report: "TLS, 20 ms", "HEADs only", "S2K 65536"
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct ServeArgs {
    /// Where the certificate authority is written
    #[arg(long, value_name = "DIR")]
    certificates: PathBuf,
    /// Serve so far away as well (repeatable)
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=60_000))]
    round_trip_ms: Vec<u64>,
}

/// Measures what was asked for.
pub fn run(args: &BenchArgs) -> CommandResult {
    match &args.bench {
        Bench::Sessions(args) => measured("sessions", &args.common, || {
            sessions::run(&args.common.effort(args.seconds))
        }),
        Bench::Pipeline(args) => measured("pipeline", &args.common, || {
            pipeline::run(&args.common.effort(None), &args.options())
        }),
        Bench::State(args) => measured("state", &args.common, || {
            let options = state::StateBenchOptions {
                delays: args.delay_ms.clone(),
            };
            state::run(&args.common.effort(args.seconds), &options)
        }),
        Bench::Serve(args) => serve::run(&args.certificates, &args.round_trip_ms)
            .map(|()| ExitStatus::Done)
            .map_err(failed),
    }
}

/// Looks for a place for the report, measures, and concludes.
fn measured(
    bench: &str,
    common: &CommonArgs,
    measure: impl FnOnce() -> Result<BenchReport, BenchError>,
) -> CommandResult {
    let folder = common
        .report
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("bench-{bench}")));
    can_be_written(&folder).map_err(|error| unwritten(&error))?;
    let report = measure().map_err(failed)?;
    conclude(&report, &folder, common)
}

/// Shows the report, writes it, and holds it against the bounds if asked to.
fn conclude(report: &BenchReport, folder: &Path, common: &CommonArgs) -> CommandResult {
    // Whatever becomes of one of the two, the other is there.
    let shown = output::print(&format!("{}\n", report.markdown()));
    report.write(folder).map_err(|error| unwritten(&error))?;
    shown?;
    output::print(&format!("written to {}\n", folder.display()))?;
    if !common.check {
        return Ok(ExitStatus::Done);
    }
    let checked = report.check().map_err(failed)?;
    output::print(&format!(
        "{} ratios compared with their bounds, {} missed\n",
        checked.compared,
        checked.missed.len()
    ))?;
    if checked.missed.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let error = CliError::new(ExitStatus::Failed, "ratios are out of bounds");
    let error = checked.missed.into_iter().fold(error, CliError::cause);
    Err(error.advise("If that is meant to be so, change tests/bench_bounds.toml and say why."))
}

fn unwritten(error: &BenchError) -> CliError {
    CliError::new(ExitStatus::CannotCreate, "the report cannot be written")
        .because(error)
        .advise("Name another folder with --report.")
}

fn failed(error: BenchError) -> CliError {
    CliError::new(ExitStatus::Internal, "the measurement was broken off").because(&error)
}

impl PipelineArgs {
    fn options(&self) -> pipeline::PipelineBenchOptions {
        pipeline::PipelineBenchOptions {
            books: self.books,
            book_bytes: self.book_bytes,
            s2k_count: self.s2k_count,
            dir: self.dir.clone(),
            scaling: self.scaling.clone(),
        }
    }
}

impl CommonArgs {
    fn effort(&self, seconds: Option<f64>) -> BenchEffort {
        BenchEffort {
            quick: self.quick,
            rounds: self.rounds.map(usize::from),
            seconds,
            only: self.only.clone(),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().map_err(|_| format!("{text:?} is no number"))?;
    let fits = (0.01..=3_600.0).contains(&seconds);
    fits.then_some(seconds)
        .ok_or_else(|| "between 0.01 and 3600 seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    #[test]
    fn what_cannot_be_measured_is_wrong_usage() {
        let parsed = |line: &str| Line::try_parse_from(std::iter::once("bench").chain(line.split(' ')));
        assert!(parsed("sessions --quick --check --rounds 3 --seconds 0.2 --report d").is_ok());
        for line in ["", "sessions --seconds 0", "sessions --rounds 0", "weather"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
