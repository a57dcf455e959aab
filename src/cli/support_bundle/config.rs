//! The configuration in force, without books and secrets.

use toml::{Table, Value};

use crate::cli::support_bundle::pseudonyms::{BookPseudonyms, ELSEWHERE};
use crate::diagnostics::without_secrets;
use crate::settings::Settings;

/// It stays TOML: only what stands inside texts is replaced.
pub(super) fn config(settings: &Settings, names: &BookPseudonyms) -> String {
    let config = settings.effective();
    config.lines().map(|line| without_books(line, names) + "\n").collect()
}

fn without_books(line: &str, names: &BookPseudonyms) -> String {
    match line.parse::<Table>() {
        Ok(keys) if !line.starts_with('[') && !keys.is_empty() => {
            let lines = keys
                .into_iter()
                .map(|(key, value)| format!("{key} = {}", hidden(value, names)));
            lines.collect()
        }
        _ => line.to_owned(),
    }
}

fn hidden(value: Value, names: &BookPseudonyms) -> Value {
    match value {
        Value::String(text) => Value::String(names.plain(&without_secrets(&text), ELSEWHERE)),
        Value::Array(values) => Value::Array(values.into_iter().map(|value| hidden(value, names)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_leaves_toml() {
        let names = BookPseudonyms::new(&[], Vec::new(), &[]);
        for (line, expected) in [
            (
                "token_uri_allowed = [\"http://me:S3@h/token\", \"http://h/t\"]",
                "token_uri_allowed = [\"http://***@h/token\", \"http://h/t\"]",
            ),
            ("url = \"https://h/?token=S3\"", "url = \"https://h/?token=***\""),
            ("from = \"jane@lib.example\"", "from = \"***\""),
            ("requests_per_second = 5.0", "requests_per_second = 5.0"),
            ("[auth]", "[auth]"),
            ("# proxy is not set", "# proxy is not set"),
        ] {
            let said = without_books(line, &names);
            assert_eq!(said, expected);
            assert!(said.parse::<Table>().is_ok(), "{said}");
        }
    }
}
