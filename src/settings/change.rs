//! What differs between two configurations, and what a reload can do about it.

use crate::settings::effective::shown;
use crate::settings::sections::Settings;

/// What a reload does with a changed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeEffect {
    /// In force at once.
    Applied,
    /// In force after the next start.
    NeedsRestart,
}

/// One key whose value changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The key as `section.key`.
    pub key: String,
    /// What a reload does with it.
    pub effect: ChangeEffect,
    /// The value before, as TOML; `None` = not set.
    pub from: Option<String>,
    /// The value now, as TOML; `None` = not set.
    pub to: Option<String>,
}

/// Every key that differs, in the order of the file.
pub fn diff(old: &Settings, new: &Settings) -> Vec<KeyChange> {
    old.show()
        .into_iter()
        .zip(new.show())
        .filter(|((_, before), (_, after))| before != after)
        .map(|((key, before), (_, after))| KeyChange {
            key: key.path(),
            effect: key.effect,
            from: before.as_ref().map(|value| shown(key, value)),
            to: after.as_ref().map(|value| shown(key, value)),
        })
        .collect()
}
