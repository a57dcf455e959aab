//! What the tests of the simulator share: a plain client that follows nothing and hides nothing.

use std::time::Duration;

use awc::http::header::HeaderMap;
use awc::http::{Method, StatusCode};
use awc::{Client, Connector};
use bytes::Bytes;
use futures::StreamExt;
use grind::lab::simulator::{RunningSimulator, Simulator, SimulatorConfig};

/// An answer, however it ended.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Did the body end without an error?
    pub whole: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The length the answer promised.
    pub fn promised(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }
}

/// Starts a simulator on a free port.
pub fn start(config: SimulatorConfig) -> RunningSimulator {
    Simulator::start(config).unwrap()
}

/// A client that follows no redirect.
pub fn client() -> Client {
    let connector = Connector::new().timeout(Duration::from_secs(5)).limit(0);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .timeout(Duration::from_secs(20))
        .finish()
}

/// Sends a request with headers and body and reads whatever comes.
pub async fn ask(client: &Client, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = client.request(method, url);
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let mut response = request
        .send_body(Bytes::copy_from_slice(body.as_bytes()))
        .await
        .unwrap();
    let mut answer = Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: Vec::new(),
        whole: true,
    };
    while let Some(piece) = response.next().await {
        let Ok(piece) = piece else {
            answer.whole = false;
            break;
        };
        answer.body.extend_from_slice(&piece);
    }
    answer
}

pub async fn get(url: &str) -> Answer {
    ask(&client(), Method::GET, url, &[], "").await
}
