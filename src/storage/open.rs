//! From `storage.url` to a backend.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use crate::settings::StorageAddress;
use crate::storage::Storage;
use crate::storage::backend::StorageBackend;
use crate::storage::error::StorageError;
use crate::storage::key::{ObjectKey, PER_BOOK, QUARANTINE};
use crate::storage::local::LocalStorage;
use crate::storage::object::ObjectStorage;
use crate::storage::places::{OwnPlace, StoragePlaces};

/// What storage needs to know of the settings.
#[derive(Clone)]
pub struct StorageConfig {
    /// `file:///path`, `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or `memory:`.
    pub url: String,
    /// Folders of keys whose objects are elsewhere.
    pub own_urls: Vec<OwnUrl>,
    /// The layout of its objects ([`crate::storage::StorageLayout::name`]), which its marker must have, too; `None` = `per-book`.
    pub layout: Option<String>,
    /// The object store, where it is not its provider's own; `http://` only on this machine.
    pub endpoint: Option<Url>,
    /// S3 region.
    pub region: Option<String>,
    /// Azure storage account.
    pub account: Option<String>,
    /// File with the object store's keys; they come before those of the environment.
    pub credentials_file: Option<PathBuf>,
    /// Room on the disk that is left free.
    pub reserve: SpaceReserve,
    /// Folder for notes on open multipart uploads, so that a sweep can abort them after a kill; none = no notes.
    pub journal: Option<PathBuf>,
    /// Where an object store finds its keys (`AWS_*`, `AZURE_*`, `GOOGLE_*`); `None` = the environment of this process.
    pub environment: Option<BTreeMap<String, String>>,
}

/// A folder of keys whose objects have a place of their own.
#[derive(Clone)]
pub struct OwnUrl {
    /// The folder.
    pub folder: ObjectKey,
    /// As [`StorageConfig::url`]; what is in the folder lies in its root.
    pub url: String,
    /// It is that of archives: those in quarantine are there, too, in a folder of that name.
    pub holds_archives: bool,
}

impl fmt::Debug for OwnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.folder, without_user(&self.url))
    }
}

impl fmt::Debug for StorageConfig {
    /// Without the environment, which has secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &without_user(&self.url))
            .field("own_urls", &self.own_urls)
            .field("layout", &self.layout)
            .field(
                "endpoint",
                &self.endpoint.as_ref().map(|endpoint| without_user(endpoint.as_str())),
            )
            .field("region", &self.region)
            .field("account", &self.account)
            .field("credentials_file", &self.credentials_file)
            .field("reserve", &self.reserve)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

impl StorageConfig {
    /// Only an address, everything else as it is by default.
    pub fn of_url(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            own_urls: Vec::new(),
            layout: None,
            endpoint: None,
            region: None,
            account: None,
            credentials_file: None,
            reserve: SpaceReserve::Bytes(0),
            journal: None,
            environment: None,
        }
    }
}

/// Room that is left free.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpaceReserve {
    /// Of the file system's size, 0 to 100.
    Percent(f64),
    /// So many bytes.
    Bytes(u64),
}

pub(super) type OpenFolder = fn(&Path, SpaceReserve) -> Result<LocalStorage, StorageError>;

/// Every place, each folder opened in this way.
pub(super) fn storage(config: &StorageConfig, open: OpenFolder) -> Result<Storage, StorageError> {
    let main = backend(config, open)?;
    let (mut archives, mut own) = (main.clone(), Vec::new());
    for given in &config.own_urls {
        let backend = backend(
            &StorageConfig {
                url: given.url.clone(),
                ..config.clone()
            },
            open,
        )?;
        let quarantine = ObjectKey::parse(QUARANTINE)?;
        own.push(OwnPlace {
            folder: given.folder.clone(),
            backend: backend.clone(),
            at: None,
            without: given.holds_archives.then(|| quarantine.clone()).into_iter().collect(),
        });
        if given.holds_archives {
            archives = backend.clone();
            own.push(OwnPlace {
                folder: quarantine.clone(),
                backend,
                at: Some(quarantine),
                without: Vec::new(),
            });
        }
    }
    Ok(Storage {
        places: Arc::new(StoragePlaces { main, archives, own }),
        layout: config.layout.as_deref().unwrap_or(PER_BOOK).into(),
        guard: Arc::default(),
        room: None,
    })
}

