//! What PostgreSQL's own programs read about a server: the service file and the password file.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

/// The parts of an address by their names.
type AddressParts = BTreeMap<String, String>;

/// Adds what the service says that `service` in the address or `PGSERVICE` names; what the address says itself stays.
pub(super) fn fill_from_service(parts: &mut AddressParts) -> Result<(), String> {
    let Some(name) = parts.remove("service").or_else(|| env::var("PGSERVICE").ok()) else {
        return Ok(());
    };
    let file = env::var_os("PGSERVICEFILE").map(PathBuf::from);
    let file = file.or_else(|| home(".pg_service.conf")).unwrap_or_default();
    let text = fs::read_to_string(&file).map_err(|error| format!("service file {}: {error}", file.display()))?;
    let service = service_of(&text, &name).ok_or_else(|| format!("{} has no service {name:?}", file.display()))?;
    for (name, value) in service {
        parts.entry(name).or_insert(value);
    }
    Ok(())
}

/// Adds the password from the file that `passfile` in the address or `PGPASSFILE` names, else `~/.pgpass`; a relative path is looked for
/// under `$CREDENTIALS_DIRECTORY` first.
pub(super) fn fill_password(parts: &mut AddressParts) -> Result<(), String> {
    let named = parts.remove("passfile").or_else(|| env::var("PGPASSFILE").ok());
    if parts.contains_key("password") {
        return Ok(());
    }
    let text = match named {
        Some(name) => {
            let file = credential(&name);
            fs::read_to_string(&file).map_err(|error| format!("password file {}: {error}", file.display()))?
        }
        None => home(".pgpass")
            .and_then(|file| fs::read_to_string(file).ok())
            .unwrap_or_default(),
    };
    if let Some(password) = password_of(&text, parts) {
        parts.insert("password".into(), password);
    }
    Ok(())
}

fn home(name: &str) -> Option<PathBuf> {
    env::var_os("HOME").map(|home| PathBuf::from(home).join(name))
}

fn credential(name: &str) -> PathBuf {
    let under = env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join(name));
    under.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

/// The settings of one service: `[name]`, then `key=value` lines.
fn service_of(text: &str, name: &str) -> Option<AddressParts> {
    let heading = format!("[{name}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != heading);
    lines.next()?;
    let own = lines.take_while(|line| !line.starts_with('['));
    let pairs = own.filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    });
    Some(pairs.collect())
}

/// The password of the first line `host:port:database:user:password` that fits; a star fits all.
fn password_of(text: &str, parts: &AddressParts) -> Option<String> {
    let part = |name: &str| parts.get(name).map(String::as_str);
    let user = part("user").map(str::to_owned).or_else(|| env::var("USER").ok());
    let user = user.unwrap_or_default();
    // A socket's folder counts as this machine.
    let host = part("host")
        .filter(|host| !host.starts_with('/'))
        .unwrap_or("localhost");
    let sought = [
        host,
        part("port").unwrap_or("5432"),
        part("dbname").unwrap_or(&user),
        &user,
    ];
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let fits = |(field, sought): (&String, &str)| field == "*" || field == sought;
        let password = fields.get(4)?;
        fields.iter().zip(sought).all(fits).then(|| password.clone())
    })
}

/// The fields of a line, between colons; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ':' if fields.len() < 5 => fields.push(String::new()),
            c => {
                let c = if c == '\\' { characters.next().unwrap_or(c) } else { c };
                if let Some(last) = fields.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pairs: &[(&str, &str)]) -> AddressParts {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let text = "# comment\nother:5432:grind:me:no\ndb:*:grind:me:a\\:b\\\\c\n*:*:*:me:last\n";
        let db = parts(&[("host", "db"), ("dbname", "grind"), ("user", "me")]);
        assert_eq!(password_of(text, &db).as_deref(), Some("a:b\\c"));
        let socket = parts(&[("host", "/run/postgresql"), ("dbname", "grind"), ("user", "me")]);
        assert_eq!(password_of(text, &socket).as_deref(), Some("last"));
        assert_eq!(password_of(text, &parts(&[("user", "you")])), None);
    }

    #[test]
    fn a_service_has_its_own_lines_only() {
        let text = "[a]\nhost=one\n\n[grind]\n# x\nhost = two\nport=5433\n[z]\nhost=three\n";
        assert_eq!(
            service_of(text, "grind"),
            Some(parts(&[("host", "two"), ("port", "5433")]))
        );
        assert_eq!(service_of(text, "none"), None);
    }
}
