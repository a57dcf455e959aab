//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::cli::actors::ActorsArgs;
use crate::cli::args::ReachArgs;
use crate::cli::auth::AuthArgs;
#[cfg(feature = "lab")]
use crate::cli::bench::BenchArgs;
use crate::cli::catalog::CatalogArgs;
use crate::cli::check_config::CheckConfig;
use crate::cli::control::{BooksArgs, PauseArgs, RetryArgs};
#[cfg(feature = "lab")]
use crate::cli::demo::DemoArgs;
use crate::cli::docs::{CompletionsArgs, ManArgs};
use crate::cli::explain::ExplainArgs;
use crate::cli::import::ImportArgs;
use crate::cli::init::InitArgs;
use crate::cli::packages::ExportCommand;
use crate::cli::parse::ParseArgs;
use crate::cli::rehearse::RehearseArgs;
use crate::cli::report::ReportArgs;
use crate::cli::restore::RestoreArgs;
use crate::cli::rights::RightsArgs;
use crate::cli::run::RunArgs;
#[cfg(feature = "lab")]
use crate::cli::simulate::SimulateArgs;
use crate::cli::status::StatusArgs;
use crate::cli::step::StepArgs;
use crate::cli::storage::StorageArgs;
use crate::cli::support_bundle::SupportBundleArgs;
use crate::cli::top::TopArgs;
use crate::cli::verify::VerifyArgs;
use crate::log::LogArgs;

