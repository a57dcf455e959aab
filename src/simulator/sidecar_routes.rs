//! Room `simulator`: the sidecar's addresses and answers, with the documented codes (`state-store`, both tables).

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::sidecar::{Shared, SidecarFault};
use super::sidecar_keys::{Refused, Write};

/// Dapr's own default for bodies.
const LONGEST_BODY: usize = 4 << 20;
/// More operations than this are too many.
const MOST_OPERATIONS: usize = 128;

pub(super) fn configure(config: &mut web::ServiceConfig) {
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

async fn metadata(shared: Data<Arc<Shared>>) -> HttpResponse {
    let components: Vec<Value> = shared
        .config
        .stores
        .iter()
        .map(|name| json!({ "name": name, "type": "state.redis", "version": "v1", "capabilities": ["ETAG", "TTL"] }))
        .collect();
    HttpResponse::Ok().json(json!({
        "id": shared.config.app_id,
        "runtimeVersion": "look-alike",
        "components": components,
        "extended": {},
    }))
}

/// Which operation of the state API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Get,
    Save,
    Delete,
    Bulk,
    Transaction,
}

impl Op {
    fn code(self) -> &'static str {
        match self {
            Self::Get | Self::Bulk => "ERR_STATE_GET",
            Self::Save => "ERR_STATE_SAVE",
            Self::Delete => "ERR_STATE_DELETE",
            Self::Transaction => "ERR_STATE_TRANSACTION",
        }
    }
}

/// A request of the state API, taken apart.
struct Asked {
    op: Op,
    store: String,
    key: String,
    query: HashMap<String, String>,
    if_match: Option<String>,
}

impl Asked {
    /// From the raw path, so that `%2F` in a key stays in the key.
    fn of(request: &HttpRequest) -> Option<Self> {
        let path = request.uri().path().strip_prefix("/v1.0/state/")?;
        let mut parts = path.splitn(2, '/');
        let store = decoded(parts.next()?)?;
        let key = decoded(parts.next().unwrap_or_default())?;
        let op = match (request.method(), key.as_str()) {
            (&Method::GET, key) if !key.is_empty() => Op::Get,
            (&Method::DELETE, key) if !key.is_empty() => Op::Delete,
            (&Method::POST | &Method::PUT, "") => Op::Save,
            (&Method::POST | &Method::PUT, "bulk") => Op::Bulk,
            (&Method::POST | &Method::PUT, "transaction") => Op::Transaction,
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

/// One error body.
fn error(status: u16, code: &str, message: impl Into<String>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "errorCode": code, "message": message.into(), "details": [] }))
}

/// Counts a request while it is answered; dropped without its end, its client went away.
struct Answering<'a> {
    shared: &'a Shared,
    ended: bool,
}

impl<'a> Answering<'a> {
    fn begin(shared: &'a Shared, op: Op) -> Self {
        let counters = &shared.counters;
        counters.requests.fetch_add(1, Relaxed);
        let counter = match op {
            Op::Get => &counters.gets,
            Op::Save => &counters.saves,
            Op::Delete => &counters.deletes,
            Op::Bulk => &counters.bulk_gets,
            Op::Transaction => &counters.transactions,
        };
        counter.fetch_add(1, Relaxed);
        let busy = counters.busy.fetch_add(1, Relaxed) + 1;
        counters.busy_peak.fetch_max(busy, Relaxed);
        Self { shared, ended: false }
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.shared.counters.busy.fetch_sub(1, Relaxed);
        if !self.ended {
            self.shared.counters.abandoned.fetch_add(1, Relaxed);
        }
    }
}

