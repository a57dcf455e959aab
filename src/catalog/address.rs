//! Where the catalog is: in a file of SQLite's, or in a database of a PostgreSQL server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio_postgres::config::{Host, SslMode};
use url::Url;

use crate::catalog::CatalogError;
use crate::catalog::engine::postgres::failure::words;
use crate::catalog::engine::postgres::tls::{TlsDemand, TlsMode};
use crate::catalog::passwords;
use crate::settings::{catalog_file, masked_catalog_address};

/// What `catalog.url` names.
#[derive(Debug, Clone)]
pub enum CatalogAddress {
    /// The file of `sqlite:///path`.
    Sqlite(PathBuf),
    /// The database of `postgres://host/database`.
    Postgres(Box<PostgresAddress>),
}

/// A database on a PostgreSQL server, and how to sign in.
#[derive(Clone)]
pub struct PostgresAddress {
    config: tokio_postgres::Config,
    tls: TlsDemand,
    shown: String,
}

impl CatalogAddress {
    /// Reads an address. What that of a server does not tell comes from `PGSERVICE` and the service file, and the password from
    /// `PGPASSFILE` or `~/.pgpass`, as with PostgreSQL's own programs.
    pub fn parse(url: &str) -> Result<Self, CatalogError> {
        if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            let refused = || CatalogError::Address {
                url: masked_catalog_address(url),
            };
            return catalog_file(url).map(Self::Sqlite).ok_or_else(refused);
        }
        if url.contains('#') {
            return Err(refused(url, "a # ends an address; in a password it is written %23"));
        }
        let mut parts = parts_of(url).ok_or_else(|| refused(url, "it is no address of a server"))?;
        passwords::fill_from_service(&mut parts).map_err(|cause| refused(url, &cause))?;
        passwords::fill_password(&mut parts).map_err(|cause| refused(url, &cause))?;
        let address = PostgresAddress::of(parts).map_err(|cause| refused(url, &cause))?;
        Ok(Self::Postgres(Box::new(address)))
    }

    /// The catalog's file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// As people are shown it, without a password.
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(address) => address.shown.clone(),
        }
    }
}

impl PostgresAddress {
    /// The address of these parts, by the names that PostgreSQL's own programs give them.
    fn of(mut parts: BTreeMap<String, String>) -> Result<Self, String> {
        let mode = parts.remove("sslmode");
        let mode = TlsMode::read(mode.as_deref().unwrap_or("prefer"))?;
        let tls = TlsDemand {
            mode,
            root_certificates: parts.remove("sslrootcert").map(PathBuf::from),
        };
        tls.check()?;
        let pairs = parts.iter().map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            format!("{name}='{value}'")
        });
        let pairs = pairs.collect::<Vec<_>>().join(" ");
        let mut config: tokio_postgres::Config = pairs.parse().map_err(|error| words(&error))?;
        config.ssl_mode(match mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        if config.get_hosts().is_empty() {
            config.host_path("/var/run/postgresql");
        }
        if config.get_application_name().is_none() {
            config.application_name(env!("CARGO_PKG_NAME"));
        }
        config.tcp_user_timeout(std::time::Duration::from_secs(30));
        Ok(Self {
            shown: shown(&config),
            config,
            tls,
        })
    }

    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    pub(crate) fn tls(&self) -> &TlsDemand {
        &self.tls
    }

    /// As people are shown it, without a password.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

impl std::fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

fn refused(url: &str, cause: &str) -> CatalogError {
    CatalogError::ServerAddress {
        url: masked_catalog_address(url),
        cause: cause.into(),
    }
}

fn shown(config: &tokio_postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) if name.contains(':') => format!("[{name}]"),
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let port = config
        .get_ports()
        .first()
        .map_or_else(String::new, |port| format!(":{port}"));
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{host}{port}/{database}")
}

/// Host, port, user, password, database and what else stands in the address.
fn parts_of(url: &str) -> Option<BTreeMap<String, String>> {
    let url = Url::parse(url).ok().filter(|url| !url.cannot_be_a_base())?;
    let mut parts = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            parts.insert(name.to_owned(), value);
        }
    };
    let host = url.host_str().unwrap_or_default();
    // An IPv6 address stands in brackets, which are none of its own.
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    set("host", decoded(host)?);
    set("port", url.port().map_or_else(String::new, |port| port.to_string()));
    set("user", decoded(url.username())?);
    set("password", decoded(url.password().unwrap_or_default())?);
    set("dbname", decoded(url.path().trim_start_matches('/'))?);
    for pair in url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=')?;
        set(&decoded(name)?, decoded(value)?);
    }
    Some(parts)
}

