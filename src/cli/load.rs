//! The configuration of a command: read, its findings shown, the log told.

use crate::cli::args::ConfigArgs;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::root;
use crate::grin::LibraryDirectory;
use crate::log;
use crate::settings::{LoadedSettings, Settings, SettingsError, SettingsSources};

/// Reads the configuration; warnings go to the log, errors end the command with every finding as a cause.
pub fn settings(args: &ConfigArgs) -> Result<(Settings, SettingsSources), CliError> {
    let sources = SettingsSources::of_process(args.config.as_deref());
    let loaded = read(&sources, Settings::load(&sources))?;
    for finding in &loaded.findings {
        tracing::warn!("{}", finding.text);
    }
    Ok((loaded.settings, sources))
}

/// For commands that ask GRIN and write what it answers into catalog and storage.
pub fn of_work(args: &ConfigArgs) -> Result<(Settings, SettingsSources), CliError> {
    let (settings, sources) = settings(args)?;
    root::refuse_at_storage(&settings)?;
    Ok((settings, sources))
}

/// For commands that ask GRIN nothing: they need no secrets, and warnings, which are about asking it, stay unsaid. SQLite makes files
/// beside a catalog also for those who only read it.
pub fn of_catalog(args: &ConfigArgs) -> Result<Settings, CliError> {
    let sources = SettingsSources::of_process(args.config.as_deref());
    let settings = read(&sources, Settings::load_without_secrets(&sources))?.settings;
    root::refuse_at_catalog(&settings.catalog.url)?;
    Ok(settings)
}

/// The same for those that write to the storage, too.
pub fn of_storage(args: &ConfigArgs) -> Result<Settings, CliError> {
    let settings = of_catalog(args)?;
    root::refuse_at_storage(&settings)?;
    Ok(settings)
}

fn read(sources: &SettingsSources, loaded: Result<LoadedSettings, SettingsError>) -> Result<LoadedSettings, CliError> {
    let loaded = loaded.map_err(|error| refused(sources, &error))?;
    configure_log(&loaded.settings)?;
    Ok(loaded)
}

/// A config that cannot be used, with every finding as a cause.
pub fn refused(sources: &SettingsSources, error: &SettingsError) -> CliError {
    let refused = CliError::new(ExitStatus::Config, "the configuration is wrong");
    let refused = error
        .findings
        .iter()
        .fold(refused, |refused, finding| refused.cause(finding.to_string()));
    refused.advise(match sources.file {
        Some(_) => "Correct what is named and try again; `grind check-config` checks without starting anything.",
        None => "No file of configuration was read: /etc/grind/grind.toml is not there. `grind init` writes it; --config FILE names another.",
    })
}

/// Whose books they are.
pub fn library_directory(settings: &Settings) -> Result<LibraryDirectory, CliError> {
    LibraryDirectory::parse(&settings.library.directory)
        .map_err(|error| CliError::new(ExitStatus::Config, "library.directory cannot be used").because(&error))
}

fn configure_log(settings: &Settings) -> Result<(), CliError> {
    let Some(handle) = log::running() else { return Ok(()) };
    handle
        .configure(&settings.log.level, settings.log.format)
        .map_err(|error| CliError::new(ExitStatus::Config, "log.level cannot be used").because(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_file_was_read_the_advice_says_which_is_missing_and_what_writes_it() {
        let error = |file: Option<&str>| {
            let sources = SettingsSources {
                file: file.map(Into::into),
                ..SettingsSources::default()
            };
            refused(&sources, &SettingsError { findings: Vec::new() }).to_string()
        };
        let missing = error(None);
        assert!(
            missing.contains("/etc/grind/grind.toml is not there") && missing.contains("`grind init`"),
            "{missing}"
        );
        assert!(!error(Some("/etc/grind/grind.toml")).contains("not there"));
    }
}
