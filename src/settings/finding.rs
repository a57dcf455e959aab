//! What is wrong or doubtful in a config, one sentence each.

use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsFindingLevel {
    /// The program does not start with it.
    Error,
    /// It starts, but a person should look.
    Warning,
}

/// One finding: a sentence that names its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFinding {
    /// Whether it stops the program.
    pub level: SettingsFindingLevel,
    /// The key it is about, as `section.key`; a file's name when it is about a whole file.
    pub key: String,
    /// The sentence, with the key in it.
    pub text: String,
}

impl SettingsFinding {
    /// A finding that stops the program.
    pub fn error(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level: SettingsFindingLevel::Error,
            key: key.into(),
            text: text.into(),
        }
    }

    /// A finding that does not stop the program.
    pub fn warning(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level: SettingsFindingLevel::Warning,
            key: key.into(),
            text: text.into(),
        }
    }

    /// Does the program start with it?
    pub fn is_warning(&self) -> bool {
        self.level == SettingsFindingLevel::Warning
    }
}

impl fmt::Display for SettingsFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            SettingsFindingLevel::Error => "error",
            SettingsFindingLevel::Warning => "warning",
        };
        write!(f, "{level}: {}", self.text)
    }
}

/// A value that only turns out wrong in use, such as a file that cannot be read; the sentence names its key or its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableSetting(pub String);

/// A config that cannot be used: all that was found, errors and warnings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong: {}", sentences(.findings))]
pub struct SettingsError {
    /// Every finding; at least one is an error.
    pub findings: Vec<SettingsFinding>,
}

/// In one line, as logs have it.
fn sentences(findings: &[SettingsFinding]) -> String {
    findings
        .iter()
        .map(SettingsFinding::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
