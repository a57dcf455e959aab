//! An S3 server in this process (s3s over a folder), with a log of requests and faults on demand.

use std::fs;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

use grind::storage::{ObjectKey, ObjectMeta, Storage, StorageConfig};
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub const BUCKET: &str = "books";
/// What the server lets in, as variables of the environment.
pub const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];

/// Stands behind a request that has `If-None-Match`.
pub const CONDITIONAL: &str = " if-none-match";

type Fault = Box<dyn FnMut(&str) -> Option<u16> + Send>;

/// A request that is never answered.
struct HeldRequest {
    is_it: Box<dyn FnMut(&str) -> bool + Send>,
    /// It is carried out first.
    done: bool,
    /// Tells that the moment has come.
    came: mpsc::Sender<()>,
}

/// What tests and server share.
#[derive(Default)]
struct Shared {
    log: Vec<String>,
    fault: Option<Fault>,
    /// Answer to every request that names a source to copy from, and how many there were.
    copy_status: Option<u16>,
    copies_asked: usize,
    held: Option<HeldRequest>,
}

/// What becomes of a request.
enum Treatment {
    Answer(u16),
    CarryOut,
    /// Carried out if `done`, and never answered.
    Hold {
        done: bool,
        came: mpsc::Sender<()>,
    },
}

pub struct Server {
    pub root: TempDir,
    /// Folder for notes on open uploads.
    pub notes: TempDir,
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(BUCKET)).unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = mpsc::channel();
        let (folder, ours) = (root.path().to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || serve(&folder, &ours, &ready, stopped));
        Self {
            root,
            notes: tempfile::tempdir().unwrap(),
            address: address.recv().unwrap(),
            shared,
            _stop: stop,
        }
    }

    pub fn config(&self, place: &str) -> StorageConfig {
        StorageConfig {
            endpoint: Some(format!("http://{}", self.address).parse().unwrap()),
            region: Some("us-east-1".into()),
            journal: Some(self.notes.path().to_owned()),
            environment: Some(KEYS.map(|(name, value)| (name.into(), value.into())).into()),
            ..StorageConfig::of_url(format!("s3://{BUCKET}{place}"))
        }
    }

    /// The same as settings of the program, in the bucket's folder `library`; its keys stand in [`KEYS`].
    pub fn settings(&self) -> String {
        let Self { address, .. } = self;
        format!("[storage]\nurl = \"s3://{BUCKET}/library\"\nendpoint = \"http://{address}\"\nregion = \"us-east-1\"\n")
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket's folder `library`.
    pub fn storage(&self) -> Storage {
        Storage::open(&self.config("/library")).unwrap()
    }

    /// Requests since the last call, as `METHOD /path?query`, with [`CONDITIONAL`] behind a write that is to replace nothing.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().log)
    }

    /// From now on answers with a status of the test's choice.
    pub fn fault(&self, fault: impl FnMut(&str) -> Option<u16> + Send + 'static) {
        self.shared.lock().unwrap().fault = Some(Box::new(fault));
    }

    /// From now on `UploadPartCopy` is answered with this status.
    pub fn copy_status(&self, status: u16) {
        self.shared.lock().unwrap().copy_status = Some(status);
    }

    /// `UploadPartCopy` requests that were answered so.
    pub fn copies_asked(&self) -> usize {
        self.shared.lock().unwrap().copies_asked
    }

    /// Holds the first request that `is_it` names and never answers it; with `done` it is carried out. What comes back tells when
    /// that is so.
    pub fn hold(&self, done: bool, is_it: impl FnMut(&str) -> bool + Send + 'static) -> mpsc::Receiver<()> {
        let (came, told) = mpsc::channel();
        self.shared.lock().unwrap().held = Some(HeldRequest {
            is_it: Box::new(is_it),
            done,
            came,
        });
        told
    }

    pub fn no_fault(&self) {
        self.shared.lock().unwrap().fault = None;
    }

    /// Every file of the server: objects, parts and temporary ones; not its notes on metadata of objects.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(self.root.path(), self.root.path(), &mut files);
        files.retain(|file| !(file.ends_with(".metadata.json") || file.ends_with(".internal.json")));
        files.sort();
        files
    }

    pub fn open_notes(&self) -> usize {
        fs::read_dir(self.notes.path()).unwrap().count()
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            walk(root, &entry.path(), files);
        } else {
            files.push(entry.path().strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn serve(
    folder: &Path,
    shared: &Arc<Mutex<Shared>>,
    ready: &mpsc::Sender<SocketAddr>,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    builder.set_auth(SimpleAuth::from_single("key", "secret"));
    let s3 = builder.build();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        ready.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let socket = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                _ = &mut stopped => return,
            };
            let (s3, shared) = (s3.clone(), Arc::clone(shared));
            let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
                let copies = request.headers().contains_key("x-amz-copy-source");
                let condition = match request.headers().contains_key("if-none-match") {
                    true => CONDITIONAL,
                    false => "",
                };
                let asked = format!("{} {}{condition}", request.method(), request.uri());
                let treatment = treatment(&shared, &asked, copies);
                let s3 = s3.clone();
                async move {
                    match treatment {
                        Treatment::Answer(status) => {
                            read_whole(request.body_mut()).await;
                            Ok(Response::builder().status(status).body(s3s::Body::empty()).unwrap())
                        }
                        Treatment::CarryOut => hyper::service::Service::call(&s3, request).await,
                        Treatment::Hold { done, came } => {
                            if done {
                                hyper::service::Service::call(&s3, request).await?;
                            }
                            came.send(()).expect("the test waits for this request");
                            std::future::pending().await
                        }
                    }
                }
            });
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
}

/// Whoever answers before the body has come closes the connection, and a client that still sends may not read the answer.
async fn read_whole(body: &mut Incoming) {
    while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {}
}

fn treatment(shared: &Mutex<Shared>, request: &str, copies: bool) -> Treatment {
    let mut shared = shared.lock().unwrap();
    shared.log.push(request.to_owned());
    if let Some(held) = shared.held.take_if(|held| (held.is_it)(request)) {
        let HeldRequest { done, came, .. } = held;
        return Treatment::Hold { done, came };
    }
    if copies && let Some(status) = shared.copy_status {
        shared.copies_asked += 1;
        return Treatment::Answer(status);
    }
    match shared.fault.as_mut().and_then(|fault| fault(request)) {
        Some(status) => Treatment::Answer(status),
        None => Treatment::CarryOut,
    }
}

pub fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

pub fn meta(sha256: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        barcode: Some("X1".into()),
        encrypted_etag: Some("\"abc-1\"".into()),
        sha256: sha256.map(Into::into),
        acquisition_date: Some("2026-01-31T12:00:00Z".into()),
    }
}

/// Bytes that differ from part to part.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count)
        .map(|index| ((index ^ (index >> 8) ^ (index >> 16)) & 0xff).try_into().unwrap())
        .collect()
}
