//! Room `cli`: one file a command.

pub mod args;
pub mod auth;
pub mod barcodes;
pub mod bench;
pub mod check_config;
mod command;
pub mod demo;
mod docs;
pub mod error;
pub mod exit;
pub mod explain;
pub mod export;
pub(crate) mod frame;
pub mod import;
pub mod load;
pub mod log;
mod mission;
pub mod output;
pub mod parse;
pub mod progress;
mod reading;
pub mod report;
pub mod run;
pub mod simulate;
mod status;
pub mod step;
mod top;

use std::io::{StdoutLock, Write};

use clap::Parser;

use args::ConfigArgs;
use check_config::CheckConfig;
pub use command::{Cli, Command};
use error::{CliError, Outcome};
use exit::Exit;
use parse::{ParseArgs, ParseOutcome};
use simulate::SimulateArgs;
use step::Step;

/// Version and commit, as `--version` shows them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("GRIND_COMMIT"), ")");
/// The commit this was built from, or `unknown`.
pub const COMMIT: &str = env!("GRIND_COMMIT");

/// Reads the command line. `Err` is the end of the program: help or version (0), or wrong usage (2), printed already.
pub fn parse() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|answer| {
        // Whoever reads our help may close it early.
        drop(answer.print());
        if answer.exit_code() == 0 {
            Exit::Done
        } else {
            Exit::Usage
        }
    })
}

/// Does what was asked for.
pub fn run(cli: &Cli) -> Outcome {
    // The level of the command line counts until the config is read.
    if let Err(error) = log::start(cli.log.level("info"), log::LogFormat::Auto) {
        return Err(CliError::new(Exit::Usage, "the log cannot be started").because(&error));
    }
    match &cli.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Auth(args) => auth::run(args),
        Command::CheckConfig(args) => check_config(args),
        Command::Simulate(args) => simulate(args),
        Command::Collect(args) => step::run(Step::Collect, args),
        Command::Enrich(args) => step::run(Step::Enrich, args),
        Command::Convert(args) => step::run(Step::Convert, args),
        Command::Sync(args) => step::run(Step::Sync, args),
        Command::Explain(args) => with_catalog(&args.config, |url, out| explain::run(args, url, out)),
        Command::Report(args) => with_catalog(&args.config, |url, out| report::run(args, url, out)),
        Command::Export(args) => with_catalog(&args.config, |url, out| export::run(args, url, out)),
        Command::Import(args) => import::run(args),
        Command::Parse(args) => parse_input(args),
        Command::Status(args) => status::run(args),
        Command::Top(args) => top::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Man(args) => docs::man(args),
        Command::Completions(args) => docs::completions(args),
    }
}

/// The exit code for the shell; an error is printed on the way.
pub fn conclude(outcome: Outcome) -> Exit {
    outcome.unwrap_or_else(|error| {
        if !error.is_silent() {
            // If standard error is gone too, the code still tells.
            drop(write!(std::io::stderr(), "{error}"));
        }
        error.exit()
    })
}

/// For commands that need only the catalog's address.
fn with_catalog(config: &ConfigArgs, command: impl FnOnce(&str, &mut StdoutLock<'static>) -> Outcome) -> Outcome {
    let (settings, _) = load::settings(config)?;
    command(&settings.catalog.url, &mut std::io::stdout().lock())
}

fn parse_input(args: &ParseArgs) -> Outcome {
    let understood = parse::run(args, &mut std::io::stdout().lock()).map_err(|error| {
        CliError::new(Exit::Usage, "nothing was parsed")
            .because(&error)
            .advise("`grind parse --help` names the kinds and what each takes.")
    })?;
    Ok(match understood {
        ParseOutcome::Understood => Exit::Done,
        ParseOutcome::Refused => Exit::Failed,
    })
}

fn check_config(args: &CheckConfig) -> Outcome {
    let said = args.run();
    drop(write!(std::io::stderr(), "{}", said.findings));
    output::print(&said.output)?;
    Ok(if said.code == check_config::SOUND {
        Exit::Done
    } else {
        Exit::Config
    })
}

fn simulate(args: &SimulateArgs) -> Outcome {
    simulate::simulate(args).map(|()| Exit::Done).map_err(|error| {
        CliError::new(Exit::Unavailable, "the simulator cannot serve")
            .because(&error)
            .advise("Choose another address with --listen; port 0 takes any free one.")
    })
}
