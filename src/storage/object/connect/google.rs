//! The way to a bucket of Google Cloud Storage.

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use crate::storage::error::StorageError;
use crate::storage::object::connect::{
    client_options, credentials, is_loopback, not_understood, refused, retry, variables,
};
use crate::storage::object::parts::PartStore;
use crate::storage::open::StorageConfig;

pub(super) fn connect(config: &StorageConfig, bucket: &str) -> Result<PartStore, StorageError> {
    let mut builder = builder(config)?.with_bucket_name(bucket);
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    let in_clear = builder
        .get_config_value(&GoogleConfigKey::BaseUrl)
        .is_some_and(|endpoint| is_loopback(&endpoint));
    let store = builder
        .with_client_options(client_options(in_clear))
        .with_retry(retry())
        .build()
        .map_err(|why| refused(config, why.to_string()))?;
    Ok(PartStore::google(store))
}

/// What `GOOGLE_*` says, and in place of its keys those of the file of credentials.
fn builder(config: &StorageConfig) -> Result<GoogleCloudStorageBuilder, StorageError> {
    let file = credentials(config)?;
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in variables(config, "GOOGLE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>()
            && (file.is_none() || !is_credential(key))
        {
            builder = builder.with_config(key, value);
        }
    }
    let Some(text) = file else { return Ok(builder) };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match (json["type"].as_str(), json["private_key"].is_string()) {
        (_, true) => Ok(builder.with_service_account_key(text)),
        (Some("authorized_user"), _) => {
            let file = config.credentials_file.as_deref().unwrap_or("".as_ref());
            Ok(builder.with_application_credentials(file.display().to_string()))
        }
        _ => Err(not_understood(
            config,
            "the key of a service account as Google hands it out (JSON)",
        )),
    }
}

/// Two of these are refused beside each other.
fn is_credential(key: GoogleConfigKey) -> bool {
    matches!(
        key,
        GoogleConfigKey::ServiceAccount
            | GoogleConfigKey::ServiceAccountKey
            | GoogleConfigKey::ApplicationCredentials
            | GoogleConfigKey::BearerToken
    )
}
