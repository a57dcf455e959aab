//! Takes typed values out of the merged layers and notes each one that is not of its kind.

use std::path::Path;

use config::{Value, ValueKind};

use crate::settings::finding::SettingsFinding;
use crate::settings::kinds::{GivenValue, SettingKind};
use crate::settings::layer;

/// Reads keys; a wrong one is noted and stands for its default, so that the rest can still be checked.
pub(super) struct KeyReader<'a> {
    pub merged: &'a Value,
    pub defaults: &'a Value,
    /// Where systemd puts credentials.
    pub credentials: Option<&'a Path>,
    pub findings: Vec<SettingsFinding>,
}

impl KeyReader<'_> {
    /// The value of a key; `None` only when it is wrong and has no default either.
    pub fn read<T: SettingKind>(&mut self, section: &str, name: &str) -> Option<T> {
        if let Some(value) = lookup(self.merged, section, name) {
            match T::read(&self.given(value)) {
                Some(right) => return Some(right),
                None => self.findings.push(wrong::<T>(section, name, value)),
            }
        }
        lookup(self.defaults, section, name)
            .and_then(|value| T::read(&self.given(value)))
            .or_else(T::absent)
    }

    fn given<'v>(&'v self, value: &'v Value) -> GivenValue<'v> {
        let origin = value.origin().unwrap_or_default();
        GivenValue {
            value,
            from_environment: layer::from_environment(origin),
            folder: layer::folder(origin),
            credentials: self.credentials,
        }
    }
}

fn lookup<'v>(root: &'v Value, section: &str, name: &str) -> Option<&'v Value> {
    // A section within another has both names, with a dot between them.
    section
        .split('.')
        .chain([name])
        .try_fold(root, |value, name| match &value.kind {
            ValueKind::Table(keys) => keys.get(name),
            _ => None,
        })
}

fn wrong<T: SettingKind>(section: &str, name: &str, value: &Value) -> SettingsFinding {
    let key = format!("{section}.{name}");
    let place = value.origin().unwrap_or("an unknown place");
    let text = format!("{key} in {place} is {}, but should be {}", found(&value.kind), T::RIGHT);
    SettingsFinding::error(key, text)
}

/// What a value is, in words, shortened.
fn found(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(truth) => format!("{truth}"),
        ValueKind::I64(number) => format!("the number {number}"),
        ValueKind::I128(number) => format!("the number {number}"),
        ValueKind::U64(number) => format!("the number {number}"),
        ValueKind::U128(number) => format!("the number {number}"),
        ValueKind::Float(number) => format!("the number {number}"),
        ValueKind::String(text) => format!("the text {:?}", text.chars().take(60).collect::<String>()),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(values) => match values.iter().find(|value| !matches!(value.kind, ValueKind::String(_))) {
            Some(odd) => format!("a list with {} in it", found(&odd.kind)),
            None => format!(
                "the list {:?}",
                values.iter().map(ToString::to_string).take(8).collect::<Vec<_>>()
            ),
        },
    }
}
