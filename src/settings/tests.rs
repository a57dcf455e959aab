//! Tests of the door; the tables stand beside.

mod layers;
mod meaning;
mod second_copy;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::settings::{LoadedSettings, Settings, SettingsError, SettingsFinding, SettingsSources};

/// A config file in a folder of its own, with an environment of its own.
struct House {
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl House {
    /// Storage and catalog lie in the folder too, so that the machine's own folders do not matter.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut house = Self {
            folder,
            env: BTreeMap::new(),
        };
        let root = house.folder.path().display().to_string();
        house = house.env("GRIND__STORAGE__URL", &format!("file://{root}/library"));
        house = house.env("GRIND__CATALOG__URL", &format!("sqlite://{root}/catalog.db"));
        house.env("GRIND__LIBRARY__DIRECTORY", "TESTLIB")
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("grind.toml", text)
    }

    fn load(&self) -> Result<LoadedSettings, SettingsError> {
        let sources = SettingsSources::of_file(&self.path("grind.toml"));
        let file = sources.file.filter(|file| file.exists());
        Settings::load(&SettingsSources {
            file,
            env: self.env.clone(),
            ..sources
        })
    }

    fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    /// Every sentence, errors and warnings.
    fn said(&self) -> Vec<String> {
        let findings = match self.load() {
            Ok(loaded) => loaded.findings,
            Err(error) => error.findings,
        };
        findings.iter().map(SettingsFinding::to_string).collect()
    }
}

/// Fails with all that was said unless some sentence has these words.
fn assert_said(said: &[String], words: &[&str]) {
    let found = said
        .iter()
        .any(|sentence| words.iter().all(|word| sentence.contains(word)));
    assert!(found, "no sentence has {words:?} in {said:#?}");
}
