//! Whether an answer is fit, looked at when it is given.

use std::path::{Path, PathBuf};

use url::Url;

use crate::cli::init::answers::StoreAnswers;
use crate::cli::own_folder::not_its_own;
use crate::cli::preflight;
use crate::grin::{
    ClientSecretFile, LibraryDirectory, ServiceAccountKey, TokenUriPolicy, read_passphrase, read_secret_bytes,
};
use crate::session::service_account_can_sign;
use crate::settings::{Settings, SettingsSources, StorageAddress, StoreProvider, wrong_address};
use crate::storage::{MARKER_NAME, StorageConfig, StorageLayout};

/// GRIN's directory.
pub fn library(text: &str) -> Result<String, String> {
    match LibraryDirectory::parse(text) {
        Ok(library) => Ok(library.as_str().to_owned()),
        Err(bad) => Err(bad.to_string()),
    }
}

/// An address. A folder is the library's own, and takes an object; an object store is tried with its keys. `present` are the settings that
/// are in force before a configuration is written.
pub fn storage(url: &str, present: &SettingsSources) -> Result<String, String> {
    if let Some(folder) = StorageAddress::folder_of(url) {
        own_folder(&folder, &layouts(present))?;
    }
    if StorageAddress::provider_of(url).is_none() {
        tried(url, None, &StoreAnswers::default())?;
    }
    Ok(url.to_owned())
}

/// Under which names a library may lie there: by the configuration that is replaced, drop-ins beside it and the environment, or as a new one
/// has them.
fn layouts(present: &SettingsSources) -> Vec<StorageLayout> {
    let present = Settings::load_leniently(present);
    let all = [present, Settings::load_leniently(&SettingsSources::default())];
    let layouts = all.iter().flatten().map(StorageLayout::from_settings);
    layouts.filter_map(Result::ok).collect()
}

/// Refuses a folder that is somebody's home, or has other things in it than a library: it is given to the daemon's user, who alone may enter
/// it then. Of one that cannot be read, what is tried in it tells.
fn own_folder(folder: &Path, layouts: &[StorageLayout]) -> Result<(), String> {
    if let Some(why) = not_its_own(folder, true) {
        return Err(why);
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    let names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let is_fit = |name: &String| layouts.iter().any(|layout| layout.is_of_root(name));
    let other = names.iter().find(|name| !is_fit(name));
    match other.filter(|_| !names.iter().any(|name| name == MARKER_NAME)) {
        Some(other) => Err(format!(
            "{} holds other things ({other}), and a library has a folder of its own: name one below it, which may be new",
            folder.display()
        )),
        None => Ok(()),
    }
}

/// The address of an object store; empty: its provider's own.
pub fn endpoint(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("write https:// and the name of the server, as in https://minio.example.org:9000".to_owned());
    }
    match wrong_address("storage.endpoint", &url) {
        Some(why) => Err(why),
        None => Ok(Some(url)),
    }
}

/// A region or an account; empty: the one that the environment names, or none.
pub fn name_at_store(text: &str) -> Result<Option<String>, String> {
    match text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        true => Err(format!("{text:?} has a blank in it")),
        false => Ok((!text.is_empty()).then(|| text.to_owned())),
    }
}

/// Keys with which the object store takes an object; empty: those of the environment, or the machine's own.
pub fn storage_keys(file: &str, url: &str, store: &StoreAnswers) -> Result<Option<PathBuf>, String> {
    let with_hint = |why: String| format!("{why}{}", not_given(url, store));
    if file.is_empty() {
        return tried(url, None, store).map(|()| None).map_err(with_hint);
    }
    let file = absolute(file)?;
    read_secret_bytes(&file).map_err(|error| error.to_string())?;
    tried(url, Some(&file), store).map_err(with_hint)?;
    Ok(Some(file))
}

/// Which flags were left out that may be what is wrong, where the keys are not.
fn not_given(url: &str, store: &StoreAnswers) -> String {
    let provider = StorageAddress::provider_of(url);
    let flags = [
        ("--endpoint", store.endpoint.is_none()),
        (
            "--region",
            store.region.is_none() && provider == Some(StoreProvider::S3),
        ),
        (
            "--account",
            store.account.is_none() && provider == Some(StoreProvider::Azure),
        ),
    ];
    let left_out: Vec<&str> = flags
        .iter()
        .filter(|(_, is_out)| *is_out)
        .map(|(flag, _)| *flag)
        .collect();
    match left_out.is_empty() {
        true => String::new(),
        false => format!(" Not given, and maybe needed: {}.", left_out.join(", ")),
    }
}

