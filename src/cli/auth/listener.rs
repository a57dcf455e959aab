//! The loopback listener to which Google's sign-in page sends the browser (RFC 8252, section 7.3).

use std::io;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::cli::auth::answer::RedirectAnswer;

/// Browsers open connections ahead of need; more than these at once are not a browser's.
const CONNECTIONS: usize = 32;
/// Bytes of a request's head.
const HEAD: usize = 16 * 1024;
/// How long a connection may say nothing useful.
const PATIENCE: Duration = Duration::from_secs(15);
/// After a connection that could not be taken.
const BREATH: Duration = Duration::from_millis(100);

/// What is answered, and whether that ends the waiting.
struct Reply {
    status: &'static str,
    text: &'static str,
}

const TAKEN: Reply = Reply {
    status: "200 OK",
    text: "grind has the answer. You can close this tab and return to the terminal.",
};
const DENIED: Reply = Reply {
    status: "200 OK",
    text: "The access was not allowed, so grind is not signed in. You can close this tab; the terminal says more.",
};
const FOREIGN: Reply = Reply {
    status: "400 Bad Request",
    text: "This answer does not belong to the sign-in that is under way. Open the address that grind printed last.",
};
const NOT_FOUND: Reply = Reply {
    status: "404 Not Found",
    text: "There is nothing here.",
};

/// Waits for the one good answer; everything else is answered, and waited on.
pub(super) async fn wait(listener: &TcpListener, state: &str) -> RedirectAnswer {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => {
                match accepted {
                    Ok((stream, _)) => open.push(timeout(PATIENCE, serve(stream, state))),
                    // A connection that broke before it was taken, or no descriptor just now: no reason to end.
                    Err(_) => sleep(BREATH).await,
                }
            }
            Some(served) = open.next() => {
                if let Ok(Ok(Some(answer))) = served {
                    return answer;
                }
            }
        }
    }
}

/// Answers one request. `Some`: what was waited for.
async fn serve(mut stream: TcpStream, state: &str) -> io::Result<Option<RedirectAnswer>> {
    let head = head(&mut stream).await?;
    let answer = query(&head).map_or(RedirectAnswer::None, |query| RedirectAnswer::of(query, state));
    let reply = match &answer {
        RedirectAnswer::Code(_) => TAKEN,
        RedirectAnswer::Denied(_) => DENIED,
        RedirectAnswer::Foreign => FOREIGN,
        RedirectAnswer::None => NOT_FOUND,
    };
    // The answer counts even if the browser does not wait for the page.
    let sent = send(&mut stream, &reply).await;
    match answer {
        RedirectAnswer::Code(_) | RedirectAnswer::Denied(_) => Ok(Some(answer)),
        RedirectAnswer::Foreign | RedirectAnswer::None => sent.map(|()| None),
    }
}

/// The request line; the headers are read, so that closing does not cut the reply, and ignored.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|part| part == b"\r\n\r\n") && head.len() < HEAD {
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            break;
        }
        head.extend_from_slice(&piece[..length]);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// The query of `GET /?… HTTP/1.1`; `None` for any other request.
fn query(line: &str) -> Option<&str> {
    let (target, version) = line.strip_prefix("GET ")?.split_once(' ')?;
    version.starts_with("HTTP/1.").then_some(())?;
    target.strip_prefix("/?")
}

async fn send(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>grind</title></head>\
         <body><p>{}</p></body></html>\n",
        reply.text
    );
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n",
        reply.status,
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_of_the_root_is_looked_into() {
        for (line, expected) in [
            ("GET /?code=c&state=s HTTP/1.1", Some("code=c&state=s")),
            ("GET /favicon.ico HTTP/1.1", None),
            ("GET /favicon.ico?code=c HTTP/1.1", None),
            ("GET / HTTP/1.1", None),
            ("POST /?code=c HTTP/1.1", None),
            ("GET /?code=c", None),
            ("\u{16}\u{3}\u{1}", None),
            ("", None),
        ] {
            assert_eq!(query(line), expected, "{line}");
        }
    }

    #[actix_rt::test]
    async fn a_silent_connection_does_not_stand_in_the_way() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let _silent = TcpStream::connect(address).await.unwrap();
        let browser = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(b"GET /?state=s&code=c HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).await.unwrap();
            page
        };
        let (answer, page) = futures::join!(wait(&listener, "s"), browser);
        assert!(matches!(answer, RedirectAnswer::Code(code) if code.secret() == "c"));
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("close this tab"),
            "{page}"
        );
    }
}
