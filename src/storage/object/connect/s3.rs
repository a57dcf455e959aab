//! The way to a bucket that speaks S3.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use crate::storage::error::StorageError;
use crate::storage::object::connect::{
    client_options, credentials, http_client, is_loopback, not_understood, refused, retry, variables,
};
use crate::storage::object::copy::S3Bucket;
use crate::storage::object::parts::PartStore;
use crate::storage::open::StorageConfig;

pub(super) fn connect(config: &StorageConfig, bucket: &str) -> Result<PartStore, StorageError> {
    let mut builder = builder(config)?.with_bucket_name(bucket);
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    let in_clear = builder
        .get_config_value(&AmazonS3ConfigKey::Endpoint)
        .is_some_and(|endpoint| is_loopback(&endpoint));
    let options = client_options(in_clear);
    let http = http_client(config, &options)?;
    let store = builder
        .with_client_options(options)
        .with_allow_http(in_clear)
        .with_retry(retry())
        // The single delete is the one that every server with the S3 protocol has.
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .build()
        .map_err(|why| refused(config, why.to_string()))?;
    Ok(PartStore::s3(S3Bucket {
        store,
        http,
        name: bucket.to_owned(),
    }))
}

/// What `AWS_*` says, as `object_store` itself would read it, and in place of its keys those of the file of credentials.
fn builder(config: &StorageConfig) -> Result<AmazonS3Builder, StorageError> {
    let file = credentials(config)?;
    let given = variables(config, "AWS_")
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>().ok()?, value)))
        .filter(|(key, _)| file.is_none() || !is_credential(*key));
    let mut builder = given.fold(AmazonS3Builder::new(), |builder, (key, value)| {
        builder.with_config(key, value)
    });
    if let Some(text) = &file {
        let keys = keys_of(text);
        if keys.is_empty() {
            return Err(not_understood(
                config,
                "lines aws_access_key_id = … and aws_secret_access_key = …",
            ));
        }
        for (key, value) in keys {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

/// A session token beside the keys of another session is refused by S3.
fn is_credential(key: AmazonS3ConfigKey) -> bool {
    matches!(
        key,
        AmazonS3ConfigKey::AccessKeyId | AmazonS3ConfigKey::SecretAccessKey | AmazonS3ConfigKey::Token
    )
}

/// The keys in a file as AWS's own programs have it: those of its section `default`, or those above every section.
fn keys_of(text: &str) -> Vec<(AmazonS3ConfigKey, &str)> {
    let (mut keys, mut is_ours) = (Vec::new(), true);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_ours = line == "[default]";
        }
        let Some((name, value)) = line.split_once('=').filter(|_| is_ours) else {
            continue;
        };
        let key = match name.trim() {
            "aws_access_key_id" => AmazonS3ConfigKey::AccessKeyId,
            "aws_secret_access_key" => AmazonS3ConfigKey::SecretAccessKey,
            "aws_session_token" => AmazonS3ConfigKey::Token,
            _ => continue,
        };
        keys.push((key, value.trim()));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_keys_are_read_as_aws_reads_them() {
        use AmazonS3ConfigKey as Key;
        let cases = [
            (
                "aws_access_key_id = a\naws_secret_access_key=b=/c",
                vec![(Key::AccessKeyId, "a"), (Key::SecretAccessKey, "b=/c")],
            ),
            (
                "# x\n[other]\naws_access_key_id = no\n[default]\naws_session_token = t\nregion = x\n",
                vec![(Key::Token, "t")],
            ),
            ("[other]\naws_access_key_id = no", vec![]),
            ("nothing", vec![]),
            ("", vec![]),
        ];
        for (text, keys) in cases {
            assert_eq!(keys_of(text), keys, "{text}");
        }
    }

    #[test]
    fn beside_a_file_of_keys_those_of_the_environment_are_passed_over() {
        use AmazonS3ConfigKey as Key;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "aws_access_key_id = a\naws_secret_access_key = b").unwrap();
        let environment = [
            ("AWS_ACCESS_KEY_ID", "other"),
            ("AWS_SESSION_TOKEN", "other"),
            ("AWS_REGION", "x"),
        ];
        let config = StorageConfig {
            credentials_file: Some(file),
            environment: Some(environment.map(|(name, value)| (name.into(), value.into())).into()),
            ..StorageConfig::of_url("s3://bucket")
        };
        let builder = builder(&config).unwrap();
        for (key, expected) in [
            (Key::AccessKeyId, Some("a")),
            (Key::SecretAccessKey, Some("b")),
            (Key::Token, None),
            (Key::Region, Some("x")),
        ] {
            assert_eq!(builder.get_config_value(&key).as_deref(), expected, "{key:?}");
        }
    }
}