fn tried(url: &str, keys: Option<&Path>, store: &StoreAnswers) -> Result<(), String> {
    let config = StorageConfig {
        endpoint: store.endpoint.clone(),
        region: store.region.clone(),
        account: store.account.clone(),
        credentials_file: keys.map(Path::to_owned),
        ..StorageConfig::of_url(url)
    };
    preflight::storage_fault(&config).map_or(Ok(()), Err)
}

/// `true`: as a person.
pub fn kind_of_sign_in(text: &str) -> Result<bool, String> {
    match text {
        "1" => Ok(false),
        "2" => Ok(true),
        _ => Err("answer 1 or 2".to_owned()),
    }
}

/// `true`: yes.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err("answer yes or no".to_owned()),
    }
}

/// The key of a service account that can sign.
pub fn service_account(path: &str) -> Result<PathBuf, String> {
    let path = absolute(path)?;
    let key = ServiceAccountKey::read(&path).map_err(|error| error.to_string())?;
    if !service_account_can_sign(&key) {
        return Err(format!("{} holds no RSA key in PEM, so it cannot sign", path.display()));
    }
    token_uri(&key.token_uri)?;
    Ok(path)
}

/// A client of Google's console.
pub fn client_secret(path: &str) -> Result<PathBuf, String> {
    let path = absolute(path)?;
    let client = ClientSecretFile::read(&path).map_err(|error| error.to_string())?;
    token_uri(&client.token_uri)?;
    Ok(path)
}

/// Secrets go to Google only, unless the settings say otherwise.
fn token_uri(uri: &str) -> Result<(), String> {
    TokenUriPolicy::default()
        .check(uri)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// A file with a passphrase in it.
pub fn passphrase(path: &str) -> Result<PathBuf, String> {
    let path = absolute(path)?;
    let passphrase = read_passphrase(&path).map_err(|error| error.to_string())?;
    if passphrase.expose().is_empty() {
        return Err(format!("the first line of {} is empty", path.display()));
    }
    Ok(path)
}

/// What systemd and the configuration can name.
fn absolute(path: &str) -> Result<PathBuf, String> {
    let resolved = Path::new(path).canonicalize();
    resolved.map_err(|error| format!("{path:?} cannot be found: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_has_a_folder_of_its_own() {
        let layouts = layouts(&SettingsSources::default());
        for (entries, is_fit) in [
            (&[][..], true),
            (&["lost+found", ".snapshot"], true),
            (&["raw", "meta"], true),
            (&[MARKER_NAME, "raw", "notes"], true),
            (&["bin", "lib"], false),
            (&["raw", "notes"], false),
            (&[".bashrc", ".ssh"], false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for entry in entries {
                std::fs::create_dir(folder.path().join(entry)).unwrap();
            }
            let told = own_folder(folder.path(), &layouts);
            assert_eq!(told.is_ok(), is_fit, "{entries:?}: {told:?}");
        }
        assert!(own_folder(Path::new("/nonexistent/library"), &layouts).is_ok());
        for folder in ["/", "/usr"] {
            let told = own_folder(Path::new(folder), &layouts).unwrap_err();
            assert!(told.contains("name one below it"), "{told}");
        }
    }

    #[test]
    fn a_library_without_a_marker_is_known_by_the_prefixes_that_are_in_force() {
        let folder = tempfile::tempdir().unwrap();
        for entry in ["archives", "full", "quarantine"] {
            std::fs::create_dir(folder.path().join(entry)).unwrap();
        }
        let url = format!("file://{}", folder.path().display());
        let mut present = SettingsSources::default();
        let refused = storage(&url, &present).unwrap_err();
        assert!(refused.contains("archives"), "{refused}");
        let prefix = ("GRIND__STORAGE__RAW_PREFIX".to_owned(), "archives".to_owned());
        present.env.extend([prefix]);
        assert_eq!(storage(&url, &present), Ok(url));
    }

    #[test]
    fn what_was_left_out_is_named_where_a_store_cannot_be_reached() {
        let all = StoreAnswers {
            endpoint: Some("https://minio.example.org".parse().unwrap()),
            region: Some("us-east-1".to_owned()),
            account: Some("books".to_owned()),
        };
        for (url, store, expected) in [
            (
                "s3://books",
                StoreAnswers::default(),
                " Not given, and maybe needed: --endpoint, --region.",
            ),
            (
                "az://books",
                StoreAnswers::default(),
                " Not given, and maybe needed: --endpoint, --account.",
            ),
            (
                "gs://books",
                StoreAnswers::default(),
                " Not given, and maybe needed: --endpoint.",
            ),
            ("s3://books", all, ""),
        ] {
            assert_eq!(not_given(url, &store), expected, "{url}");
        }
    }
}
