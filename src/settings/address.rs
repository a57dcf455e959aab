//! What `storage.url` may hold, and `catalog.url` of a file: for the check of a config, and for those who open what it names.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use url::Url;

/// What `storage.url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageAddress {
    /// The folder of `file:///folder`.
    Folder(PathBuf),
    /// The bucket of `s3://bucket/prefix`, the container of `az://container/prefix`, or the bucket of `gs://bucket/prefix`.
    Bucket {
        provider: StoreProvider,
        name: String,
        /// The folder in it, without slashes around; empty for none.
        prefix: String,
    },
    /// `memory:`.
    Memory,
}

/// Whose protocol an object store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreProvider {
    /// Amazon S3, and all that speak like it.
    S3,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Google,
}

impl StoreProvider {
    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" => Some(Self::S3),
            "az" => Some(Self::Azure),
            "gs" => Some(Self::Google),
            _ => None,
        }
    }
}

impl StorageAddress {
    /// Reads an address, or says what is wrong with it in words that show no secret.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match (scheme, StoreProvider::of_scheme(scheme)) {
            (_, Some(provider)) => bucket(url, provider),
            ("file", _) => folder(url)
                .map(Self::Folder)
                .ok_or("write file:// and an absolute path, as in file:///srv/library"),
            ("memory", _) => Ok(Self::Memory),
            _ => Err("it should begin with file://, s3://, az:// or gs://"),
        }
    }

    /// Whose protocol the store has that an address names; `None` where it names none.
    pub(crate) fn provider_of(url: &str) -> Option<StoreProvider> {
        match Self::parse(url) {
            Ok(Self::Bucket { provider, .. }) => Some(provider),
            _ => None,
        }
    }

    /// The folder that an address names; `None` of any other, also of a wrong one.
    pub(crate) fn folder_of(url: &str) -> Option<PathBuf> {
        match Self::parse(url) {
            Ok(Self::Folder(folder)) => Some(folder),
            _ => None,
        }
    }
}

fn folder(url: &str) -> Option<PathBuf> {
    // `Url` would follow what leads upwards, also in percent-encoded dots.
    let path = url.strip_prefix("file://")?;
    if !is_absolute(Path::new(path)) || path.to_ascii_lowercase().contains("%2e") {
        return None;
    }
    let parsed = Url::parse(url).ok()?;
    let is_plain = parsed.query().is_none() && parsed.fragment().is_none();
    parsed.to_file_path().ok().filter(|_| is_plain)
}

fn bucket(url: &str, provider: StoreProvider) -> Result<StorageAddress, &'static str> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if name.contains(['@', ':']) {
        return Err(
            "it has a user name or password in it; keys come from storage.credentials_file or from the environment \
             (AWS_*, AZURE_*, GOOGLE_*)",
        );
    }
    let is_of_bucket = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    // Dots would lead out of the address of the server.
    let leads_out = name.starts_with('.') || name.contains("..");
    if name.is_empty() || leads_out || !name.chars().all(is_of_bucket) {
        return Err(
            "it has no bucket, or one with odd characters; write s3://bucket/prefix, az://container/prefix or gs://bucket/prefix",
        );
    }
    let prefix = prefix.trim_end_matches('/');
    if !prefix.is_empty() && (wrong_key(prefix).is_some() || prefix.contains(['$', '+'])) {
        return Err(
            "what follows its bucket is no folder: parts between single slashes, of letters, digits, . - _ and =, no dot in front",
        );
    }
    Ok(StorageAddress::Bucket {
        provider,
        name: name.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// Longest whole name of an object and longest part of one; every file system and object store takes these.
const LONGEST_KEY: usize = 900;
const LONGEST_PART: usize = 200;

/// What is wrong with the name of an object, or of a folder of objects; `None`: nothing.
pub(crate) fn wrong_key(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > LONGEST_KEY {
        Some("it is too long")
    } else {
        text.split('/').find_map(wrong_part)
    }
}

/// The same of a folder that has the names of all books below it. `$` and `+` are only in the names of books.
pub(crate) fn wrong_prefix(text: &str) -> Option<&'static str> {
    let too_long = (text.len() > LONGEST_KEY / 3).then_some("it is too long");
    let of_books = text.contains(['$', '+']).then_some("it has a dollar or plus sign");
    wrong_key(text).or(of_books).or(too_long)
}

/// The same of the run of the layout `grin-transfer`, which is a folder in the folder of each kind of object.
pub(crate) fn wrong_run(text: &str) -> Option<&'static str> {
    if text.contains('/') {
        return Some("it has a slash");
    }
    // Where archives have a place of their own, it lies beside these in the root.
    let is_taken = matches!(text, "quarantine" | "grind-storage.json");
    is_taken
        .then_some("another object of the storage has this name")
        .or(wrong_prefix(text))
}

