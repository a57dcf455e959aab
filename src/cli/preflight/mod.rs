//! `grind check-config --connect`: what the daemon needs, tried against the real services, one line a check.

mod catalog;
mod clock;
mod grin;
mod line;
mod places;
mod service_user;

pub use places::storage_fault;

use std::fmt::Write as _;

use crate::cli::args::ConfigArgs;
use crate::cli::check_config::{CATALOG, unusable};
use crate::cli::error::CommandResult;
use crate::cli::output;
use crate::cli::preflight::line::{CheckLine, exit_of};
use crate::settings::{LoadedSettings, Settings, SettingsError, SettingsFinding, SettingsSources};

/// Runs every check, also after one that failed, and prints its line.
pub fn run(args: &ConfigArgs) -> CommandResult {
    let sources = SettingsSources::of_process(args.config.as_deref());
    let lines = match Settings::load(&sources) {
        Ok(loaded) => checked(&loaded, &loaded.findings),
        // Files of secrets that are wrong keep only from what needs them.
        Err(error) => match Settings::load_without_secrets(&sources) {
            Ok(loaded) => checked(&loaded, &error.findings),
            Err(_) => not_checked(&error),
        },
    };
    print(&lines)
}

/// Prints a line for each, and gives the exit code of all.
pub fn print(lines: &[CheckLine]) -> CommandResult {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    });
    output::print(&text)?;
    Ok(exit_of(lines))
}

/// Every check of a configuration that can be read, with what was found in it.
pub fn checked(loaded: &LoadedSettings, findings: &[SettingsFinding]) -> Vec<CheckLine> {
    let settings = &loaded.settings;
    let mut findings = findings.to_vec();
    for finding in unusable(settings) {
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
    lines.extend(service_user::check(settings));
    lines.extend(grin::check(settings));
    lines.extend(places::storage(settings));
    // Not twice: what is wrong with its address keeps from opening it.
    if !findings.iter().any(|said| said.key == CATALOG && !said.is_warning()) {
        lines.push(catalog::catalog(settings));
    }
    lines
}

/// The findings of a configuration that cannot be read; nobody knows whom to ask.
fn not_checked(error: &SettingsError) -> Vec<CheckLine> {
    let mut lines: Vec<CheckLine> = error.findings.iter().map(CheckLine::of_finding).collect();
    let services = "GRIN, storage and catalog are asked when the configuration is right";
    lines.push(CheckLine::not_checked("services", services));
    lines
}
