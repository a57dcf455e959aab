//! The way to an S3 bucket. Keys come from the environment, place and region from the settings.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::{Host, Url};

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::object::S3;
use crate::storage::open::StorageConfig;

const CONNECT: Duration = Duration::from_secs(10);
/// One request: a part of 8 MiB on a slow line, or a server copying a gigabyte.
const REQUEST: Duration = Duration::from_mins(10);
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_mins(2);

/// A bucket and the folder inside it.
pub(super) struct ConnectedBucket {
    pub s3: S3,
    pub prefix: Option<ObjectKey>,
}

pub(super) fn s3(config: &StorageConfig) -> Result<ConnectedBucket, StorageError> {
    let (bucket, prefix) = place(&config.url)?;
    let mut builder = environment(config).with_bucket_name(&bucket);
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
    Ok(ConnectedBucket {
        s3: S3 {
            store,
            http,
            bucket,
            sends_again: AtomicBool::new(false),
        },
        prefix,
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

/// Bucket and folder of `s3://bucket/folder`.
fn place(url: &str) -> Result<(String, Option<ObjectKey>), StorageError> {
    let refused = |why: &str| StorageError::Url {
        url: "s3://…".to_owned(),
        why: why.to_owned(),
    };
    let rest = url
        .strip_prefix("s3://")
        .ok_or_else(|| refused("write s3://bucket/prefix"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains(['@', ':']) {
        return Err(refused(
            "keys come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), not from the address",
        ));
    }
    if bucket.is_empty()
        || !bucket
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    {
        return Err(refused(
            "it has no bucket, or one with odd characters; write s3://bucket/prefix",
        ));
    }
    let prefix = prefix.trim_end_matches('/');
    let prefix = if prefix.is_empty() {
        None
    } else {
        Some(ObjectKey::parse(prefix)?)
    };
    Ok((bucket.to_owned(), prefix))
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

    #[test]
    fn address_gives_bucket_and_folder() {
        assert_eq!(place("s3://b").unwrap(), ("b".into(), None));
        assert_eq!(place("s3://b/").unwrap(), ("b".into(), None));
        assert_eq!(
            place("s3://b/x/y/").unwrap(),
            ("b".into(), Some(ObjectKey::parse("x/y").unwrap()))
        );
        for bad in ["s3://", "s3:///x", "s3://k:s@b", "s3://b/../x", "s3://b c"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
