//! A server that answers each request with bytes as they were recorded, and a config that points to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Finished, finish};

/// The directory whose lists and archives are recorded.
pub const LIBRARY: &str = "EXAMPLE";

/// One request: its first line without the version, and its headers.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    pub method: String,
    /// Path and query below the library's directory.
    pub target: String,
    headers: Vec<String>,
}

impl RecordedRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn is(&self, list: &str, form: &str) -> bool {
        self.target == list || (self.target.starts_with(list) && self.target.contains(form))
    }
}

type Script = dyn Fn(&RecordedRequest) -> Vec<u8> + Send + Sync;

/// What the program is run against: every connection carries one request, and is closed after its answer.
pub struct RecordedHome {
    pub folder: tempfile::TempDir,
    config: PathBuf,
    seen: Arc<Mutex<Vec<RecordedRequest>>>,
}

impl RecordedHome {
    /// Over plain TCP. `script` gives the bytes of each answer.
    pub fn new(script: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script))
    }

    /// Over TLS, which is closed in good order after each answer; TCP stays open for half a second more.
    pub fn over_tls(script: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate that can be served");
        Self::start(Some((Arc::new(tls), made.cert.pem())), Arc::new(script))
    }

    fn start(tls: Option<(Arc<rustls::ServerConfig>, String)>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let folder = tempfile::tempdir().expect("a folder");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let config = write_config(folder.path(), &format!("{scheme}://{address}/libraries/"));
        let (tls, ca) = tls.unzip();
        fs::write(folder.path().join("ca.pem"), ca.unwrap_or_default()).expect("a file");
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, script, noted) = (tls.clone(), Arc::clone(&script), Arc::clone(&noted));
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*script, &noted).map(drop),
                    Some(tls) => serve_tls(stream, tls, &*script, &noted),
                });
            }
        });
        Self { folder, config, seen }
    }

    /// Runs the program to its end.
    pub fn grind(&self, arguments: &[&str]) -> Finished {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_grind"));
        command.args(arguments).arg("--config").arg(&self.config);
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        finish(command.spawn().expect("the program starts"))
    }

    /// Requests so far whose address begins so.
    pub fn seen(&self, target: &str) -> Vec<RecordedRequest> {
        let seen = self.seen.lock().expect("requests");
        let fits = seen.iter().filter(|request| request.target.starts_with(target));
        fits.cloned().collect()
    }

    /// A column of each book, as text.
    pub fn column(&self, name: &str) -> Vec<(String, Option<String>)> {
        let catalog = rusqlite::Connection::open(self.folder.path().join("catalog.db")).expect("a catalog");
        let sql = format!("SELECT barcode, {name} FROM books ORDER BY barcode");
        let mut select = catalog.prepare(&sql).expect("a column");
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }
}

fn write_config(folder: &Path, base: &str) -> PathBuf {
    let passphrase = folder.join("passphrase.txt");
    fs::copy(case_path("archives/passphrase.txt"), &passphrase).expect("a passphrase");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).expect("a secret file");
    let at = |name: &str| folder.join(name).display().to_string();
    let ca = if base.starts_with("https") {
        format!("[session]\nca_file = {:?}\n", at("ca.pem"))
    } else {
        String::new()
    };
    let text = format!(
        "[library]\ndirectory = {LIBRARY:?}\n[grin]\nbase_url = {base:?}\ntoken_hosts = [\"127.0.0.1\"]\n\
         requests_per_second = 1000.0\n[retry]\nbase = \"20ms\"\ncap = \"500ms\"\nattempts = 3\n{ca}\
         [archive]\npassphrase_file = {:?}\n[storage]\nurl = \"file://{}\"\ndisk_reserve = \"0%\"\n\
         [catalog]\nurl = \"sqlite://{}\"\n[observe]\nlisten = \"127.0.0.1:0\"\nsocket = {:?}\n",
        at("passphrase.txt"),
        at("library"),
        at("catalog.db"),
        at("grind.sock"),
    );
    let path = folder.join("grind.toml");
    fs::write(&path, text).expect("a config");
    path
}

/// Reads a request and writes its answer.
fn serve<S: Read + Write>(stream: S, script: &Script, noted: &Mutex<Vec<RecordedRequest>>) -> Option<S> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?);
    let below = format!("/libraries/{LIBRARY}/");
    let request = RecordedRequest {
        method,
        target: path.strip_prefix(&below).unwrap_or(path).to_owned(),
        headers: lines.split_off(1),
    };
    noted.lock().ok()?.push(request.clone());
    let mut stream = reader.into_inner();
    let written = stream.write_all(&script(&request)).and_then(|()| stream.flush());
    written.ok().map(|()| stream)
}

fn serve_tls(
    stream: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    script: &Script,
    noted: &Mutex<Vec<RecordedRequest>>,
) -> Option<()> {
    let connection = rustls::ServerConnection::new(tls).ok()?;
    let mut stream = serve(rustls::StreamOwned::new(connection, stream), script, noted)?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    // TCP outlives TLS: it is closed after the client has closed its own side.
    stream.sock.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    while stream.sock.read(&mut [0; 64]).is_ok_and(|got| got > 0) {}
    Some(())
}

fn case_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// The bytes of a recorded answer.
pub fn case(name: &str) -> Vec<u8> {
    fs::read(case_path("http").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A whole answer with this body.
pub fn answer(status: &str, content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A list page of these volumes.
pub fn page(barcodes: &[&str]) -> Vec<u8> {
    let rows: Vec<_> = barcodes
        .iter()
        .map(|barcode| format!("<tr><td>{barcode}</td><td>Lichens</td><td>NEW</td></tr>"))
        .collect();
    let names = ["Barcode", "Title", "State"].map(|name| format!("<td><span class=\"hd3\">{name}</span></td>"));
    let page = format!(
        "<html><body><table><tr class=\"heading\">{}</tr>{}</table></body></html>",
        names.concat(),
        rows.concat()
    );
    answer("200 OK", "text/html", page)
}

/// A text list of these volumes.
pub fn text(barcodes: &[&str]) -> Vec<u8> {
    let lines: Vec<_> = barcodes.iter().map(|barcode| format!("{barcode}\n")).collect();
    answer("200 OK", "text/plain", lines.concat())
}
