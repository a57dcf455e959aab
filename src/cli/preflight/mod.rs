//! `grind check-config --connect`: what the daemon needs, tried against the real services, one line a check.

mod catalog;
mod clock;
mod grin;
mod line;
mod places;
pub(super) mod service_user;

pub use places::storage_fault;

use std::fmt::Write as _;

use crate::cli::args::ConfigArgs;
use crate::cli::check_config::{CATALOG, unusable};
use crate::cli::error::{CliError, CommandResult};
use crate::cli::output;
use crate::cli::preflight::line::{CheckLine, exit_of};
use crate::settings::{LoadedSettings, Settings, SettingsError, SettingsFinding, SettingsSources};

/// Runs every check, also after one that failed, and prints its line as soon as it is known.
pub fn run(args: &ConfigArgs) -> CommandResult {
    let sources = SettingsSources::of_process(args.config.as_deref());
    match Settings::load(&sources) {
        Ok(loaded) => check(&loaded, &loaded.findings),
        // Files of secrets that are wrong keep only from what needs them.
        Err(error) => match Settings::load_without_secrets(&sources) {
            Ok(loaded) => check(&loaded, &error.findings),
            Err(_) => {
                let lines = not_checked(&error);
                print(&lines)?;
                Ok(exit_of(&lines))
            }
        },
    }
}

fn print(lines: &[CheckLine]) -> Result<(), CliError> {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    });
    output::print(&text)
}

/// Every check of a configuration that can be read, with what was found in it: prints a line for each, and gives the exit code of all.
/// What one service keeps waiting is not held back from the others' lines.
pub fn check(loaded: &LoadedSettings, findings: &[SettingsFinding]) -> CommandResult {
    let settings = &loaded.settings;
    let (of_config, is_catalog_wrong) = of_config(loaded, findings);
    let mut told = Vec::new();
    let mut tell = |lines: Vec<CheckLine>| {
        let printed = print(&lines);
        told.extend(lines);
        printed
    };
    tell(of_config)?;
    tell(service_user::check(loaded))?;
    tell(grin::check(settings))?;
    tell(places::storage(settings))?;
    // Not twice: what is wrong with its address keeps from opening it.
    if !is_catalog_wrong {
        tell(vec![catalog::catalog(settings)])?;
    }
    Ok(exit_of(&told))
}

/// The lines of the configuration itself, and whether the catalog's address is wrong in it.
fn of_config(loaded: &LoadedSettings, findings: &[SettingsFinding]) -> (Vec<CheckLine>, bool) {
    let mut findings = findings.to_vec();
    for finding in unusable(&loaded.settings) {
        if findings.iter().all(|said| said.key != finding.key) {
            findings.push(finding);
        }
    }
    let mut lines: Vec<CheckLine> = findings.iter().map(CheckLine::of_finding).collect();
    if findings.iter().all(SettingsFinding::is_warning) {
        let files: Vec<String> = loaded.files.iter().map(|file| file.display().to_string()).collect();
        let files = match files.is_empty() {
            true => "no file; the defaults".to_owned(),
            false => files.join(", "),
        };
        lines.push(CheckLine::passed("configuration", format!("sound: {files}")));
    }
    let is_catalog_wrong = findings.iter().any(|said| said.key == CATALOG && !said.is_warning());
    (lines, is_catalog_wrong)
}

/// The findings of a configuration that cannot be read; nobody knows whom to ask.
fn not_checked(error: &SettingsError) -> Vec<CheckLine> {
    let mut lines: Vec<CheckLine> = error.findings.iter().map(CheckLine::of_finding).collect();
    let services = "GRIN, storage and catalog are asked when the configuration is right";
    lines.push(CheckLine::not_checked("services", services));
    lines
}
