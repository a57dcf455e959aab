//! One layer of the config: a file's text or the environment, freed of what the program does not know.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use config::{ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};

use crate::settings::finding::SettingsFinding;
use crate::settings::sections::Settings;

/// Mark of values that come from the environment, in front of the variable's name.
const ENVIRONMENT: &str = "the environment variable ";
const PREFIX: &str = "GRIND";
const SEPARATOR: &str = "__";
/// A key of earlier versions.
const LEASES: &str = "work.leases";

/// The known keys of one layer; each value's origin says where it stands.
#[derive(Debug, Clone)]
pub(super) struct ConfigLayer {
    sections: Map<String, Value>,
}

impl Source for ConfigLayer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.sections.clone())
    }
}

impl ConfigLayer {
    /// Reads the text of a TOML file called `name`; unknown keys are left out and reported. `None`: it cannot be read at all.
    pub fn of_text(name: &str, text: &str, findings: &mut Vec<SettingsFinding>) -> Option<Self> {
        let lines = match key_lines(text) {
            Ok(lines) => lines,
            Err(why) => {
                findings.push(SettingsFinding::error(name, format!("{name} is not TOML: {why}")));
                return None;
            }
        };
        let tables = match File::from_str(text, FileFormat::Toml).collect() {
            Ok(tables) => tables,
            Err(why) => {
                findings.push(SettingsFinding::error(name, format!("{name} cannot be read: {why}")));
                return None;
            }
        };
        let place = |key: &str| match lines.get(key) {
            Some(line) => format!("{name} line {line}"),
            None => name.to_owned(),
        };
        Some(Self {
            sections: known(tables, &place, findings),
        })
    }

    /// Takes `GRIND__SECTION__KEY` variables; anything else in the environment is none of ours.
    pub fn of_environment(variables: &BTreeMap<String, String>, findings: &mut Vec<SettingsFinding>) -> Self {
        let given: HashMap<String, String> = variables.clone().into_iter().collect();
        let flat = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(Some(given.into_iter().collect()))
            .collect()
            .unwrap_or_default();
        let mut tables: Map<String, Value> = Map::new();
        for (path, value) in flat {
            match path.rsplit_once('.') {
                Some((section, name)) => insert(&mut tables, section, name, value),
                None => drop(tables.insert(path, value)),
            }
        }
        Self {
            sections: known(tables, &variable, findings),
        }
    }
}

/// The variable that sets a key.
fn variable(key: &str) -> String {
    format!(
        "{ENVIRONMENT}{PREFIX}{SEPARATOR}{}",
        key.replace('.', SEPARATOR).to_uppercase()
    )
}

/// Was this value given by the environment?
pub(super) fn from_environment(origin: &str) -> bool {
    origin.starts_with(ENVIRONMENT)
}

/// The folder of the file that a value stands in.
pub(super) fn folder(origin: &str) -> Option<&Path> {
    let (file, line) = origin.rsplit_once(" line ")?;
    line.parse::<usize>().ok()?;
    Path::new(file).parent()
}

fn insert(tables: &mut Map<String, Value>, section: &str, name: &str, value: Value) {
    let table = tables
        .entry(section.to_owned())
        .or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
    if let ValueKind::Table(keys) = &mut table.kind {
        keys.insert(name.to_owned(), value);
    }
}

fn is_section(name: &str) -> bool {
    Settings::keys().any(|key| key.section == name)
}

/// The tables of all sections: one within another stands beside it, with both names.
fn by_section(tables: Map<String, Value>) -> Vec<(String, Value)> {
    let mut sections = Vec::new();
    for (section, mut table) in tables {
        if let ValueKind::Table(keys) = &mut table.kind {
            let inner: Vec<_> = keys
                .keys()
                .filter(|name| is_section(&format!("{section}.{name}")))
                .cloned()
                .collect();
            sections.extend(
                inner
                    .into_iter()
                    .filter_map(|name| Some((format!("{section}.{name}"), keys.remove(&name)?))),
            );
        }
        sections.push((section, table));
    }
    sections
}

