//! `grind check-config --connect`: what the daemon needs, tried against the real services, one line a check.

mod clock;
mod grin;
mod line;
mod places;

pub use places::storage_fault;

use std::fmt::Write as _;

use crate::cli::args::ConfigArgs;
use crate::cli::check_config::unusable;
use crate::cli::error::CommandResult;
use crate::cli::output;
use crate::cli::preflight::line::{CheckLine, exit_of};
use crate::settings::{LoadedSettings, Settings, SettingsError, SettingsSources};

/// Runs every check, also after one that failed, and prints its line.
pub fn run(args: &ConfigArgs) -> CommandResult {
    let loaded = Settings::load(&SettingsSources::of_process(args.config.as_deref()));
    let lines = match &loaded {
        Ok(loaded) => checked(loaded),
        Err(error) => not_checked(error),
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

/// Every check of a configuration that can be read.
pub fn checked(loaded: &LoadedSettings) -> Vec<CheckLine> {
    let settings = &loaded.settings;
    let mut lines: Vec<CheckLine> = loaded.findings.iter().map(CheckLine::of_finding).collect();
    let unusable = unusable(settings);
    lines.extend(unusable.iter().map(CheckLine::of_finding));
    if unusable.is_empty() {
        let files: Vec<String> = loaded.files.iter().map(|file| file.display().to_string()).collect();
        let files = if files.is_empty() {
            "no file; the defaults".to_owned()
        } else {
            files.join(", ")
        };
        lines.push(CheckLine::passed("configuration", format!("sound: {files}")));
    }
    if rustix::process::geteuid().is_root() {
        let text = "this check runs as root, who may read and write what the daemon's user may not: \
                    sudo -u grind grind check-config --connect";
        lines.push(CheckLine::doubtful("user", text));
    }
    lines.extend(grin::check(settings));
    lines.extend(places::storage(settings));
    lines.push(places::catalog(settings));
    lines
}

/// The findings of a configuration that cannot be read; nobody knows whom to ask.
fn not_checked(error: &SettingsError) -> Vec<CheckLine> {
    let mut lines: Vec<CheckLine> = error.findings.iter().map(CheckLine::of_finding).collect();
    let services = "GRIN, storage and catalog are asked when the configuration is right";
    lines.push(CheckLine::not_checked("services", services));
    lines
}