/// Downloads a library's Google Books scans from GRIN and stores them: every volume, verified
///
/// grind keeps one HTTP session to GRIN and takes each volume through it once: checked, downloaded, decrypted, verified
/// page by page, its text and catalog data extracted, and stored, without an intermediate copy.
#[derive(Debug, Parser)]
#[command(name = "grind", version = crate::cli::VERSION, max_term_width = 100)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct CommandLine {
    /// How much is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Run the daemon in the foreground
    Run(RunArgs),
    /// See it work: the whole pipeline against a simulated GRIN
    #[cfg(feature = "lab")]
    Demo(DemoArgs),
    /// Write the first configuration: asks for what must be known, and checks each answer
    Init(Box<InitArgs>),
    /// Sign in to GRIN, or see whether the sign-in works
    Auth(AuthArgs),
    /// Read and validate the configuration
    CheckConfig(CheckConfig),
    /// Meet GRIN with at most 30 requests, and say what of its answers is recognised; nothing is stored
    Rehearse(RehearseArgs),
    /// Pack what of GRIN's answers was not recognised, without books and secrets, to report it
    SupportBundle(SupportBundleArgs),
    /// Serve a simulated GRIN, to try things out
    #[cfg(feature = "lab")]
    Simulate(Box<SimulateArgs>),
    /// Read GRIN's lists into the catalog
    Collect(StepArgs),
    /// Ask GRIN for the data of books
    Enrich(StepArgs),
    /// Ask GRIN to convert books, so that they can be downloaded
    Convert(StepArgs),
    /// Check, download, verify and store books
    Sync(StepArgs),
    /// One volume's state and whole history out of the catalog
    Explain(ExplainArgs),
    /// Counts, failures by reason, throughput by day, forecast
    Report(ReportArgs),
    /// Read stored books again, and compare them with what was stored
    Verify(VerifyArgs),
    /// The catalog as a file, stored books as packages for other archives, the evidence of their checks
    Export(Box<ExportCommand>),
    /// Take over a grin-transfer run without downloading again
    Import(ImportArgs),
    /// Rights in volumes, from what HathiTrust publishes
    Rights(RightsArgs),
    /// The catalog as a whole: copy it into another database
    Catalog(CatalogArgs),
    /// Begin anew from a backup of the catalog, and make it agree with the storage
    Restore(RestoreArgs),
    /// The place where books are stored
    Storage(StorageArgs),
    /// Show as JSON how a saved answer or file of GRIN is understood
    Parse(ParseArgs),
    /// Have the running daemon try failed books again
    Retry(RetryArgs),
    /// Have the running daemon begin nothing more, for a time or until `grind resume`
    Pause(PauseArgs),
    /// End a pause of the running daemon
    Resume(ReachArgs),
    /// Have the running daemon take books before others
    Prioritise(BooksArgs),
    /// Have the running daemon leave books out; what is stored of them stays
    Forget(BooksArgs),
    /// Ask the running daemon how far it is and what it waits for
    Status(StatusArgs),
    /// Ask the running daemon for its actors: mailboxes, messages, and why who waits
    Actors(ActorsArgs),
    /// Watch actors, permits and transfers of the running daemon
    Top(TopArgs),
    /// Measure what the project claims, and write a report
    #[cfg(feature = "lab")]
    Bench(BenchArgs),
    /// Print a manual page: of the program, or of its configuration
    Man(ManArgs),
    /// Print the completion script for a shell
    Completions(CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        CommandLine::command().debug_assert();
    }

    fn parsed(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_lines_of_the_contract_are_understood() {
        for line in [
            "grind run --config f --once",
            "grind demo --books 5 --pages 3 --image-bytes 100 --faults --dir d --serve",
            "grind auth login --no-browser",
            "grind check-config --connect",
            "grind init --library L --storage file:///x --service-account-file k --passphrase-file p --root r --force --connect",
            "grind rehearse --config f",
            "grind support-bundle --config f --output o --log l",
            "grind init --client-secret-file c",
            "grind auth status",
            "grind collect --config f --limit 5 --barcodes AAA1,BBB2 --queue converted --queue failed --force --dry-run",
            "grind enrich --barcodes-file -",
            "grind sync",
            "grind convert -v",
            "grind catalog copy --to postgres://db/grind",
            "grind storage adopt --copy --config f",
            "grind storage ls --copy",
            "grind storage ls raw/ --json",
            "grind storage ls 39015012345678",
            "grind storage get 39015012345678 --part text -o f",
            "grind storage get 39015012345678 00000017.jp2 -o f --copy",
            "grind storage rm 39015012345678 --yes",
            "grind rights import hathi_full_20261101.txt.gz --namespace hvd,uc1 --json",
            "grind export csv --state stored,failed --since 24h --barcodes A1,B2 --barcodes-file - -o f",
            "grind export parquet -o f",
            "grind export csv -o f",
            "grind export jsonl --config f",
            "grind export bagit --config f 39015012345678 $B123456 -o d --json",
            "grind export ocfl --barcodes A1B,B2C --barcodes-file - -o d",
            "grind export premis",
            "grind export premis 39015012345678 -o f",
            "grind restore",
            "grind restore meta/catalog-2026-11-29.db.gz",
            "grind verify --sample 200 --json --copy",
            "grind verify --sample 5% --older-than 90d --unverified --deep --bandwidth 20MiB",
            "grind verify --quick --repair --json",
            "grind verify 39015012345678 --barcodes A1,B2 --barcodes-file -",
            "grind status --json",
            "grind status --config f",
            "grind retry 39015012345678 39015012345679",
            "grind retry --failed",
            "grind retry --failed --reason damaged_at_source --socket s",
            "grind pause --until 18:00",
            "grind pause",
            "grind resume --socket s",
            "grind prioritise 39015012345678 39015012345679",
            "grind forget 39015012345678",
            "grind actors --json",
            "grind actors downloader --socket s",
            "grind actors --chain",
            "grind actors catalog --chain --json",
            "grind actors --blackbox downloader",
            "grind top",
            "grind bench sessions --report d",
            "grind man",
            "grind man grind.toml",
            "grind completions zsh",
        ] {
            assert!(parsed(line).is_ok(), "{line}: {}", parsed(line).unwrap_err());
        }
    }

    /// The command that a line of the README begins with, as far as it is ours, and the words of it that name no command.
    fn command_of<'a>(root: &'a clap::Command, line: &str) -> (Vec<&'a str>, Vec<String>) {
        let (mut command, mut path, mut unknown) = (root, Vec::new(), Vec::new());
        for word in line.split(' ').filter(|word| *word != "grind") {
            let word = word.trim_matches(['[', ']']);
            if let Some(option) = word.strip_prefix("--") {
                let known = command
                    .get_arguments()
                    .any(|argument| argument.get_long() == Some(option));
                unknown.extend((!known).then(|| word.to_owned()));
            } else if let Some(found) = command.find_subcommand(word) {
                path.push(found.get_name());
                command = found;
            } else if path.is_empty() {
                unknown.push(word.to_owned());
            }
        }
        (path, unknown)
    }

    #[cfg(feature = "lab")]
    #[test]
    fn the_readme_lists_every_command_and_no_other() {
        let mut root = CommandLine::command();
        root.build();
        let mut listed = std::collections::BTreeSet::new();
        let readme = include_str!("../../README.md");
        let table = readme.split("## Commands").nth(1).unwrap().split("##").next().unwrap();
        for row in table.lines().filter(|line| line.starts_with("| `grind ")) {
            let codes = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
            for code in codes {
                let (path, unknown) = command_of(&root, code);
                assert!(unknown.is_empty(), "{code}: {unknown:?}");
                listed.insert(path[0].to_owned());
            }
        }
        let known = root.get_subcommands().map(|command| command.get_name().to_owned());
        let known: std::collections::BTreeSet<_> = known.filter(|name| name != "help").collect();
        assert_eq!(listed, known);
    }

    #[cfg(feature = "lab")]
    #[test]
    fn commands_named_in_the_readme_exist() {
        let mut root = CommandLine::command();
        root.build();
        let readme = include_str!("../../README.md");
        let lines = readme.lines().filter(|line| !line.starts_with("- Not there yet"));
        let codes = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
        let mut seen = 0;
        for code in codes.filter(|code| code.starts_with("grind ") && !code.contains("COMMAND")) {
            let (_, unknown) = command_of(&root, code);
            assert!(unknown.is_empty(), "{code}: {unknown:?}");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn nonsense_is_wrong_usage() {
        for line in [
            "grind",
            "grind fly",
            "grind sync --limit 0",
            "grind sync --queue nice",
            "grind demo --books 0",
            "grind export",
            "grind export bagit 39015012345678",
            "grind export csv bagit -o d",
            "grind retry",
            "grind storage rm",
            "grind storage rm --yes",
            "grind storage get",
            "grind storage get 39015012345678 00000017.jp2 --part text",
            "grind retry --failed TL0001",
            "grind retry TL0001 --reason damaged_at_source",
            "grind retry --failed --reason typo",
            "grind forget",
            "grind actors nobody",
            "grind actors --blackbox",
            "grind actors catalog --chain --blackbox",
            "grind -v -q sync",
            "grind rights",
            "grind rights import",
            "grind export csv --state nice",
            "grind export csv --since soon",
            "grind verify --sample 0",
            "grind verify --repair",
            "grind verify --quick --sample 5",
            "grind verify --sample 101%",
            "grind verify --older-than soon",
            "grind verify --quick --copy",
        ] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn every_command_and_option_says_what_it_does() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for option in command.get_arguments() {
                assert!(
                    option.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    option.get_id()
                );
            }
            command.get_subcommands().for_each(check);
        }
        let mut command = CommandLine::command();
        command.build();
        check(&command);
    }
}
