//! The way to an S3 bucket. Keys come from the environment, place and region from the settings.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::{Host, Url};

use crate::storage::error::StorageError;
use crate::storage::object::S3;
use crate::storage::open::StorageConfig;

const CONNECT: Duration = Duration::from_secs(10);
/// One request: a part of 8 MiB on a slow line, or a server copying a gigabyte.
const REQUEST: Duration = Duration::from_mins(10);
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_mins(2);

pub(super) fn s3(config: &StorageConfig, bucket: &str) -> Result<S3, StorageError> {
    let mut builder = environment(config).with_bucket_name(bucket);
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    let in_clear = builder
        .get_config_value(&AmazonS3ConfigKey::Endpoint)
        .is_some_and(|endpoint| is_loopback(&endpoint));
    one_tls_stack();
    let options = client_options(in_clear);
    let http = ReqwestConnector::default()
        .connect(&options)
        .map_err(|why| refused(config, why.to_string()))?;
    let store = builder
        .with_client_options(options)
        .with_allow_http(in_clear)
        .with_retry(retry())
        // The single delete is the one that every server with the S3 protocol has.
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .build()
        .map_err(|why| refused(config, why.to_string()))?;
    Ok(S3 {
        store,
        http,
        bucket: bucket.to_owned(),
        sends_again: AtomicBool::new(false),
    })
}

/// The bucket's client takes the TLS provider of the process; a second call changes nothing.
fn one_tls_stack() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn refused(config: &StorageConfig, why: String) -> StorageError {
    StorageError::Url {
        url: config.url.clone(),
        why,
    }
}

/// What `AWS_*` says, as `object_store` itself would read it.
fn environment(config: &StorageConfig) -> AmazonS3Builder {
    let Some(variables) = &config.environment else {
        return AmazonS3Builder::from_env();
    };
    let known = variables.iter().filter(|(name, _)| name.starts_with("AWS_"));
    known.fold(AmazonS3Builder::new(), |builder, (name, value)| {
        match name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        }
    })
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
