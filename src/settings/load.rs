//! Gathers the layers, merges them, and hands out checked settings or everything that is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::{Config, Value};

use crate::settings::check;
use crate::settings::finding::{SettingsError, SettingsFinding};
use crate::settings::layer::ConfigLayer;
use crate::settings::reader::KeyReader;
use crate::settings::sections::{ObserveSettings, Settings};

const DEFAULT_FILE: &str = "/etc/grind/grind.toml";
const DEFAULTS: &str = "the built-in defaults";
/// No config of ours is a hundredth of this.
const LARGEST_FILE: u64 = 1 << 20;

/// Where settings come from; all of it can be set by a test.
#[derive(Debug, Clone, Default)]
pub struct SettingsSources {
    /// The config file; must be there if given.
    pub file: Option<PathBuf>,
    /// Folder of drop-ins (`*.toml`, in name order); need not be there.
    pub dropins: Option<PathBuf>,
    /// The environment: `GRIND__SECTION__KEY` and `CREDENTIALS_DIRECTORY` are looked at.
    pub env: BTreeMap<String, String>,
}

impl SettingsSources {
    /// The real ones: `--config FILE`, else `/etc/grind/grind.toml` if there is one; drop-ins beside it; the environment.
    pub fn of_process(config: Option<&Path>) -> Self {
        let usual = Path::new(DEFAULT_FILE);
        let file = config
            .map(Path::to_owned)
            .or_else(|| may_be_file(&fs::metadata(usual)).then(|| usual.to_owned()));
        let env = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect();
        Self {
            dropins: Some(dropins_of(config.unwrap_or(usual))),
            file,
            env,
        }
    }

    /// One file and its drop-ins, without the environment.
    pub fn of_file(file: &Path) -> Self {
        Self {
            dropins: Some(dropins_of(file)),
            file: Some(file.to_owned()),
            env: BTreeMap::new(),
        }
    }
}

/// A file that this user may not look at is read all the same, so that it is said instead of passed over.
fn may_be_file(found: &std::io::Result<fs::Metadata>) -> bool {
    match found {
        Ok(found) => found.is_file(),
        Err(why) => why.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// The folder of the drop-ins of a configuration file.
pub(crate) fn dropins_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".d");
    name.into()
}

/// Settings that can be used.
#[derive(Debug, Clone)]
pub struct LoadedSettings {
    /// The settings.
    pub settings: Settings,
    /// Warnings; never errors.
    pub findings: Vec<SettingsFinding>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

impl Settings {
    /// Reads all layers, checks them, and gives the settings in force.
    ///
    /// # Errors
    /// Everything that is wrong at once, and the warnings with it.
    pub fn load(sources: &SettingsSources) -> Result<LoadedSettings, SettingsError> {
        GatheredSettings::of(sources).usable()
    }

    /// The same for what asks neither GRIN nor an archive: whatever is wrong with the files of secrets is passed over, which other users
    /// than the daemon's cannot read.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_without_secrets(sources: &SettingsSources) -> Result<LoadedSettings, SettingsError> {
        let mut gathered = GatheredSettings::of(sources);
        gathered.findings.retain(|finding| !check::is_of_secret(&finding.key));
        gathered.usable()
    }

    /// What the sources say as far as it can be read: what is wrong stands for its default. For questions that come before a config is sound.
    pub fn load_leniently(sources: &SettingsSources) -> Option<Self> {
        GatheredSettings::of(sources).settings
    }

    /// Where the daemon of this config can be asked, even where the config is refused for the sake of other sections: a daemon
    /// keeps the config it began with when a later one is refused.
    ///
    /// # Errors
    /// A file cannot be read, or the section itself is wrong.
    pub fn load_observe(sources: &SettingsSources) -> Result<ObserveSettings, SettingsError> {
        let gathered = GatheredSettings::of(sources);
        let is_wrong = |finding: &SettingsFinding| !finding.is_warning() && finding.key.starts_with("observe");
        match gathered.settings {
            Some(settings) if gathered.is_whole && !gathered.findings.iter().any(is_wrong) => Ok(settings.observe),
            _ => Err(SettingsError {
                findings: gathered.findings,
            }),
        }
    }
}

/// What all layers say together, right or wrong.
struct GatheredSettings {
    settings: Option<Settings>,
    findings: Vec<SettingsFinding>,
    files: Vec<PathBuf>,
    /// Every file could be read.
    is_whole: bool,
}

impl GatheredSettings {
    fn usable(self) -> Result<LoadedSettings, SettingsError> {
        match self.settings {
            Some(settings) if self.findings.iter().all(SettingsFinding::is_warning) => Ok(LoadedSettings {
                settings,
                findings: self.findings,
                files: self.files,
            }),
            _ => Err(SettingsError {
                findings: self.findings,
            }),
        }
    }