fn backend(config: &StorageConfig, open: OpenFolder) -> Result<StorageBackend, StorageError> {
    let refused = |why: &str| StorageError::Url {
        url: without_user(&config.url),
        why: why.to_owned(),
    };
    Ok(match StorageAddress::parse(&config.url).map_err(refused)? {
        StorageAddress::Folder(path) => StorageBackend::Local(Arc::new(open(&path, config.reserve)?)),
        StorageAddress::Memory => StorageBackend::Object(Arc::new(ObjectStorage::in_memory()?)),
        StorageAddress::Bucket { provider, name, prefix } => {
            StorageBackend::Object(Arc::new(ObjectStorage::bucket(config, provider, &name, &prefix)?))
        }
    })
}

/// The address without what may be a password.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, place)) => format!("{scheme}://***@{place}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{ObjectListing, ObjectUpload};

    #[test]
    fn the_door_can_be_used_from_any_thread() {
        fn shared<T: Send + Sync + Clone>() {}
        fn sent<T: Send>() {}
        shared::<Storage>();
        sent::<ObjectUpload>();
        sent::<ObjectListing>();
    }

    #[test]
    fn no_secret_is_shown() {
        let keys = [
            ("AWS_ACCESS_KEY_ID", "open"),
            ("AWS_SECRET_ACCESS_KEY", "sesame1"),
            ("AWS_SESSION_TOKEN", "sesame2"),
            ("AZURE_STORAGE_ACCOUNT", "open"),
            ("AZURE_STORAGE_KEY", "c2VzYW1l"),
            ("GOOGLE_BEARER_TOKEN", "sesame4"),
        ];
        for url in ["s3://bucket/x", "az://bucket/x", "gs://bucket/x"] {
            let config = StorageConfig {
                environment: Some(keys.map(|(name, value)| (name.into(), value.into())).into()),
                ..StorageConfig::of_url(url)
            };
            let storage = Storage::open(&config).unwrap();
            let shown = format!("{config:?} {storage:?}");
            assert!(!shown.contains("sesame") && !shown.contains("c2VzYW1l"), "{shown}");
        }
        let config = StorageConfig {
            environment: Some([("AZURE_STORAGE_KEY".into(), "7sesame".into())].into()),
            account: Some("books".into()),
            ..StorageConfig::of_url("az://bucket")
        };
        let refused = Storage::open(&config).unwrap_err().to_string();
        assert!(
            refused.contains("no key of an account") && !refused.contains('7'),
            "{refused}"
        );
    }

    #[test]
    fn a_file_of_keys_that_is_none_is_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "a sesame\nthat is no key").unwrap();
        for (url, words) in [
            ("s3://bucket", "aws_access_key_id"),
            ("az://bucket", "connection string"),
            ("gs://bucket", "service account"),
        ] {
            let config = StorageConfig {
                account: Some("books".into()),
                credentials_file: Some(file.clone()),
                environment: Some(BTreeMap::new()),
                ..StorageConfig::of_url(url)
            };
            let error = Storage::open(&config).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("keys"), "{url}: {error}");
            assert!(!error.contains("sesame"), "{url}: {error}");
        }
        let config = StorageConfig {
            environment: Some(BTreeMap::new()),
            ..StorageConfig::of_url("az://bucket")
        };
        let error = Storage::open(&config).unwrap_err().to_string();
        assert!(error.contains("storage.account"), "{error}");
    }

    #[test]
    fn addresses_that_cannot_be_used_say_why() {
        let cases = [
            ("gs://key:secret@bucket/x", "GOOGLE_"),
            ("az:///x", "no bucket"),
            ("ftp://key:secret@host/x", "***@host"),
            ("file:relative", "absolute path"),
            ("file://host/path", "absolute path"),
            ("s3:///prefix", "no bucket"),
            ("s3://key:secret@bucket/x", "AWS_"),
            ("s3://bucket/../x", "no folder"),
            ("", "should begin"),
        ];
        for (url, words) in cases {
            let error = Storage::open(&StorageConfig::of_url(url)).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
