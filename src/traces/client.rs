//! Sends spans over the HTTP client that is here for object stores, with the one TLS stack, on the thread that makes the requests.

use std::future::ready;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect::Policy;
use tokio::runtime::Runtime;
use tracing::warn;

use crate::log::{EndedTrouble, LastingTrouble};

const CONNECT: Duration = Duration::from_secs(2);
/// A collector that takes longer is away.
const WHOLE: Duration = Duration::from_secs(3);

/// Says once that the collector is away, and once that it answers again.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: reqwest::Client,
    runtime: Runtime,
    trouble: Mutex<LastingTrouble>,
}

impl CollectorClient {
    pub(super) fn new() -> Result<Self, String> {
        // The client takes the TLS provider of the process; a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(Policy::none())
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            runtime: runtime.map_err(|error| error.to_string())?,
            trouble: Mutex::default(),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, reqwest::Error> {
        let answer = self.client.execute(request.try_into()?).await?.error_for_status()?;
        let status = answer.status();
        let mut response = Response::new(answer.bytes().await?);
        *response.status_mut() = status;
        Ok(response)
    }

    fn tell(&self, sent: Result<(), &reqwest::Error>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Err(error) if trouble.met(error) => warn!(
                %error,
                "the collector at observe.traces_url does not take spans; they are dropped until it does, and the work goes on"
            ),
            Err(_) => {}
            Ok(()) => {
                if let Some(EndedTrouble { cause, seconds }) = trouble.over() {
                    warn!(cause, seconds, "the collector takes spans again");
                }
            }
        }
    }
}

impl HttpClient for CollectorClient {
    /// The thread that calls this does nothing else, so it may wait here.
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        let sent = self
            .runtime
            .block_on(self.send(request))
            .map_err(reqwest::Error::without_url);
        self.tell(sent.as_ref().map(drop));
        Box::pin(ready(sent.map_err(HttpError::from)))
    }
}
