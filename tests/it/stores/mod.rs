//! Every kind of storage, with real servers where they are given: `tests/parts/stores` starts them and says which there are.

mod conformance;
mod connect;
mod faults;
mod kills;
mod proxy;
mod publish;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use grind::storage::{Storage, StorageConfig};
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::{AzureAuthorizer, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{ClientOptions, ObjectStore};
use tempfile::TempDir;

use crate::storage_s3::server::Server;

/// The servers that are there: `name=address`, separated by spaces.
const SERVERS: &str = "GRIND_TEST_STORES";
const BUCKET: &str = "books";
const ACCOUNT: &str = "devstoreaccount1";
/// The one that Azurite publishes for everybody.
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Where objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Disk,
    Memory,
    /// s3s over a folder, in this process.
    InProcess,
    Moto,
    Seaweed,
    Azurite,
}

impl StoreKind {
    const ALL: [Self; 6] = [
        Self::Disk,
        Self::Memory,
        Self::InProcess,
        Self::Moto,
        Self::Seaweed,
        Self::Azurite,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::InProcess => "s3s-fs",
            Self::Moto => "moto",
            Self::Seaweed => "seaweed",
            Self::Azurite => "azurite",
        }
    }

    fn is_s3(self) -> bool {
        matches!(self, Self::InProcess | Self::Moto | Self::Seaweed)
    }
}

/// A storage for one test: its own folder of a bucket that all share.
pub struct TestStore {
    pub kind: StoreKind,
    endpoint: String,
    prefix: String,
    folder: TempDir,
    notes: TempDir,
    keys: BTreeMap<String, String>,
    server: Option<Server>,
}

/// Those of a kind that can be asked here; none where the part could start none of them, which it has said.
pub fn stores(wanted: impl Fn(StoreKind) -> bool) -> Vec<TestStore> {
    let given = std::env::var(SERVERS);
    let is_begun = given.is_ok();
    let given = given.unwrap_or_default();
    let found: Vec<TestStore> = StoreKind::ALL
        .into_iter()
        .filter(|kind| wanted(*kind))
        .filter_map(|kind| TestStore::begin(kind, &given))
        .collect();
    for store in &found {
        println!("with {}", store.kind.name());
    }
    assert!(is_begun || !found.is_empty(), "no server for this test in {SERVERS}");
    if found.is_empty() {
        println!("skipped: no server for this test in {SERVERS}");
    }
    found
}

impl TestStore {
    fn begin(kind: StoreKind, given: &str) -> Option<Self> {
        let mut server = None;
        let endpoint = match kind {
            StoreKind::Disk | StoreKind::Memory => String::new(),
            StoreKind::InProcess => {
                let started = Server::start();
                let endpoint = started.config("").endpoint.unwrap();
                server = Some(started);
                endpoint.to_string()
            }
            _ => {
                let of = |part: &str| {
                    part.strip_prefix(kind.name())
                        .and_then(|rest| rest.strip_prefix('='))
                        .map(str::to_owned)
                };
                given.split_whitespace().find_map(of)?
            }
        };
        let store = Self {
            kind,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            prefix: format!("t{:016x}", rand::random::<u64>()),
            folder: tempfile::tempdir().unwrap(),
            notes: tempfile::tempdir().unwrap(),
            keys: keys(kind),
            server,
        };
        block_on(store.make(BUCKET));
        Some(store)
    }

    /// The settings of a storage in this test's own folder.
    pub fn config(&self) -> StorageConfig {
        self.config_at(BUCKET, &self.endpoint)
    }

    /// The same of another bucket, or of a server in front of this one.
    pub fn config_at(&self, bucket: &str, endpoint: &str) -> StorageConfig {
        let prefix = &self.prefix;
        let url = match self.kind {
            StoreKind::Disk => format!("file://{}", self.folder.path().display()),
            StoreKind::Memory => "memory:".to_owned(),
            StoreKind::Azurite => format!("az://{bucket}/{prefix}"),
            _ => format!("s3://{bucket}/{prefix}"),
        };
        let endpoint = match self.kind {
            StoreKind::Disk | StoreKind::Memory => None,
            StoreKind::Azurite => Some(format!("{endpoint}/{ACCOUNT}").parse().unwrap()),
            _ => Some(endpoint.parse().unwrap()),
        };
        StorageConfig {
            endpoint,
            region: self.kind.is_s3().then(|| "us-east-1".to_owned()),
            account: (self.kind == StoreKind::Azurite).then(|| ACCOUNT.to_owned()),
            journal: Some(self.notes.path().to_owned()),
            environment: Some(self.keys.clone()),
            ..StorageConfig::of_url(url)
        }
    }

    pub fn storage(&self) -> Storage {
        Storage::open(&self.config()).unwrap()
    }