fn wrong_part(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        Some("it has an empty part")
    } else if part.starts_with('.') {
        Some("a part begins with a dot")
    } else if part.len() > LONGEST_PART {
        Some("a part is too long")
    } else if !part
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '=' | '$' | '+'))
    {
        Some("it has a character that is not a letter, digit, dot, hyphen, underscore or equals sign")
    } else {
        None
    }
}

/// Absolute, and nothing in it leads upwards.
pub(super) fn is_absolute(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| part != Component::ParentDir)
}

/// The file that a catalog address names: `sqlite:///absolute/path`, or `sqlite:relative/path`.
pub(crate) fn catalog_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let is_file = !path.is_empty() && !path.contains(['?', '\0']) && !path.starts_with(':');
    is_file.then(|| PathBuf::from(path))
}

/// Where what GRIN answers and is not recognised is kept: beside the catalog's file; where that is no file, in the folder that systemd
/// gives to the service, or would.
pub(crate) fn diagnostics_folder(catalog: &str, state_directory: Option<&OsStr>) -> PathBuf {
    let beside = catalog_file(catalog).map(|file| file.parent().map_or_else(PathBuf::new, Path::to_path_buf));
    let given = || state_directory.map_or_else(|| PathBuf::from("/var/lib/grind"), PathBuf::from);
    beside.unwrap_or_else(given).join("diagnostics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_addresses() {
        let of = |provider, name: &str, prefix: &str| {
            Some(StorageAddress::Bucket {
                provider,
                name: name.into(),
                prefix: prefix.into(),
            })
        };
        let bucket = |name, prefix| of(StoreProvider::S3, name, prefix);
        let folder = |path: &str| Some(StorageAddress::Folder(path.into()));
        let cases = [
            ("file:///srv/library", folder("/srv/library")),
            ("file:///srv/my%20library", folder("/srv/my library")),
            ("file:///srv/my library", folder("/srv/my library")),
            ("file:///srv/../etc", None),
            ("file:///srv/%2e%2E/etc", None),
            ("file:///srv/library?x", None),
            ("file:///srv/library#x", None),
            ("file://host/path", None),
            ("file:relative", None),
            ("s3://b", bucket("b", "")),
            ("s3://b/", bucket("b", "")),
            ("s3://b/x/y/", bucket("b", "x/y")),
            ("s3://b/x=y/z.1", bucket("b", "x=y/z.1")),
            ("s3://b/../x", None),
            ("s3://b/x/..", None),
            ("s3://b/./x", None),
            ("s3://b/.x", None),
            ("s3://b//x", None),
            ("s3://b/x//y", None),
            ("s3://b/x y", None),
            ("s3://b/x?y", None),
            ("s3:b", None),
            ("s3://", None),
            ("s3:///x", None),
            ("s3://../x", None),
            ("s3://.b/x", None),
            ("s3://b..c", None),
            ("s3://k:s@b", None),
            ("s3://b c", None),
            ("memory:", Some(StorageAddress::Memory)),
            ("gs://b", of(StoreProvider::Google, "b", "")),
            ("az://books/x/", of(StoreProvider::Azure, "books", "x")),
            ("az://k@books", None),
            ("az:books", None),
            ("ftp://b", None),
            ("/srv/library", None),
        ];
        for (url, address) in cases {
            let folder = match &address {
                Some(StorageAddress::Folder(folder)) => Some(folder.clone()),
                _ => None,
            };
            assert_eq!(StorageAddress::folder_of(url), folder, "{url}");
            assert_eq!(StorageAddress::parse(url).ok(), address, "{url}");
        }
    }

    #[test]
    fn folders_of_diagnostics() {
        for (catalog, given, folder) in [
            ("sqlite:///srv/catalog.db", Some("/var/lib/other"), "/srv/diagnostics"),
            ("sqlite:catalog.db", None, "diagnostics"),
            (
                "postgres://db/grind",
                Some("/var/lib/other"),
                "/var/lib/other/diagnostics",
            ),
            ("postgres://db/grind", None, "/var/lib/grind/diagnostics"),
        ] {
            assert_eq!(
                diagnostics_folder(catalog, given.map(OsStr::new)),
                PathBuf::from(folder),
                "{catalog}"
            );
        }
    }

    #[test]
    fn catalog_files() {
        let cases = [
            ("sqlite:///var/lib/grind/catalog.db", Some("/var/lib/grind/catalog.db")),
            ("sqlite:catalog.db", Some("catalog.db")),
            ("sqlite://catalog.db", Some("catalog.db")),
            ("sqlite::memory:", None),
            ("sqlite://", None),
            ("sqlite:///x?mode=ro", None),
            ("postgres://host/db", None),
            ("/var/lib/catalog.db", None),
        ];
        for (url, path) in cases {
            assert_eq!(catalog_file(url), path.map(PathBuf::from), "{url}");
        }
    }
}