    fn of(sources: &SettingsSources) -> Self {
        let mut findings = Vec::new();
        let files = config_files(sources, &mut findings);
        let defaults = ConfigLayer::of_text(DEFAULTS, crate::settings::DEFAULT_TOML, &mut findings);
        let mut layers: Vec<_> = defaults.iter().cloned().collect();
        layers.extend(files.iter().filter_map(|file| file_layer(file, &mut findings)));
        let is_whole = layers.len() == files.len() + 1;
        layers.push(ConfigLayer::of_environment(&sources.env, &mut findings));
        let settings = read(layers, defaults, sources, &mut findings);
        if let Some(settings) = &settings {
            // A key that is wrong already stands for its default here, so nothing is said of it twice.
            let said: Vec<String> = findings.iter().map(|finding| finding.key.clone()).collect();
            let meaning = check::meaning(settings).into_iter();
            // While a file is unread, what is missing may stand in it, and doubts are mostly about defaults, which nobody chose.
            let is_untold = |finding: &SettingsFinding| {
                let is_missing = finding.key == "library.directory" && settings.library.directory.is_empty();
                !is_whole && (is_missing || finding.is_warning())
            };
            let meaning = meaning.filter(|finding| !is_untold(finding));
            findings.extend(meaning.filter(|finding| !said.contains(&finding.key)));
        }
        Self {
            settings,
            findings,
            files,
            is_whole,
        }
    }
}

fn read(
    layers: Vec<ConfigLayer>,
    defaults: Option<ConfigLayer>,
    sources: &SettingsSources,
    findings: &mut Vec<SettingsFinding>,
) -> Option<Settings> {
    let (merged, defaults) = match (merge(layers), merge(defaults.into_iter().collect())) {
        (Ok(merged), Ok(defaults)) => (merged, defaults),
        (Err(why), _) | (_, Err(why)) => {
            findings.push(SettingsFinding::error(
                DEFAULTS,
                format!("the layers cannot be merged: {why}"),
            ));
            return None;
        }
    };
    let credentials = sources.env.get("CREDENTIALS_DIRECTORY").map(Path::new);
    let mut reader = KeyReader {
        merged: &merged,
        defaults: &defaults,
        credentials,
        findings: Vec::new(),
    };
    let settings = Settings::read(&mut reader).map(check::completed);
    findings.append(&mut reader.findings);
    settings
}

fn merge(layers: Vec<ConfigLayer>) -> Result<Value, config::ConfigError> {
    let builder = layers.into_iter().fold(
        Config::builder(),
        config::ConfigBuilder::<config::builder::DefaultState>::add_source,
    );
    Ok(builder.build()?.cache)
}

/// The files to read, lowest layer first.
fn config_files(sources: &SettingsSources, findings: &mut Vec<SettingsFinding>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = sources.file.iter().cloned().collect();
    let Some(folder) = &sources.dropins else { return files };
    match fs::read_dir(folder) {
        Ok(entries) => {
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            let mut dropins: Vec<PathBuf> = paths
                .filter(|path| path.extension().is_some_and(|e| e == "toml"))
                .collect();
            dropins.sort();
            files.extend(dropins);
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
        Err(why) => {
            let name = folder.display().to_string();
            findings.push(SettingsFinding::error(
                &name,
                format!("the drop-ins in {name} cannot be listed: {why}"),
            ));
        }
    }
    files
}

fn file_layer(file: &Path, findings: &mut Vec<SettingsFinding>) -> Option<ConfigLayer> {
    let name = file.display().to_string();
    let text = match read_file(file) {
        Ok((text, mode)) => {
            if mode & 0o002 != 0 {
                let text = format!("{name} can be changed by every user of this machine; chmod o-w {name}");
                findings.push(SettingsFinding::warning(&name, text));
            }
            text
        }
        Err(why) => {
            let text = match why.kind() {
                std::io::ErrorKind::NotFound => format!(
                    "{name} is not there; `grind init` writes a configuration, --config FILE or GRIND_CONFIG names another"
                ),
                _ => format!("{name} cannot be read: {why}"),
            };
            findings.push(SettingsFinding::error(&name, text));
            return None;
        }
    };
    ConfigLayer::of_text(&name, &text, findings)
}

/// A file's text and mode.
fn read_file(file: &Path) -> std::io::Result<(String, u32)> {
    let metadata = fs::metadata(file)?;
    if metadata.len() > LARGEST_FILE {
        return Err(std::io::Error::other("it is larger than 1 MiB, which no config is"));
    }
    Ok((fs::read_to_string(file)?, metadata.mode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_not_there_is_passed_over() {
        let refused = |kind: std::io::ErrorKind| may_be_file(&Err(kind.into()));
        assert!(refused(std::io::ErrorKind::PermissionDenied));
        assert!(!refused(std::io::ErrorKind::NotFound));
        assert!(!may_be_file(&fs::metadata("/")));
    }
}
