//! The sidecar's addresses, and what befalls a request and its answer on their way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::lab::simulator::sidecar::answers::{answer, error};
use crate::lab::simulator::sidecar::{SidecarFault, SidecarState};

/// Dapr's own default for bodies.
const LONGEST_BODY: usize = 4 << 20;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(LONGEST_BODY))
        .route("/v1.0/healthz", web::get().to(healthy))
        .route("/v1.0/healthz/outbound", web::get().to(healthy))
        .route("/v1.0/metadata", web::get().to(metadata))
        .default_service(web::route().to(state));
}

async fn healthy() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn metadata(shared: Data<Arc<SidecarState>>) -> HttpResponse {
    let components: Vec<Value> = shared
        .config
        .stores
        .iter()
        .map(|name| json!({ "name": name, "type": "state.redis", "version": "v1", "capabilities": ["ETAG", "TTL"] }))
        .collect();
    HttpResponse::Ok().json(json!({
        "id": shared.config.app_id,
        "runtimeVersion": "simulator",
        "components": components,
        "extended": {},
    }))
}

/// Which operation of the state API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateOperationKind {
    Get,
    Save,
    Delete,
    Bulk,
    Transaction,
}

impl StateOperationKind {
    pub fn code(self) -> &'static str {
        match self {
            Self::Get | Self::Bulk => "ERR_STATE_GET",
            Self::Save => "ERR_STATE_SAVE",
            Self::Delete => "ERR_STATE_DELETE",
            Self::Transaction => "ERR_STATE_TRANSACTION",
        }
    }
}

/// A request of the state API, taken apart.
pub(crate) struct StateRequest {
    pub op: StateOperationKind,
    pub store: String,
    pub key: String,
    pub query: HashMap<String, String>,
    pub if_match: Option<String>,
}

impl StateRequest {
    /// From the raw path, so that `%2F` in a key stays in the key.
    fn of(request: &HttpRequest) -> Option<Self> {
        let path = request.uri().path().strip_prefix("/v1.0/state/")?;
        let mut parts = path.splitn(2, '/');
        let store = decoded(parts.next()?)?;
        let key = decoded(parts.next().unwrap_or_default())?;
        let op = match (request.method(), key.as_str()) {
            (&Method::GET, key) if !key.is_empty() => StateOperationKind::Get,
            (&Method::DELETE, key) if !key.is_empty() => StateOperationKind::Delete,
            (&Method::POST | &Method::PUT, "") => StateOperationKind::Save,
            (&Method::POST | &Method::PUT, "bulk") => StateOperationKind::Bulk,
            (&Method::POST | &Method::PUT, "transaction") => StateOperationKind::Transaction,
            _ => return None,
        };
        let query = form_urlencoded::parse(request.query_string().as_bytes()).into_owned();
        let if_match = request.headers().get("if-match").and_then(|value| value.to_str().ok());
        Some(Self {
            op,
            store,
            key,
            query: query.collect(),
            if_match: if_match.map(str::to_owned),
        })
    }
}

/// Percent-decoding of one part of a path.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Counts a request while it is answered.
struct Answering<'a> {
    shared: &'a SidecarState,
}

impl<'a> Answering<'a> {
    fn begin(shared: &'a SidecarState, op: StateOperationKind) -> Self {
        let counters = &shared.counters;
        counters.requests.fetch_add(1, Relaxed);
        let counter = match op {
            StateOperationKind::Get => &counters.gets,
            StateOperationKind::Save => &counters.saves,
            StateOperationKind::Delete => &counters.deletes,
            StateOperationKind::Bulk => &counters.bulk_gets,
            StateOperationKind::Transaction => &counters.transactions,
        };
        counter.fetch_add(1, Relaxed);
        let busy = counters.busy.fetch_add(1, Relaxed) + 1;
        counters.busy_peak.fetch_max(busy, Relaxed);
        Self { shared }
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.shared.counters.busy.fetch_sub(1, Relaxed);
    }
}

async fn state(shared: Data<Arc<SidecarState>>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let shared = Arc::clone(shared.get_ref());
    if let Some(wanted) = &shared.config.api_token {
        let given = request.headers().get("dapr-api-token");
        if given.is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
            return HttpResponse::Unauthorized().body("invalid api token\n");
        }
    }
    let Some(asked) = StateRequest::of(&request) else {
        return error(404, "ERR_NOT_FOUND", format!("{} is not answered here", request.path()));
    };
    let _answering = Answering::begin(&shared, asked.op);
    let delay = shared.delay();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let fault = shared.fault();
    let answer = match fault {
        Some(SidecarFault::Fail) => error(500, asked.op.code(), "failed on purpose"),
        Some(SidecarFault::LongError(bytes)) => error(500, asked.op.code(), "x".repeat(bytes)),
        Some(SidecarFault::Stall(time)) => {
            tokio::time::sleep(time).await;
            error(500, asked.op.code(), "stalled on purpose")
        }
        _ => answer(&shared, &asked, &body),
    };
    befall(answer, fault).await
}

/// What befalls an answer on its way.
async fn befall(answer: HttpResponse, fault: Option<SidecarFault>) -> HttpResponse {
    let (pieces, pause) = match fault {
        Some(SidecarFault::LoseAnswer) => return HttpResponse::Ok().body(cut()),
        Some(SidecarFault::Drip { pieces, pause }) => (pieces.max(1), pause),
        _ => return answer,
    };
    let (head, body) = answer.into_parts();
    let Ok(bytes) = actix_web::body::to_bytes(body).await else {
        return error(500, "ERR_STATE_GET", "the body was lost");
    };
    let length = bytes.len().div_ceil(pieces as usize).max(1);
    let parts: Vec<Bytes> = bytes.chunks(length).map(Bytes::copy_from_slice).collect();
    let stream = futures::stream::unfold(parts.into_iter(), move |mut parts| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(parts.next()?), parts))
    });
    head.set_body(SizedStream::new(bytes.len() as u64, Box::pin(stream)))
        .map_into_boxed_body()
}

/// A body that breaks before its first byte, and with it the connection before the head.
fn cut() -> SizedStream<impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Unpin> {
    let broken = || std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "lost on purpose");
    SizedStream::new(1, Box::pin(futures::stream::once(async move { Err(broken()) })))
}
