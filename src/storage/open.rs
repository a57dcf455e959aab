//! From `storage.url` to a backend.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use crate::settings::StorageAddress;
use crate::storage::Backend;
use crate::storage::error::StorageError;
use crate::storage::local::LocalStorage;
use crate::storage::object::ObjectStorage;

/// What storage needs to know of the settings.
#[derive(Clone)]
pub struct StorageConfig {
    /// `file:///path`, `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or `memory:`.
    pub url: String,
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

impl fmt::Debug for StorageConfig {
    /// Without the environment, which has secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &without_user(&self.url))
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

pub(super) fn backend(config: &StorageConfig) -> Result<Backend, StorageError> {
    opened(config, LocalStorage::open)
}

/// Without a folder being made, or anything written.
pub(super) fn backend_to_read(config: &StorageConfig) -> Result<Backend, StorageError> {
    opened(config, LocalStorage::open_existing)
}

type OpenFolder = fn(&Path, SpaceReserve) -> Result<LocalStorage, StorageError>;

fn opened(config: &StorageConfig, open: OpenFolder) -> Result<Backend, StorageError> {
    let refused = |why: &str| StorageError::Url {
        url: without_user(&config.url),
        why: why.to_owned(),
    };
    Ok(match StorageAddress::parse(&config.url).map_err(refused)? {
        StorageAddress::Folder(path) => Backend::Local(Arc::new(open(&path, config.reserve)?)),
        StorageAddress::Memory => Backend::Object(Arc::new(ObjectStorage::in_memory()?)),
        StorageAddress::Bucket { provider, name, prefix } => {
            Backend::Object(Arc::new(ObjectStorage::bucket(config, provider, &name, &prefix)?))
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
    use crate::storage::{ObjectListing, ObjectUpload, Storage};

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
            ("AZURE_STORAGE_KEY", "sesame3="),
            ("GOOGLE_BEARER_TOKEN", "sesame4"),
        ];
        for url in ["s3://bucket/x", "az://bucket/x", "gs://bucket/x"] {
            let config = StorageConfig {
                environment: Some(keys.map(|(name, value)| (name.into(), value.into())).into()),
                ..StorageConfig::of_url(url)
            };
            let storage = Storage::open(&config).unwrap();
            let shown = format!("{config:?} {storage:?}");
            assert!(!shown.contains("sesame"), "{shown}");
        }
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
            let error = backend(&config).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("keys"), "{url}: {error}");
            assert!(!error.contains("sesame"), "{url}: {error}");
        }
        let config = StorageConfig {
            environment: Some(BTreeMap::new()),
            ..StorageConfig::of_url("az://bucket")
        };
        let error = backend(&config).unwrap_err().to_string();
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
            let error = backend(&StorageConfig::of_url(url)).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
