//! What the sidecar does and answers, with the documented codes (src/dapr/PROTOCOL.md, sections 3 and 4).

use std::collections::HashMap;
use std::sync::PoisonError;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::lab::simulator::sidecar::SidecarState;
use crate::lab::simulator::sidecar::keys::{KeyWrite, WriteRefused};
use crate::lab::simulator::sidecar::routes::{StateOperationKind, StateRequest};

/// More operations than this are too many.
const MOST_OPERATIONS: usize = 128;

/// One error body.
pub(crate) fn error(status: u16, code: &str, message: impl Into<String>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "errorCode": code, "message": message.into(), "details": [] }))
}

/// The answer of the state API, with nothing in its way.
pub(crate) fn answer(shared: &SidecarState, asked: &StateRequest, body: &[u8]) -> HttpResponse {
    if shared.config.stores.is_empty() {
        return error(500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store is not configured");
    }
    if !shared.config.stores.contains(&asked.store) {
        let message = format!("state store {} is not found", asked.store);
        return error(400, "ERR_STATE_STORE_NOT_FOUND", message);
    }
    match asked.op {
        StateOperationKind::Get => get(shared, asked),
        StateOperationKind::Save => save(shared, asked, body),
        StateOperationKind::Delete => delete(shared, asked),
        StateOperationKind::Bulk => bulk(shared, asked, body),
        StateOperationKind::Transaction => transaction(shared, asked, body),
    }
}

fn malformed(message: impl Into<String>) -> HttpResponse {
    error(400, "ERR_MALFORMED_REQUEST", message)
}

/// The name under which the component keeps a key.
fn kept(shared: &SidecarState, store: &str, key: &str) -> Result<String, String> {
    if key.contains("||") {
        return Err(format!("input key/keyPrefix '{key}' can't contain '||'"));
    }
    Ok(format!("{store}/{}||{key}", shared.config.app_id))
}

fn get(shared: &SidecarState, asked: &StateRequest) -> HttpResponse {
    let key = match kept(shared, &asked.store, &asked.key) {
        Ok(key) => key,
        Err(refused) => return malformed(refused),
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

fn lock(shared: &SidecarState) -> std::sync::MutexGuard<'_, crate::lab::simulator::sidecar::keys::SidecarKeys> {
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
    fn write(&self) -> Result<KeyWrite, String> {
        if !is_concurrency(&self.options.concurrency) || !is_consistency(&self.options.consistency) {
            return Err(format!(
                "unrecognized options {:?}, {:?}",
                self.options.concurrency, self.options.consistency
            ));
        }
        let ttl = match self.metadata.get("ttlInSeconds") {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| format!("failed to parse ttl from metadata: {text:?}"))?,
            ),
        };
        Ok(KeyWrite {
            value: self.value.clone(),
            etag: self.etag.clone(),
            first: self.options.concurrency == "first-write",
            last: self.options.concurrency == "last-write",
            ttl,
        })
    }
}

/// Items one after the other, none taken back when a later one is refused.
fn save(shared: &SidecarState, asked: &StateRequest, body: &[u8]) -> HttpResponse {
    let items: Vec<Item> = match serde_json::from_slice(body) {
        Ok(items) => items,
        Err(cause) => return malformed(format!("failed deserializing HTTP body: {cause}")),
    };
    let mut keys = Vec::with_capacity(items.len());
    for item in &items {
        match kept(shared, &asked.store, &item.key) {
            Ok(key) => keys.push(key),
            Err(refused) => return malformed(refused),
        }
    }
    let now = shared.now();
    for (item, key) in items.iter().zip(&keys) {
        let written = match item.write() {
            Ok(write) => lock(shared).write(key, &write, now),
            Err(cause) => return failed(StateOperationKind::Save, &asked.store, &cause),
        };
        if let Err(refused) = written {
            return refusal(StateOperationKind::Save, &asked.store, key, refused);
        }
    }
    HttpResponse::NoContent().finish()
}

fn failed(op: StateOperationKind, store: &str, cause: &str) -> HttpResponse {
    let word = match op {
        StateOperationKind::Delete => "deleting",
        _ => "saving",
    };
    let message = format!("failed {word} state in state store {store}: {cause}");
    error(500, op.code(), message)
}

fn refusal(op: StateOperationKind, store: &str, key: &str, refused: WriteRefused) -> HttpResponse {
    let (word, verb) = match op {
        StateOperationKind::Delete => ("deleting", "delete"),
        _ => ("saving", "set"),
    };
    let begin = format!("failed {word} state in state store {store}");
    let cause = format!("failed to {verb} key {key}");
    match refused {
        WriteRefused::Mismatch => error(
            409,
            op.code(),
            format!("{begin}: possible etag mismatch. error from state store: {cause}"),
        ),
        WriteRefused::InvalidEtag => error(400, op.code(), format!("{begin}: invalid etag value")),
        WriteRefused::Failed => error(500, op.code(), format!("{begin}: {cause}")),
    }
}

fn delete(shared: &SidecarState, asked: &StateRequest) -> HttpResponse {
    let key = match kept(shared, &asked.store, &asked.key) {
        Ok(key) => key,
        Err(refused) => return malformed(refused),
    };
    let odd = |name: &str, is: fn(&str) -> bool| asked.query.get(name).is_some_and(|word| !is(word));
    if odd("concurrency", is_concurrency) || odd("consistency", is_consistency) {
        return malformed("unrecognized options");
    }
    let deleted = lock(shared).delete(&key, asked.if_match.as_deref(), shared.now());
    match deleted {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(refused) => refusal(StateOperationKind::Delete, &asked.store, &key, refused),
    }
}

#[derive(Deserialize)]
struct Many {
    keys: Vec<String>,
    #[serde(default, rename = "parallelism")]
    _parallelism: i64,
}

fn bulk(shared: &SidecarState, asked: &StateRequest, body: &[u8]) -> HttpResponse {
    let many: Many = match serde_json::from_slice(body) {
        Ok(many) => many,
        Err(cause) => return malformed(format!("failed deserializing HTTP body: {cause}")),
    };
    let now = shared.now();
    let mut rows = Vec::with_capacity(many.keys.len());
    for key in &many.keys {
        let kept = match kept(shared, &asked.store, key) {
            Ok(kept) => kept,
            Err(refused) => return malformed(refused),
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
fn transaction(shared: &SidecarState, asked: &StateRequest, body: &[u8]) -> HttpResponse {
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
            Err(refused) => return malformed(refused),
        };
        let done = match operation.as_str() {
            "upsert" => match request.write() {
                Ok(write) => lock(shared).write_in_transaction(&key, &write, now),
                Err(cause) => return error(500, StateOperationKind::Transaction.code(), cause),
            },
            "delete" => lock(shared).delete(&key, request.etag.as_deref(), now),
            other => return malformed(format!("operation type {other} not supported")),
        };
        if done.is_err() {
            return error(
                500,
                StateOperationKind::Transaction.code(),
                format!("error while executing state transaction on {key}"),
            );
        }
    }
    HttpResponse::NoContent().finish()
}
