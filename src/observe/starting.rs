//! The Unix socket of a daemon that is not up yet: whoever asks is told so, and what it waits for.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::observe::server::ObserverError;
use crate::observe::socket::{BoundSocket, listen};

/// How every answer of a daemon begins that starts.
pub const STARTING: &str = "the daemon is starting";

/// For a question, and for its answer; others wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// What is read of a question.
const LONGEST_QUESTION: usize = 16 * 1024;

/// Answers at the socket until the daemon itself does.
#[derive(Debug)]
pub struct StartingDoor {
    path: PathBuf,
    socket: Option<BoundSocket>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StartingDoor {
    /// Listens at this path, and answers with what `words` says the start is at. Refuses a socket at which another daemon answers.
    ///
    /// # Errors
    /// [`ObserverError::Running`], or the socket or its thread cannot be had.
    pub fn open(path: PathBuf, words: fn() -> String) -> Result<Self, ObserverError> {
        let socket = listen(path.clone())?;
        let listener = socket.listener.try_clone().map_err(ObserverError::Server)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let serve = move || {
            for client in listener.incoming() {
                // Who asked and is told nothing finds the connection closed.
                client.and_then(|client| answer(client, &words())).ok();
                if over.load(Ordering::Acquire) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("starting".into()).spawn(serve);
        Ok(Self {
            path,
            socket: Some(socket),
            is_over,
            thread: Some(thread.map_err(ObserverError::Server)?),
        })
    }

    /// Ends, and gives the socket to who answers from now on. Those who connect meanwhile wait in the kernel's queue.
    pub fn hand_over(mut self) -> Option<BoundSocket> {
        self.end();
        self.socket.take()
    }

    fn end(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // The thread waits for a client. Where none gets through to it, the file is gone or another's, and the thread is left.
        let is_told = UnixStream::connect(&self.path).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| is_told) {
            drop(thread.join());
        }
    }
}

impl Drop for StartingDoor {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}

/// Reads the head of a question, and answers it whatever it is.
fn answer(mut client: UnixStream, words: &str) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut question = Vec::new();
    let mut part = [0; 1024];
    while question.len() < LONGEST_QUESTION && !question.windows(4).any(|four| four == b"\r\n\r\n") {
        match client.read(&mut part)? {
            0 => return Ok(()),
            read => question.extend_from_slice(&part[..read]),
        }
    }
    let words = words.strip_prefix("starting: ").unwrap_or(words);
    let body = format!("{STARTING}; {words}\n");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    client.write_all((head + &body).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests::fixture::Seen;
    use crate::observe::{ClientError, DaemonEndpoint, FrontDoor, ObserverServer, client};

    #[test]
    fn who_asks_is_told_what_the_start_waits_for_until_the_daemon_answers_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let endpoint = DaemonEndpoint::Socket(path.clone());
        let door = StartingDoor::open(path.clone(), || "waiting up to 31 s".to_owned()).unwrap();
        let refused = client::get(&endpoint, "/api/status").unwrap_err();
        assert!(
            matches!(&refused, ClientError::Refused { status: 503, text, .. } if text == "the daemon is starting; waiting up to 31 s"),
            "{refused}"
        );
        assert!(matches!(
            StartingDoor::open(path.clone(), String::new),
            Err(ObserverError::Running { .. })
        ));
        let socket = door.hand_over();
        let observer = ObserverServer::start_at(None, socket, FrontDoor::default(), Arc::new(Seen::default())).unwrap();
        assert!(client::get(&endpoint, "/api/status").is_ok());
        observer.stop();
        assert!(path.symlink_metadata().is_err(), "removed at the end");
    }

    #[test]
    fn a_start_that_fails_leaves_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(StartingDoor::open(path.clone(), String::new).unwrap());
        assert!(path.symlink_metadata().is_err());
    }
}
