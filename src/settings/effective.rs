//! The configuration in force, printed as TOML that could be read again.

use std::fmt::Write as _;

use crate::settings::hook_target::HookTarget;
use crate::settings::section::ConfigKey;
use crate::settings::sections::Settings;

impl Settings {
    /// Every key with its value as TOML; unset ones as comments, passwords inside addresses and arguments of a command as `***`, homes of
    /// persons as `~`.
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
            toml::Value::String(without_homes(&whom(text))).to_string()
        }
        toml::Value::String(text) => toml::Value::String(without_homes(&masked(text))).to_string(),
        toml::Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| shown(key, value)).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whom a hook tells, or is meant to. Path and query of an address are often the key to it, and so are arguments of a command.
pub(super) fn whom(text: &str) -> String {
    if !text.contains("://") || text.trim_start().starts_with('/') {
        let (program, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
        return match rest.is_empty() {
            true => program.to_owned(),
            false => format!("{program} ***"),
        };
    }
    match HookTarget::parse(text) {
        Ok(HookTarget::Address(url)) if url.path() != "/" || url.query().is_some() => {
            format!("{}/***", url.origin().ascii_serialization())
        }
        _ => masked(text),
    }
}

/// Folders in which persons have their homes.
const HOMES: [&str; 2] = ["/home/", "/Users/"];

/// A text with `~` for each home of a person, whose name a path would tell.
pub(crate) fn without_homes(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let next = |text: &str| {
        let found = HOMES.iter().filter_map(|homes| Some((text.find(homes)?, homes.len())));
        found.min()
    };
    while let Some((at, length)) = next(rest) {
        let (before, home) = rest.split_at(at);
        let is_at_front = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | ',' | ';' | ':' | ')' | '?' | '&');
        let name = home[length..].find(ends).unwrap_or(home.len() - length);
        out.push_str(before);
        match is_at_front && name > 0 {
            true => out.push('~'),
            false => out.push_str(&home[..length + name]),
        }
        rest = &home[length + name..];
    }
    out + rest
}

/// An address whose user part is replaced by `***`, and on the web what follows the question mark; other texts as they are.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let shown = match rest[..user_ends_before(scheme, rest)].rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://***{}", &rest[user.len()..]),
        None => text.to_owned(),
    };
    match shown.split_once('?') {
        Some((before, _)) if matches!(scheme, "http" | "https") => format!("{before}?***"),
        _ => shown,
    }
}

/// Where the user part ends at the latest. In passwords `#`, `?` and `/` are not always written as their numbers: that of a database reaches
/// to its query, any other to the path.
fn user_ends_before(scheme: &str, rest: &str) -> usize {
    let is_query = |text: &str| {
        let name = text.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let ends_at = match scheme.to_ascii_lowercase().contains("postgres") {
        true => rest.find('?').filter(|at| is_query(&rest[at + 1..])),
        false => rest.find('/'),
    };
    ends_at.unwrap_or(rest.len())
}

/// An address of a catalog that is refused, without what may be a password in it: nothing of who signs in, nothing that follows the place,
/// and nothing of other forms, as in `host=db password=…`.
pub(crate) fn masked_catalog_address(text: &str) -> String {
    const HIDDEN: &str = "***";
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let place = rest.split(['?', '#']).next().unwrap_or_default();
    let is_open = rest[place.len()..].contains('@');
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    if scheme.contains('=') || host.contains('=') || (scheme.is_empty() && text.contains('=')) {
        return HIDDEN.to_owned();
    }
    match (is_open, host.len() < place.len()) {
        // Whether that is the end of the password, or stands in the query, nobody knows.
        (true, _) => format!("{scheme}{HIDDEN}"),
        (false, true) => format!("{scheme}{HIDDEN}@{host}"),
        (false, false) => format!("{scheme}{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_command_the_program_is_shown_and_of_a_home_nobody() {
        for (text, shown) in [
            ("/usr/local/bin/told", "/usr/local/bin/told"),
            ("/usr/local/bin/told --token S3CR3T", "/usr/local/bin/told ***"),
            ("/bin/told https://k:hush@h.example/x", "/bin/told ***"),
            ("/home/jane.doe/bin/told -v", "~/bin/told ***"),
            ("told --token S3CR3T", "told ***"),
        ] {
            assert_eq!(without_homes(&whom(text)), shown, "{text}");
        }
        for (text, shown) in [
            ("/home/jane.doe/key.json", "~/key.json"),
            ("file:///home/jane/library", "file://~/library"),
            ("/Users/jane", "~"),
            ("cannot read \"/home/jane\": /home/joe/x", "cannot read \"~\": ~/x"),
            (
                "postgres://db/grind?passfile=/home/jane/pw",
                "postgres://db/grind?passfile=~/pw",
            ),
            ("/home/", "/home/"),
            ("/home", "/home"),
            ("/srv/home/books", "/srv/home/books"),
            ("https://h.example/home/page", "https://h.example/home/page"),
        ] {
            assert_eq!(without_homes(text), shown, "{text}");
        }
    }

    #[test]
    fn no_form_of_an_address_shows_a_password() {
        for (text, shown) in [
            ("postgres://me:1234#hush@db/grind", "postgres://***@db/grind"),
            ("postgres://me:hush/hush@db/grind", "postgres://***@db/grind"),
            ("postgres://me:1?hush@db/grind", "postgres://***@db/grind"),
            (
                "postgres://me:hush@db/grind?passfile=/a@b",
                "postgres://***@db/grind?passfile=/a@b",
            ),
            ("Postgres://me:hush@db/grind", "Postgres://***@db/grind"),
            ("s3://key:hush#hush@bucket/a@b", "s3://***@bucket/a@b"),
            ("https://me:hush#hush@h/told?key=hush", "https://***@h/told?***"),
            ("https://me:hush?hush@h/told?key=hush", "https://***@h/told?***"),
            ("file:///srv/a@b", "file:///srv/a@b"),
            ("postgres://db/grind", "postgres://db/grind"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn no_form_of_a_catalogs_address_that_is_refused_shows_a_password() {
        for (text, shown) in [
            (
                "postgresql+psycopg2://me:hush@db/grind",
                "postgresql+psycopg2://***@db/grind",
            ),
            (" postgres://me:hush@db/grind", " postgres://***@db/grind"),
            (
                "jdbc:postgresql://db/grind?user=me&password=hush",
                "jdbc:postgresql://db/grind",
            ),
            ("postgres://me:1234#hush@db/grind", "postgres://***"),
            ("jdbc:postgresql://db/grind?password=hush@hush", "jdbc:postgresql://***"),
            ("postgres:me:hush@db/grind", "***@db/grind"),
            ("host=db user=me password=hush", "***"),
            ("host=db password=hush@hush", "***"),
            ("mysql://me:hush/hush@db/grind", "mysql://***@db/grind"),
            ("/tmp/x.db", "/tmp/x.db"),
            ("sqlite:catalog.db", "sqlite:catalog.db"),
        ] {
            assert_eq!(masked_catalog_address(text), shown, "{text}");
        }
    }
}
