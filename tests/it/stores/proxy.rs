//! Faults between a store and its client: a proxy on the loopback that answers itself, cuts, loses, changes or delays what passes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub enum ProxyFault {
    None,
    /// Answered by the proxy.
    Answer(u16, &'static str),
    /// Half of it reaches the server, and the connection ends.
    Cut,
    /// Carried out, and never answered.
    LoseAnswer,
    /// The last byte of its body is another.
    Flip,
    Delay(Duration),
}

type Decide = Box<dyn FnMut(&str) -> ProxyFault + Send>;

#[derive(Default)]
struct Shared {
    decide: Option<Decide>,
    log: Vec<String>,
}

pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

/// One request as it came.
struct Passing {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl FaultProxy {
    /// In front of `http://address`.
    pub fn before(server: &str) -> Self {
        let server: SocketAddr = server.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let ours = Arc::clone(&shared);
        // It ends with the process; what connects to it later belongs to other tests.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                std::thread::spawn(move || drop(pass(client, server, &shared)));
            }
        });
        Self { address, shared }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on; asked with `METHOD /path?query`.
    pub fn fault(&self, decide: impl FnMut(&str) -> ProxyFault + Send + 'static) {
        let mut shared = self.shared.lock().unwrap();
        shared.decide = Some(Box::new(decide));
        shared.log.clear();
    }

    /// Requests since the faults were last set.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().log.clone()
    }
}

fn pass(mut client: TcpStream, server: SocketAddr, shared: &Mutex<Shared>) -> io::Result<()> {
    let Some(mut passing) = Passing::read(&mut client)? else {
        return Ok(());
    };
    let request = passing.request();
    let fault = {
        let mut shared = shared.lock().unwrap();
        shared.log.push(request.clone());
        shared
            .decide
            .as_mut()
            .map_or(ProxyFault::None, |decide| decide(&request))
    };
    match fault {
        ProxyFault::None => {}
        // How long it takes is the test's input.
        ProxyFault::Delay(time) => std::thread::sleep(time),
        ProxyFault::Answer(status, body) => {
            let length = body.len();
            return write!(
                client,
                "HTTP/1.1 {status} ProxyFault\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
        ProxyFault::Flip => *passing.body.last_mut().unwrap() ^= 1,
        ProxyFault::Cut => {
            let mut upstream = TcpStream::connect(server)?;
            upstream.write_all(&passing.head)?;
            return upstream.write_all(&passing.body[..passing.body.len() / 2]);
        }
        ProxyFault::LoseAnswer => return passing.carried_out(server).map(drop),
    }
    client.write_all(&passing.carried_out(server)?)
}

impl Passing {
    fn read(client: &mut TcpStream) -> io::Result<Option<Self>> {
        let (mut read, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
        let end = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            match client.read(&mut chunk)? {
                0 => return Ok(None),
                count => read.extend_from_slice(&chunk[..count]),
            }
        };
        let mut body = read.split_off(end);
        let mut passing = Self {
            head: one_request_only(&read),
            body: Vec::new(),
        };
        while body.len() < passing.body_length() {
            match client.read(&mut chunk)? {
                0 => return Ok(None),
                count => body.extend_from_slice(&chunk[..count]),
            }
        }
        passing.body = body;
        Ok(Some(passing))
    }

    fn request(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        head.split(" HTTP/").next().unwrap_or_default().to_owned()
    }

    fn body_length(&self) -> usize {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        length.map_or(0, |length| length.trim().parse().unwrap())
    }

    fn carried_out(&self, server: SocketAddr) -> io::Result<Vec<u8>> {
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&self.head)?;
        upstream.write_all(&self.body)?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// So that the end of an answer is the end of the connection.
fn one_request_only(head: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&str> = std::str::from_utf8(head).unwrap().lines().collect();
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:") && !line.is_empty());
    lines.push("Connection: close");
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}
