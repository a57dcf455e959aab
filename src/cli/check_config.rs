//! `grind check-config` reads the configuration and says all that is wrong or doubtful in it.

use std::fmt::Write as _;

use crate::catalog::{CatalogAddress, MarkedPlace};
use crate::cli::args::ConfigArgs;
use crate::cli::preflight::service_user;
use crate::cli::{reading, root};
use crate::grin::LibraryDirectory;
use crate::pipeline::{archive_options, check_layout, scope_of};
use crate::session::sign_in_findings;
use crate::settings::{
    LoadedSettings, Settings, SettingsError, SettingsFinding, SettingsFindingLevel, SettingsSources, UnusableSetting,
    catalog_file,
};
use crate::storage::StorageLayout;

/// The key of the catalog's address.
pub const CATALOG: &str = "catalog.url";

/// Exit code of a sound configuration.
pub const SOUND: u8 = 0;
/// Exit code of a wrong configuration (`EX_CONFIG` of sysexits).
pub const WRONG: u8 = 78;

/// Read and validate the configuration without starting anything.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CheckConfig {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Show the configuration in force, all layers merged; secrets and arguments of a command as ***, homes as ~
    #[arg(long)]
    pub print: bool,
    /// Ask the real services, too: sign-in, lists, storage, passphrase, disk, clock; at most some ten requests to GRIN
    #[arg(long, conflicts_with = "print")]
    pub connect: bool,
}

/// What the command has to say.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckConfigOutcome {
    /// [`SOUND`] or [`WRONG`].
    pub code: u8,
    /// For standard output: the effective configuration with `--print`, else a line that says it is sound.
    pub output: String,
    /// For standard error: one line a finding.
    pub findings: String,
}

impl CheckConfig {
    /// Checks the files and environment of this process.
    pub fn run(&self) -> CheckConfigOutcome {
        outcome(
            Settings::load(&SettingsSources::of_process(self.config.config.as_deref())),
            self.print,
        )
    }
}

/// The command on any result of loading.
pub fn outcome(loaded: Result<LoadedSettings, SettingsError>, print: bool) -> CheckConfigOutcome {
    match loaded.and_then(usable) {
        Ok(loaded) => CheckConfigOutcome {
            code: SOUND,
            output: sound(&loaded, print),
            findings: lines(&loaded.findings),
        },
        Err(error) => CheckConfigOutcome {
            code: WRONG,
            output: String::new(),
            findings: refused(&error.findings),
        },
    }
}

/// Makes of the settings what a run makes of them before it begins: files are read, and nobody is asked. Root is told what the daemon's user
/// could not read.
fn usable(mut loaded: LoadedSettings) -> Result<LoadedSettings, SettingsError> {
    loaded.findings.extend(unusable(&loaded.settings));
    loaded.findings.extend(service_user::unopened(&loaded));
    match loaded.findings.iter().all(SettingsFinding::is_warning) {
        true => Ok(loaded),
        false => Err(SettingsError {
            findings: loaded.findings,
        }),
    }
}

/// What the files that the settings name keep a run from.
pub(super) fn unusable(settings: &Settings) -> Vec<SettingsFinding> {
    let mut unusable = sign_in_findings(settings);
    let begun = [
        ("archive", archive_options(settings).map(drop)),
        ("work.barcodes_file", scope_of(settings, true).map(drop)),
        ("storage.layout", layout_in_use(settings)),
        (CATALOG, catalog_address(settings)),
        ("library.directory", library_in_use(settings)),
    ];
    for (key, made) in begun {
        unusable.extend(made.err().map(|why| SettingsFinding::error(key, why.to_string())));
    }
    unusable
}

/// Whether the address of a server can be made of what stands in `catalog.url`, the service file and the password file, which others than
/// its owner may not read. The server is not asked.
fn catalog_address(settings: &Settings) -> Result<(), UnusableSetting> {
    let made = CatalogAddress::parse(&settings.catalog.url).map(drop);
    made.map_err(|error| UnusableSetting(format!("{CATALOG}: {error}")))
}

/// Whether books that the catalog's file knows are stored under the configured layout. A file that cannot be read, and one that only its
/// owner may open, say nothing here; a server is not asked.
fn layout_in_use(settings: &Settings) -> Result<(), UnusableSetting> {
    let layout = StorageLayout::from_settings(settings)?;
    let Some(url) = catalog_to_look_at(settings) else {
        return Ok(());
    };
    let kept = reading::storage_mark(url, MarkedPlace::Main);
    let checked = kept.map_or(Ok(()), |kept| check_layout(&layout.name(), &kept));
    checked.map_err(|error| UnusableSetting(error.to_string()))
}

/// The same of the library whose books they are.
fn library_in_use(settings: &Settings) -> Result<(), UnusableSetting> {
    let library = LibraryDirectory::parse(&settings.library.directory);
    let (Some(url), Ok(library)) = (catalog_to_look_at(settings), library) else {
        return Ok(());
    };
    reading::check_library(url, library).map_err(|error| UnusableSetting(error.to_string()))
}

fn catalog_to_look_at(settings: &Settings) -> Option<&str> {
    let url = &settings.catalog.url;
    let may_look = catalog_file(url).is_some() && root::refuse_at_catalog(url).is_ok();
    may_look.then_some(url)
}

fn sound(loaded: &LoadedSettings, print: bool) -> String {
    if print {
        return loaded.settings.effective();
    }
    let files: Vec<String> = loaded.files.iter().map(|file| file.display().to_string()).collect();
    match files.as_slice() {
        [] => "the built-in defaults and the environment are sound; no config file was read\n".to_owned(),
        files => format!("the configuration is sound: {}\n", files.join(", ")),
    }
}

fn refused(findings: &[SettingsFinding]) -> String {
    let errors = findings
        .iter()
        .filter(|finding| finding.level == SettingsFindingLevel::Error)
        .count();
    let warnings = findings.len() - errors;
    let mut text = lines(findings);
    let _ = writeln!(
        text,
        "the configuration is wrong: errors: {errors}, warnings: {warnings}"
    );
    text
}

fn lines(findings: &[SettingsFinding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        let _ = writeln!(text, "{finding}");
        text
    })
}
