//! The way to a container of Azure Blob Storage.

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use url::Url;

use crate::storage::error::StorageError;
use crate::storage::object::azure::AzureContainer;
use crate::storage::object::connect::{
    client_options, credentials, http_client, is_loopback, not_understood, refused, retry, variables,
};
use crate::storage::object::parts::PartStore;
use crate::storage::open::StorageConfig;

pub(super) fn connect(config: &StorageConfig, container: &str) -> Result<PartStore, StorageError> {
    let mut builder = builder(config)?.with_container_name(container);
    if let Some(account) = &config.account {
        builder = builder.with_account(account);
    }
    let Some(account) = builder.get_config_value(&AzureConfigKey::AccountName) else {
        return Err(refused(
            config,
            "it needs the storage account: set storage.account, or AZURE_STORAGE_ACCOUNT in the environment".to_owned(),
        ));
    };
    let given = config.endpoint.as_ref().map(Url::to_string);
    let endpoint = given
        .or_else(|| builder.get_config_value(&AzureConfigKey::Endpoint))
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    let endpoint = endpoint.trim_end_matches('/');
    let address = Url::parse(&format!("{endpoint}/{container}")).map_err(|why| refused(config, why.to_string()))?;
    let options = client_options(is_loopback(endpoint));
    let http = http_client(config, &options)?;
    let store = builder
        .with_endpoint(endpoint.to_owned())
        .with_client_options(options)
        .with_retry(retry())
        .build()
        .map_err(|why| refused(config, without_secret(why.to_string())))?;
    Ok(PartStore::azure(AzureContainer {
        store,
        http,
        account,
        address,
    }))
}

/// Of a key that is none, the client tells a character.
fn without_secret(why: String) -> String {
    match why.contains("Invalid Access Key") {
        true => "what is given as the account's key is no key of an account".to_owned(),
        false => why,
    }
}

/// What `AZURE_*` says, and in place of its keys those of the file of credentials.
fn builder(config: &StorageConfig) -> Result<MicrosoftAzureBuilder, StorageError> {
    let file = credentials(config)?;
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in variables(config, "AZURE_") {
        let mut keys = match name.as_str() {
            // Names that Azure's own programs use and object_store does not know.
            "AZURE_STORAGE_ACCOUNT" => vec![(AzureConfigKey::AccountName, value)],
            "AZURE_STORAGE_KEY" => vec![(AzureConfigKey::AccessKey, value)],
            "AZURE_STORAGE_CONNECTION_STRING" => connection_string(&value),
            name => match name.to_ascii_lowercase().parse() {
                Ok(key) => vec![(key, value)],
                Err(_) => vec![],
            },
        };
        keys.retain(|(key, _)| file.is_none() || !is_credential(*key));
        builder = with_keys(builder, keys);
    }
    if let Some(text) = &file {
        let keys = keys_of(text);
        if keys.is_empty() {
            return Err(not_understood(
                config,
                "a key of the account, a shared access signature or a connection string",
            ));
        }
        builder = with_keys(builder, keys);
    }
    Ok(builder)
}

/// Of several, the client has an order of its own, in which a shared access signature comes nearly last.
fn is_credential(key: AzureConfigKey) -> bool {
    matches!(
        key,
        AzureConfigKey::AccessKey
            | AzureConfigKey::SasKey
            | AzureConfigKey::Token
            | AzureConfigKey::ClientId
            | AzureConfigKey::ClientSecret
            | AzureConfigKey::FederatedTokenFile
            | AzureConfigKey::CredentialType
    )
}

type GivenKey = (AzureConfigKey, String);

fn with_keys(builder: MicrosoftAzureBuilder, keys: Vec<GivenKey>) -> MicrosoftAzureBuilder {
    keys.into_iter()
        .fold(builder, |builder, (key, value)| builder.with_config(key, value))
}

/// A key of the account, a shared access signature or a connection string, told apart by what stands in each.
fn keys_of(text: &str) -> Vec<GivenKey> {
    let text = text.trim();
    if text.contains("AccountName=") || text.contains("SharedAccessSignature=") {
        return connection_string(text);
    }
    if text.contains("sig=") {
        return vec![(AzureConfigKey::SasKey, text.trim_start_matches('?').to_owned())];
    }
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    match !text.is_empty() && text.chars().all(is_key) {
        true => vec![(AzureConfigKey::AccessKey, text.to_owned())],
        false => vec![],
    }
}

/// `Name=value;Name=value`, as the portal shows it.
fn connection_string(text: &str) -> Vec<GivenKey> {
    let parts = text.trim().split(';').filter_map(|part| part.split_once('='));
    parts
        .filter_map(|(name, value)| {
            let key = match name.trim() {
                "AccountName" => AzureConfigKey::AccountName,
                "AccountKey" => AzureConfigKey::AccessKey,
                "SharedAccessSignature" => AzureConfigKey::SasKey,
                "BlobEndpoint" => AzureConfigKey::Endpoint,
                _ => return None,
            };
            Some((key, value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_secret_is_known() {
        use AzureConfigKey as Key;
        let cases = [
            ("abcd+/==\n", vec![(Key::AccessKey, "abcd+/==")]),
            (
                "?sv=2024-01-01&sp=rwdl&sig=x%2F",
                vec![(Key::SasKey, "sv=2024-01-01&sp=rwdl&sig=x%2F")],
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=books;AccountKey=ab==;EndpointSuffix=core.windows.net",
                vec![(Key::AccountName, "books"), (Key::AccessKey, "ab==")],
            ),
            (
                "BlobEndpoint=https://books.example.org/;SharedAccessSignature=sv=1&sig=x",
                vec![
                    (Key::Endpoint, "https://books.example.org/"),
                    (Key::SasKey, "sv=1&sig=x"),
                ],
            ),
            ("a key\nof two lines", vec![]),
            ("", vec![]),
        ];
        for (text, keys) in cases {
            let keys: Vec<_> = keys.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
            assert_eq!(keys_of(text), keys, "{text}");
        }
    }

    #[test]
    fn beside_a_file_of_keys_those_of_the_environment_are_passed_over() {
        use AzureConfigKey as Key;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "?sv=1&sig=x").unwrap();
        let environment = [
            ("AZURE_STORAGE_ACCOUNT", "books"),
            ("AZURE_STORAGE_KEY", "ab=="),
            ("AZURE_STORAGE_TOKEN", "other"),
        ];
        let config = StorageConfig {
            credentials_file: Some(file),
            environment: Some(environment.map(|(name, value)| (name.into(), value.into())).into()),
            ..StorageConfig::of_url("az://bucket")
        };
        let builder = builder(&config).unwrap();
        for (key, expected) in [
            (Key::SasKey, Some("sv=1&sig=x")),
            (Key::AccessKey, None),
            (Key::Token, None),
            (Key::AccountName, Some("books")),
        ] {
            assert_eq!(builder.get_config_value(&key).as_deref(), expected, "{key:?}");
        }
    }
}