/// Keeps the known keys, with their place as origin, and reports the others.
fn known(
    tables: Map<String, Value>,
    place: &dyn Fn(&str) -> String,
    findings: &mut Vec<SettingsFinding>,
) -> Map<String, Value> {
    let mut kept = Map::new();
    for (section, table) in by_section(tables) {
        let is_section = is_section(&section);
        match table.kind {
            ValueKind::Table(keys) if is_section => {
                for (name, value) in keys {
                    let path = format!("{section}.{name}");
                    let place = place(&path);
                    if path == LEASES {
                        findings.push(removed_leases(&value, &place));
                    } else if !Settings::keys().any(|key| key.section == section && key.name == name) {
                        findings.push(unknown_key(&path, &place));
                    } else if matches!(value.kind, ValueKind::Table(_)) {
                        findings.push(no_value(&path, &place));
                    } else {
                        insert(&mut kept, &section, &name, Value::new(Some(&place), value.kind));
                    }
                }
            }
            _ if is_section => findings.push(no_table(&section, &place(&section))),
            _ => findings.push(unknown_section(&section, &place(&section))),
        }
    }
    kept
}

/// How work was shared before all daemons of a library had one catalog. Daemons with a catalog each must not start: they would
/// fetch every book each, at a rate of their own.
fn removed_leases(value: &Value, place: &str) -> SettingsFinding {
    let text = format!(
        "{LEASES} in {place} is a key no more: sharing is automatic, every daemon that uses this catalog shares the work"
    );
    match value.to_string().as_str() {
        "dapr" => SettingsFinding::error(
            LEASES,
            format!(
                "{text}; give machines that had a catalog each one on a PostgreSQL server (catalog.url), and remove the key"
            ),
        ),
        _ => SettingsFinding::warning(LEASES, format!("{text}; remove it")),
    }
}

fn no_table(section: &str, place: &str) -> SettingsFinding {
    SettingsFinding::error(
        section,
        format!("{section} in {place} is one value, but should be a table [{section}] with keys in it"),
    )
}

fn no_value(path: &str, place: &str) -> SettingsFinding {
    SettingsFinding::error(path, format!("{path} in {place} is a table, but should be one value"))
}

fn unknown_section(section: &str, place: &str) -> SettingsFinding {
    let nearest = nearest(section, Settings::keys().map(|key| key.section.to_owned()));
    SettingsFinding::error(
        section,
        format!(
            "[{section}] in {place} is not a known section{}",
            hint(nearest.as_deref())
        ),
    )
}

fn unknown_key(path: &str, place: &str) -> SettingsFinding {
    let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
    let elsewhere = Settings::keys()
        .find(|key| key.name == name)
        .map(crate::settings::section::ConfigKey::path);
    let nearest = nearest(path, Settings::keys().map(crate::settings::section::ConfigKey::path)).or(elsewhere);
    SettingsFinding::error(
        path,
        format!("{path} in {place} is not a known key{}", hint(nearest.as_deref())),
    )
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; grind check-config --print shows all there are".to_owned(),
    }
}

/// The known word most like this one, unless none is alike.
fn nearest(word: &str, known: impl Iterator<Item = String>) -> Option<String> {
    const ALIKE: f64 = 0.6;
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, &candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// On which line each `section` and each `section.key` of a TOML text stands.
fn key_lines(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let document = toml::de::DeTable::parse(text).map_err(|error| {
        let at = error
            .span()
            .map_or_else(String::new, |span| format!(" (line {})", line(span.start)));
        format!("{}{at}", error.message().replace('\n', ", "))
    })?;
    let mut lines = BTreeMap::new();
    for (section, table) in document.get_ref() {
        lines.insert(section.get_ref().to_string(), line(section.span().start));
        let Some(keys) = table.get_ref().as_table() else {
            continue;
        };
        for (name, value) in keys {
            let path = format!("{}.{}", section.get_ref(), name.get_ref());
            for inner in value.get_ref().as_table().into_iter().flat_map(|table| table.keys()) {
                lines.insert(format!("{path}.{}", inner.get_ref()), line(inner.span().start));
            }
            lines.insert(path, line(name.span().start));
        }
    }
    Ok(lines)
}
