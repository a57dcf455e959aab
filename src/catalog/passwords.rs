//! What PostgreSQL's own programs read about a server: the service file and the password file.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where the system's service file is, as Debian's programs have it.
const SYSTEM_FOLDER: &str = "/etc/postgresql-common";

/// The parts of an address by their names.
type AddressParts = BTreeMap<String, String>;

/// Adds what the service says that `service` in the address or `PGSERVICE` names; what the address says itself stays.
pub(super) fn fill_from_service(parts: &mut AddressParts) -> Result<(), String> {
    let Some(name) = parts.remove("service").or_else(|| env::var("PGSERVICE").ok()) else {
        return Ok(());
    };
    let service = service_in(&ServiceFiles::of_environment(), &name)?;
    for (name, value) in service {
        parts.entry(name).or_insert(value);
    }
    Ok(())
}

/// Where services are described: in the user's file, or else in the system's.
struct ServiceFiles {
    /// Named by `PGSERVICEFILE`: then it must be there.
    named: Option<PathBuf>,
    /// Those that need not be there.
    usual: Vec<PathBuf>,
}

impl ServiceFiles {
    fn of_environment() -> Self {
        let named = env::var_os("PGSERVICEFILE").map(PathBuf::from);
        let own = home(".pg_service.conf").filter(|_| named.is_none());
        let system = env::var_os("PGSYSCONFDIR").unwrap_or_else(|| SYSTEM_FOLDER.into());
        let system = PathBuf::from(system).join("pg_service.conf");
        Self {
            named,
            usual: own.into_iter().chain([system]).collect(),
        }
    }
}

/// What the first file says that has this service.
fn service_in(files: &ServiceFiles, name: &str) -> Result<AddressParts, String> {
    let usual = files.usual.iter().filter(|file| file.exists());
    let mut looked_at = Vec::new();
    for file in files.named.iter().chain(usual) {
        let text = fs::read_to_string(file).map_err(|error| format!("service file {}: {error}", file.display()))?;
        if let Some(service) = service_of(&text, name) {
            return Ok(service);
        }
        looked_at.push(file.display().to_string());
    }
    Err(match looked_at.is_empty() {
        true => format!("there is no service file to look {name:?} up in; PGSERVICEFILE may name one"),
        false => format!("no service {name:?} in {}", looked_at.join(" or ")),
    })
}

/// Adds the password from the file that `passfile` in the address or `PGPASSFILE` names, else `~/.pgpass`; a relative path is looked for
/// under `$CREDENTIALS_DIRECTORY` first.
pub(super) fn fill_password(parts: &mut AddressParts) -> Result<(), String> {
    let named = parts.remove("passfile").or_else(|| env::var("PGPASSFILE").ok());
    if parts.contains_key("password") {
        return Ok(());
    }
    let text = match named {
        Some(name) => read_secret(&credential(&name))?,
        None => match home(".pgpass").filter(|file| file.is_file()) {
            Some(file) => read_secret(&file)?,
            None => String::new(),
        },
    };
    if let Some(password) = password_of(&text, parts) {
        parts.insert("password".into(), password);
    }
    Ok(())
}

/// Reads a password file, which nobody else may read.
fn read_secret(file: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("password file {}: {error}", file.display());
    let metadata = fs::metadata(file).map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o007 != 0 {
        let file = file.display();
        return Err(format!(
            "password file {file}: every user of this machine can read or change it; chmod 600 {file}"
        ));
    }
    fs::read_to_string(file).map_err(failed)
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
    use std::os::unix::fs::PermissionsExt as _;

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
    fn a_service_is_looked_for_in_the_users_file_and_then_in_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("own"), "[grind]\nhost=own\n").unwrap();
        fs::write(file("system"), "[grind]\nhost=system\n[other]\nhost=other\n").unwrap();
        let found = |named: Option<&str>, usual: &[&str], name: &str| {
            let files = ServiceFiles {
                named: named.map(file),
                usual: usual.iter().map(|name| file(name)).collect(),
            };
            service_in(&files, name).map(|service| service["host"].clone())
        };
        let both = ["own", "system"];
        assert_eq!(found(None, &both, "grind").as_deref(), Ok("own"));
        assert_eq!(found(None, &both, "other").as_deref(), Ok("other"));
        assert_eq!(found(None, &["none", "system"], "grind").as_deref(), Ok("system"));
        assert_eq!(found(Some("own"), &["system"], "other").as_deref(), Ok("other"));
        let told = |named, usual: &[&str]| found(named, usual, "missing").unwrap_err();
        assert!(told(None, &both).contains("own or "), "{}", told(None, &both));
        assert!(told(Some("none"), &["system"]).contains("No such file"));
        assert!(told(None, &["none"]).contains("PGSERVICEFILE"));
    }

    #[test]
    fn a_password_file_that_everybody_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        fs::write(&file, "*:*:*:me:secret\n").unwrap();
        for (mode, is_read) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_secret(&file);
            assert_eq!(read.is_ok(), is_read, "{mode:o}: {read:?}");
            assert!(read.is_ok() || !read.unwrap_err().contains("secret"));
        }
        assert_eq!(read_secret(Path::new("/dev/null")).as_deref(), Ok(""), "no password");
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
