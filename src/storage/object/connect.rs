//! The way to a bucket or container: place from the settings, keys from a file or from the environment.

mod azure;
mod google;
mod s3;

use std::net::IpAddr;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::{Host, Url};

use crate::settings::StoreProvider;
use crate::storage::error::StorageError;
use crate::storage::object::parts::PartStore;
use crate::storage::open::StorageConfig;

const CONNECT: Duration = Duration::from_secs(10);
/// One request: a part of 8 MiB on a slow line, or a server copying a gigabyte.
const REQUEST: Duration = Duration::from_mins(10);
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_mins(2);

/// The bucket or container of this name; it is not asked yet.
pub(super) fn connect(config: &StorageConfig, provider: StoreProvider, name: &str) -> Result<PartStore, StorageError> {
    // The client takes the TLS provider of the process; a second call changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    match provider {
        StoreProvider::S3 => s3::connect(config, name),
        StoreProvider::Azure => azure::connect(config, name),
        StoreProvider::Google => google::connect(config, name),
    }
}

/// For requests that `object_store` does not make itself.
fn http_client(config: &StorageConfig, options: &ClientOptions) -> Result<HttpClient, StorageError> {
    ReqwestConnector::default()
        .connect(options)
        .map_err(|why| refused(config, why.to_string()))
}

fn refused(config: &StorageConfig, why: String) -> StorageError {
    StorageError::Url {
        url: config.url.clone(),
        why,
    }
}

/// Variables of the environment whose names begin so.
fn variables(config: &StorageConfig, prefix: &str) -> Vec<(String, String)> {
    let given = config.environment.clone().unwrap_or_else(|| {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    });
    given.into_iter().filter(|(name, _)| name.starts_with(prefix)).collect()
}

/// What stands in `storage.credentials_file`; `None` where none is named.
fn credentials(config: &StorageConfig) -> Result<Option<String>, StorageError> {
    let Some(file) = &config.credentials_file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file)
        .map_err(|why| StorageError::from_io(|| "reading".to_owned(), &file.display().to_string(), why))?;
    Ok(Some(text.trim().to_owned()))
}

/// The file says nothing that could be used; its text is not shown.
fn not_understood(config: &StorageConfig, wanted: &str) -> StorageError {
    let file = config.credentials_file.as_deref().unwrap_or("".as_ref());
    refused(
        config,
        format!("storage.credentials_file {} should hold {wanted}", file.display()),
    )
}

/// Nothing signed goes in clear over a network.
fn is_loopback(endpoint: &str) -> bool {
    match Url::parse(endpoint).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name == "localhost",
        Ok(Some(Host::Ipv4(address))) => IpAddr::from(address).is_loopback(),
        Ok(Some(Host::Ipv6(address))) => IpAddr::from(address).is_loopback(),
        _ => false,
    }
}

fn client_options(in_clear: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(in_clear)
        .with_connect_timeout(CONNECT)
        .with_timeout(REQUEST)
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig {
        backoff,
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_asked_in_clear() {
        let cases = [
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://localhost:9000", true),
            ("http://s3.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("nonsense", false),
        ];
        for (endpoint, loopback) in cases {
            assert_eq!(is_loopback(endpoint), loopback, "{endpoint}");
        }
    }
}