async fn state(shared: Data<Arc<Shared>>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let shared = Arc::clone(shared.get_ref());
    let Some(asked) = Asked::of(&request) else {
        return error(404, "ERR_NOT_FOUND", format!("{} is not answered here", request.path()));
    };
    let mut answering = Answering::begin(&shared, asked.op);
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
    let answer = befall(answer, fault).await;
    answering.ended = true;
    answer
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

fn answer(shared: &Shared, asked: &Asked, body: &[u8]) -> HttpResponse {
    if shared.config.stores.is_empty() {
        return error(500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store is not configured");
    }
    if !shared.config.stores.contains(&asked.store) {
        let message = format!("state store {} is not found", asked.store);
        return error(400, "ERR_STATE_STORE_NOT_FOUND", message);
    }
    match asked.op {
        Op::Get => get(shared, asked),
        Op::Save => save(shared, asked, body),
        Op::Delete => delete(shared, asked),
        Op::Bulk => bulk(shared, asked, body),
        Op::Transaction => transaction(shared, asked, body),
    }
}

fn malformed(message: impl Into<String>) -> HttpResponse {
    error(400, "ERR_MALFORMED_REQUEST", message)
}

/// The name under which the component keeps a key.
fn kept(shared: &Shared, store: &str, key: &str) -> Result<String, HttpResponse> {
    if key.contains("||") {
        return Err(malformed(format!("input key/keyPrefix '{key}' can't contain '||'")));
    }
    Ok(format!("{store}/{}||{key}", shared.config.app_id))
}

fn get(shared: &Shared, asked: &Asked) -> HttpResponse {
    let key = match kept(shared, &asked.store, &asked.key) {
        Ok(key) => key,
        Err(refused) => return refused,
    };
    if let Some(odd) = asked.query.get("consistency").filter(|word| !is_consistency(word)) {
        return malformed(format!("unrecognized consistency {odd:?}"));
    }
    let found = lock(shared).get(&key, shared.now());
    match found {
        None => HttpResponse::NoContent().finish(),
        Some((value, etag)) => HttpResponse::Ok().insert_header(("Etag", etag)).json(value),
    }
}

fn is_consistency(word: &str) -> bool {
    matches!(word, "" | "strong" | "eventual")
}

fn is_concurrency(word: &str) -> bool {
    matches!(word, "" | "first-write" | "last-write")
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, super::sidecar_keys::Keys> {
    shared.keys.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An item of a save or an upsert.
#[derive(Deserialize)]
struct Item {
    key: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    concurrency: String,
    consistency: String,
}

impl Item {
    fn write(&self, shared: &Shared) -> Result<Write, String> {
        if !is_concurrency(&self.options.concurrency) || !is_consistency(&self.options.consistency) {
            return Err(format!(
                "unrecognized options {:?}, {:?}",
                self.options.concurrency, self.options.consistency
            ));
        }
        let ttl = match self.metadata.get("ttlInSeconds").filter(|_| !shared.config.forget_ttl) {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| format!("failed to parse ttl from metadata: {text:?}"))?,
            ),
        };
        Ok(Write {
            value: self.value.clone(),
            etag: self.etag.clone(),
            first_write: self.options.concurrency == "first-write",
            last_write: self.options.concurrency == "last-write",
            ttl,
        })
    }
}

/// Items one after the other, none taken back when a later one is refused.
fn save(shared: &Shared, asked: &Asked, body: &[u8]) -> HttpResponse {
    let items: Vec<Item> = match serde_json::from_slice(body) {
        Ok(items) => items,
        Err(cause) => return malformed(format!("failed deserializing HTTP body: {cause}")),
    };
    let mut keys = Vec::with_capacity(items.len());
    for item in &items {
        match kept(shared, &asked.store, &item.key) {
            Ok(key) => keys.push(key),
            Err(refused) => return refused,
        }
    }
    let now = shared.now();
    for (item, key) in items.iter().zip(&keys) {
        let written = match item.write(shared) {
            Ok(write) => lock(shared).write(key, &write, now),
            Err(cause) => return failed(Op::Save, &asked.store, &cause),
        };
        if let Err(refused) = written {
            return refusal(Op::Save, &asked.store, key, refused);
        }
    }
    HttpResponse::NoContent().finish()
}

fn failed(op: Op, store: &str, cause: &str) -> HttpResponse {
    let word = match op {
        Op::Delete => "deleting",
        _ => "saving",
    };
    let message = format!("failed {word} state in state store {store}: {cause}");
    error(500, op.code(), message)
}

fn refusal(op: Op, store: &str, key: &str, refused: Refused) -> HttpResponse {
    let (word, verb) = match op {
        Op::Delete => ("deleting", "delete"),
        _ => ("saving", "set"),
    };
    let begin = format!("failed {word} state in state store {store}");
    let cause = format!("failed to {verb} key {key}");
    match refused {
        Refused::Mismatch => error(
            409,
            op.code(),
            format!("{begin}: possible etag mismatch. error from state store: {cause}"),
        ),
        Refused::InvalidEtag => error(400, op.code(), format!("{begin}: invalid etag value")),
        Refused::Failed => error(500, op.code(), format!("{begin}: {cause}")),
    }
}

fn delete(shared: &Shared, asked: &Asked) -> HttpResponse {
    let key = match kept(shared, &asked.store, &asked.key) {
        Ok(key) => key,
        Err(refused) => return refused,
    };
    let odd = |name: &str, is: fn(&str) -> bool| asked.query.get(name).is_some_and(|word| !is(word));
    if odd("concurrency", is_concurrency) || odd("consistency", is_consistency) {
        return malformed("unrecognized options");
    }
    let deleted = lock(shared).delete(&key, asked.if_match.as_deref(), shared.now());
    match deleted {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(refused) => refusal(Op::Delete, &asked.store, &key, refused),
    }
}

#[derive(Deserialize)]
struct Many {
    keys: Vec<String>,
    #[serde(default, rename = "parallelism")]
    _parallelism: i64,
}

fn bulk(shared: &Shared, asked: &Asked, body: &[u8]) -> HttpResponse {
    let many: Many = match serde_json::from_slice(body) {
        Ok(many) => many,
        Err(cause) => return malformed(format!("failed deserializing HTTP body: {cause}")),
    };
    let now = shared.now();
    let mut rows = Vec::with_capacity(many.keys.len());
    for key in &many.keys {
        let kept = match kept(shared, &asked.store, key) {
            Ok(kept) => kept,
            Err(refused) => return refused,
        };
        rows.push(match lock(shared).get(&kept, now) {
            None => json!({ "key": key }),
            Some((value, etag)) => json!({ "key": key, "data": value, "etag": etag }),
        });
    }
    HttpResponse::Ok().json(rows)
}

#[derive(Deserialize)]
struct Transaction {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    operation: String,
    request: Item,
}

/// Operations in turn; on Redis without first-write marks and without taking anything back.
fn transaction(shared: &Shared, asked: &Asked, body: &[u8]) -> HttpResponse {
    let transaction: Transaction = match serde_json::from_slice(body) {
        Ok(transaction) => transaction,
        Err(cause) => return malformed(format!("failed deserializing HTTP body: {cause}")),
    };
    if transaction.operations.len() > MOST_OPERATIONS {
        let message = format!("the transaction contains {} operations", transaction.operations.len());
        return error(400, "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", message);
    }
    let now = shared.now();
    for Operation { operation, request } in &transaction.operations {
        let key = match kept(shared, &asked.store, &request.key) {
            Ok(key) => key,
            Err(refused) => return refused,
        };
        let done = match operation.as_str() {
            "upsert" => match request.write(shared) {
                Ok(write) => lock(shared).write_in_transaction(&key, &write, now),
                Err(cause) => return error(500, Op::Transaction.code(), cause),
            },
            "delete" => lock(shared).delete(&key, request.etag.as_deref(), now),
            other => return malformed(format!("operation type {other} not supported")),
        };
        if done.is_err() {
            return error(
                500,
                Op::Transaction.code(),
                format!("error while executing state transaction on {key}"),
            );
        }
    }
    HttpResponse::NoContent().finish()
}
