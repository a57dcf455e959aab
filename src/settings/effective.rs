//! The configuration in force, printed as TOML that could be read again.

use std::fmt::Write as _;

use crate::settings::sections::Settings;

impl Settings {
    /// Every key with its value as TOML; unset ones as comments, passwords inside addresses as `***`.
    pub fn effective(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for (key, value) in self.show() {
            if key.section != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = key.section;
                let _ = writeln!(text, "{gap}[{section}]");
            }
            let _ = match value {
                Some(value) => writeln!(text, "{} = {}", key.name, shown(&value)),
                None => writeln!(text, "# {} is not set", key.name),
            };
        }
        text
    }
}

/// One value as TOML, without secrets.
pub(super) fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => toml::Value::String(masked(text)).to_string(),
        other => other.to_string(),
    }
}

/// An address whose user part is replaced by `***`; other texts as they are.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://***{}", &rest[user.len()..]),
        None => text.to_owned(),
    }
}
