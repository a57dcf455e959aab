//! The configuration in force, printed as TOML that could be read again.

use std::fmt::Write as _;

use crate::settings::hook_target::HookTarget;
use crate::settings::section::ConfigKey;
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
                Some(value) => writeln!(text, "{} = {}", key.name, shown(key, &value)),
                None => writeln!(text, "# {} is not set", key.name),
            };
        }
        text
    }
}

/// One value as TOML, without secrets.
pub(super) fn shown(key: &ConfigKey, value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) if (key.section, key.name) == ("hooks", "on_stored") => {
            toml::Value::String(whom(text)).to_string()
        }
        toml::Value::String(text) => toml::Value::String(masked(text)).to_string(),
        toml::Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| shown(key, value)).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whom a hook tells. Path and query of an address are often the key to it.
fn whom(text: &str) -> String {
    match HookTarget::parse(text) {
        Ok(HookTarget::Address(url)) if url.path() != "/" || url.query().is_some() => {
            format!("{}/***", url.origin().ascii_serialization())
        }
        _ => masked(text),
    }
}

/// An address whose user part is replaced by `***`, and on the web what follows the question mark; other texts as they are.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    if let Some((before, _)) = text.split_once('?').filter(|_| matches!(scheme, "http" | "https")) {
        return masked(before) + "?***";
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://***{}", &rest[user.len()..]),
        None => text.to_owned(),
    }
}