/// Text with `%2F` and the like read; a plus sign is one, as in passwords.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> PostgresAddress {
        match CatalogAddress::parse(url) {
            Ok(CatalogAddress::Postgres(address)) => *address,
            other => panic!("{url}: {other:?}"),
        }
    }

    /// A file with the certificate of an authority.
    fn authority(folder: &tempfile::TempDir) -> PathBuf {
        let file = folder.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(vec!["db.example.org".to_owned()]).unwrap();
        std::fs::write(&file, made.cert.pem()).unwrap();
        file
    }

    #[test]
    fn addresses_of_servers_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = authority(&folder);
        let url = "postgres://me:a%2Bb+c%27@db.example.org:5433/grind?sslmode=verify-full&sslrootcert=";
        let address = server(&format!("{url}{}", file.display()));
        let config = address.config();
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example.org".into())]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("me"), Some("grind")));
        assert_eq!(config.get_password(), Some(&b"a+b+c'"[..]));
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(address.tls().mode, TlsMode::VerifyFull);
        assert_eq!(address.tls().root_certificates.as_deref(), Some(&*file));
        assert_eq!(format!("{address:?}"), "postgres://db.example.org:5433/grind");
    }

    #[test]
    fn a_file_of_authorities_that_is_needed_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let (sound, none, empty) = (
            authority(&folder),
            folder.path().join("none"),
            folder.path().join("empty"),
        );
        std::fs::write(&empty, "").unwrap();
        for (mode, file, is_sound) in [
            ("verify-full", &sound, true),
            ("verify-full", &none, false),
            ("verify-full", &empty, false),
            ("verify-ca", &none, false),
            ("require", &none, false),
            ("require", &sound, true),
            // It is not looked at.
            ("prefer", &none, true),
            ("disable", &none, true),
        ] {
            let path = file.display().to_string();
            let parsed = CatalogAddress::parse(&format!("postgres://me@db/grind?sslmode={mode}&sslrootcert={path}"));
            let refused = parsed.err().map(|error| error.to_string());
            assert_eq!(refused.is_none(), is_sound, "{mode} {path}: {refused:?}");
            let is_named = |why: String| why.contains("sslrootcert") && why.contains(&path);
            assert!(refused.is_none_or(is_named), "{mode} {path}");
        }
    }

    #[test]
    fn an_address_of_numbers_is_read_without_its_brackets() {
        for (url, host, shown) in [
            ("postgres://me@[::1]:5433/grind", "::1", "postgres://[::1]:5433/grind"),
            (
                "postgres://me@[2001:db8::7]/grind",
                "2001:db8::7",
                "postgres://[2001:db8::7]/grind",
            ),
            (
                "postgres://me@192.0.2.7/grind",
                "192.0.2.7",
                "postgres://192.0.2.7/grind",
            ),
        ] {
            let address = server(url);
            assert_eq!(address.config().get_hosts(), [Host::Tcp(host.into())], "{url}");
            assert_eq!(address.shown(), shown);
        }
    }

    #[test]
    fn a_password_is_read_from_the_file_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        std::fs::write(&file, "other:*:*:*:no\ndb:5432:grind:me:of the file\n").unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let url = |file: &Path| format!("postgres://me@db/grind?passfile={}", file.display());
        assert_eq!(server(&url(&file)).config().get_password(), Some(&b"of the file"[..]));
        let error = CatalogAddress::parse(&url(&folder.path().join("none"))).unwrap_err();
        assert!(error.to_string().contains("password file"), "{error}");
    }

    #[test]
    fn a_socket_and_the_usual_modes_are_known() {
        let address = server("postgresql:///grind?host=/run/postgresql&user=me");
        assert_eq!(address.config().get_hosts(), [Host::Unix("/run/postgresql".into())]);
        for (url, mode) in [
            ("postgres://me@db/grind", TlsMode::Prefer),
            ("postgres://me@db/grind?sslmode=disable", TlsMode::Disable),
            ("postgres://me@db/grind?sslmode=require", TlsMode::Require),
            ("postgres://me@db/grind?sslmode=verify-ca", TlsMode::VerifyCa),
        ] {
            assert_eq!(server(url).tls().mode, mode);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_no_password_is_shown() {
        for url in [
            "postgres://me:secret@host/db?sslmode=maybe",
            "postgres://me:secret@host/db?unknown=1",
            "postgres://me:secret%@host/db",
            "postgres://me:secret@host:port/db",
            "postgres://me:1234#secret@host/db",
            "postgres:me:secret@host/db",
        ] {
            let error = CatalogAddress::parse(url).unwrap_err();
            assert!(matches!(error, CatalogError::ServerAddress { .. }), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_catalog_is_refused_and_no_password_is_shown() {
        for url in [
            "postgresql+psycopg2://me:secret@host/db",
            "Postgres://me:secret@host/db",
            " postgres://me:secret@host/db",
            "jdbc:postgresql://host/db?user=me&password=secret",
            "host=db user=me password=secret",
        ] {
            let error = CatalogAddress::parse(url).unwrap_err();
            assert!(matches!(error, CatalogError::Address { .. }), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