    /// The names of all that lies in this test's folder, temporary objects too; of a disk its files.
    pub fn everything(&self) -> Vec<String> {
        let mut names: Vec<String> = match self.kind {
            StoreKind::Disk => files(self.folder.path()),
            StoreKind::Memory => vec![],
            _ => {
                let (store, prefix) = (self.objects(BUCKET), Path::from(self.prefix.as_str()));
                let listed = block_on(all_below(&*store, &prefix));
                listed
                    .into_iter()
                    .map(|name| name.split_once('/').unwrap().1.to_owned())
                    .collect()
            }
        };
        names.sort();
        names
    }

    /// Uploads in parts that were begun in this test's folder and neither completed nor aborted, where the server tells.
    pub fn open_uploads(&self) -> usize {
        if !self.kind.is_s3() || self.kind == StoreKind::InProcess {
            return 0;
        }
        let s3 = self.s3(BUCKET);
        let answer = block_on(async {
            let options = SignedUrlOptions::new().with_query([("uploads", String::new())]);
            let root = Path::from("");
            let signed = s3.signed_url_opts(Method::GET, &root, Duration::from_mins(1), &options);
            send(Method::GET, signed.await.unwrap().as_str(), String::new()).await
        });
        assert!(answer.contains("ListMultipartUploadsResult"), "{answer}");
        answer.matches(&format!("<Key>{}/", self.prefix)).count()
    }

    /// Notes on uploads that are not known to have ended.
    pub fn open_notes(&self) -> usize {
        std::fs::read_dir(self.notes.path()).unwrap().count()
    }

    fn objects(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        match self.kind {
            StoreKind::Azurite => Arc::new(self.azure(bucket)),
            _ => Arc::new(self.s3(bucket)),
        }
    }

    fn s3(&self, bucket: &str) -> AmazonS3 {
        one_tls_stack();
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id("key")
            .with_secret_access_key("secret")
            .build()
            .unwrap()
    }

    fn azure(&self, container: &str) -> MicrosoftAzure {
        one_tls_stack();
        MicrosoftAzureBuilder::new()
            .with_endpoint(format!("{}/{ACCOUNT}", self.endpoint))
            .with_allow_http(true)
            .with_account(ACCOUNT)
            .with_access_key(ACCOUNT_KEY)
            .with_container_name(container)
            .build()
            .unwrap()
    }

    /// Makes a bucket, unless there is one.
    async fn make(&self, bucket: &str) {
        match self.kind {
            StoreKind::Disk | StoreKind::Memory => {}
            StoreKind::InProcess => {
                let folder = self.server.as_ref().unwrap().root.path().join(bucket);
                std::fs::create_dir_all(folder).unwrap();
            }
            StoreKind::Azurite => self.make_container(bucket).await,
            // It knows no address with a slash behind the bucket, and no signatures.
            StoreKind::Moto => drop(send(Method::PUT, &format!("{}/{bucket}", self.endpoint), String::new()).await),
            StoreKind::Seaweed => {
                let root = Path::from("");
                let signed = self.s3(bucket);
                let signed = signed.signed_url(Method::PUT, &root, Duration::from_mins(1)).await;
                send(Method::PUT, signed.unwrap().as_str(), String::new()).await;
            }
        }
    }

    async fn make_container(&self, container: &str) {
        let credentials = self.azure(container).credentials().get_credential().await.unwrap();
        let url = format!("{}/{ACCOUNT}/{container}?restype=container", self.endpoint);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.parse().unwrap();
        AzureAuthorizer::new(&credentials, ACCOUNT)
            .try_authorize(&mut request)
            .unwrap();
        client().execute(request).await.unwrap();
    }
}

async fn all_below(store: &dyn ObjectStore, prefix: &Path) -> Vec<String> {
    let found: Vec<_> = store.list(Some(prefix)).try_collect().await.unwrap();
    found.into_iter().map(|object| object.location.to_string()).collect()
}

fn keys(kind: StoreKind) -> BTreeMap<String, String> {
    let keys: &[(&str, &str)] = match kind {
        StoreKind::Azurite => &[("AZURE_STORAGE_KEY", ACCOUNT_KEY)],
        _ => &[("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")],
    };
    keys.iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn one_tls_stack() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn client() -> HttpClient {
    one_tls_stack();
    let options = ClientOptions::new().with_allow_http(true);
    ReqwestConnector::default().connect(&options).unwrap()
}

/// The answer's text, whatever its status.
async fn send(method: Method, url: &str, body: String) -> String {
    let mut request = HttpRequest::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    let answer = client().execute(request).await.unwrap();
    String::from_utf8_lossy(&answer.into_body().bytes().await.unwrap()).into_owned()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found
}
