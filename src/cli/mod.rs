//! One file a command.

mod actors;
pub(crate) mod args;
pub mod auth;
pub(crate) mod barcode_args;
#[cfg(feature = "lab")]
pub(crate) mod bench;
pub(crate) mod catalog;
pub mod check_config;
mod command;
mod control;
#[cfg(feature = "lab")]
pub(crate) mod demo;
mod docs;
pub(crate) mod error;
mod execution;
pub(crate) mod exit;
pub(crate) mod explain;
pub(crate) mod export;
mod file_size;
mod first_contact;
pub(crate) mod frame;
mod grin_line;
mod help;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod load;
mod moment;
pub(crate) mod output;
mod output_file;
mod output_place;
mod own_folder;
mod packages;
pub mod parse;
mod preflight;
pub(crate) mod progress;
mod reading;
mod rehearse;
pub(crate) mod report;
mod restore;
mod rights;
mod root;
pub mod run;
#[cfg(feature = "lab")]
pub(crate) mod simulate;
mod status;
pub(crate) mod step;
mod storage;
mod summary;
mod support_bundle;
mod top;
mod verify;

use std::io::Stdout;

use clap::FromArgMatches as _;

use crate::log;
use crate::settings::Settings;
use args::ConfigArgs;
use check_config::CheckConfig;
pub(crate) use command::{CliCommand, CommandLine};
use error::{CliError, CommandResult};
use exit::ExitStatus;
use parse::{ParseArgs, ParseOutcome};
use step::ManualStep;

/// Version and commit, as `--version` shows them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("GRIND_COMMIT"), ")");

/// Reads the command line. `Err` is the end of the program: help or version (0), or wrong usage (2), printed already.
pub fn parse() -> Result<CommandLine, ExitStatus> {
    let given = help::command().try_get_matches();
    given
        .and_then(|given| CommandLine::from_arg_matches(&given))
        .map_err(|answer| {
            // Whoever reads our help may close it early.
            drop(answer.print());
            if answer.exit_code() == 0 {
                ExitStatus::Done
            } else {
                ExitStatus::Usage
            }
        })
}

/// Does what was asked for.
pub fn run(cli: &CommandLine) -> CommandResult {
    file_size::outlive_limit();
    // Info counts until the config is read, moved by the flags as the config's level then is.
    if let Err(error) = log::start(cli.log, log::LogFormat::Auto) {
        return Err(CliError::new(ExitStatus::Usage, "the log cannot be started").because(&error));
    }
    match &cli.command {
        CliCommand::Run(args) => run::run(args),
        #[cfg(feature = "lab")]
        CliCommand::Demo(args) => demo::run(args),
        CliCommand::Init(args) => init::run(args),
        CliCommand::Rehearse(args) => rehearse::run(args),
        CliCommand::SupportBundle(args) => support_bundle::run(args),
        CliCommand::Auth(args) => auth::run(args),
        CliCommand::CheckConfig(args) => check_config(args),
        #[cfg(feature = "lab")]
        CliCommand::Simulate(args) => simulate::run(args),
        CliCommand::Collect(args) => step::run(ManualStep::Collect, args),
        CliCommand::Enrich(args) => step::run(ManualStep::Enrich, args),
        CliCommand::Convert(args) => step::run(ManualStep::Convert, args),
        CliCommand::Sync(args) => step::run(ManualStep::Sync, args),
        CliCommand::Explain(args) => with_catalog(&args.config, |settings, out| {
            explain::run(args, &settings.catalog.url, out)
        }),
        CliCommand::Verify(args) => verify::run(args),
        CliCommand::Report(args) => with_catalog(&args.config, |settings, out| report::run(args, settings, out)),
        CliCommand::Export(command) => packages::run(command, |args| {
            with_catalog(&args.config, |settings, out| {
                export::run(args, &settings.catalog.url, out)
            })
        }),
        CliCommand::Import(args) => import::run(args),
        CliCommand::Catalog(args) => catalog::run(args),
        CliCommand::Parse(args) => parse_input(args),
        CliCommand::Restore(args) => restore::run(args),
        CliCommand::Rights(args) => rights::run(args),
        CliCommand::Storage(args) => storage::run(args),
        CliCommand::Retry(args) => control::retry(args),
        CliCommand::Pause(args) => control::pause(args),
        CliCommand::Resume(reach) => control::resume(reach),
        CliCommand::Prioritise(args) => control::prioritise(args),
        CliCommand::Forget(args) => control::forget(args),
        CliCommand::Status(args) => status::run(args),
        CliCommand::Actors(args) => actors::run(args),
        CliCommand::Top(args) => top::run(args),
        #[cfg(feature = "lab")]
        CliCommand::Bench(args) => bench::run(args),
        CliCommand::Man(args) => docs::man(args),
        CliCommand::Completions(args) => docs::completions(args),
    }
}

/// The exit code for the shell; an error is printed on the way.
pub fn conclude(outcome: CommandResult) -> ExitStatus {
    outcome.unwrap_or_else(|error| {
        if !error.is_silent() {
            log::tell_failure(&error.to_string());
        }
        error.exit()
    })
}

/// For commands that need only the catalog's address.
fn with_catalog(config: &ConfigArgs, command: impl FnOnce(&Settings, &mut Stdout) -> CommandResult) -> CommandResult {
    let settings = load::of_catalog(config)?;
    command(&settings, &mut std::io::stdout())
}

fn parse_input(args: &ParseArgs) -> CommandResult {
    let understood = parse::run(args, &mut std::io::stdout().lock()).map_err(|error| {
        CliError::new(ExitStatus::Usage, "nothing was parsed")
            .because(&error)
            .advise("`grind parse --help` names the kinds and what each takes.")
    })?;
    Ok(match understood {
        ParseOutcome::Understood => ExitStatus::Done,
        ParseOutcome::Refused => ExitStatus::Failed,
    })
}

fn check_config(args: &CheckConfig) -> CommandResult {
    if args.connect {
        return preflight::run(&args.config);
    }
    let said = args.run();
    log::tell_failure(&said.findings);
    output::print(&said.output)?;
    Ok(if said.code == check_config::SOUND {
        ExitStatus::Done
    } else {
        ExitStatus::Config
    })
}
