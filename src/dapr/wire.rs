//! Dapr's state API on the wire: addresses, bodies, and what each answer means. Pure.
//!
//! Source: PROTOCOL.md, sections 1 to 7.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::Url;

use crate::dapr::{
    BulkGet, BulkItem, DeleteState, GetState, KeyState, StateError, StateItem, StateOperation, StoredValue, ValueTtl,
};
use crate::session::SmallAnswer;

/// Of an error's body, this much is looked at.
pub(super) const ERROR_BODY: usize = 64 * 1024;
/// Of what the sidecar said, this many characters are told.
const TOLD: usize = 300;

/// Where a store's keys live.
#[derive(Debug, Clone)]
pub(super) struct KeyAddress {
    base: Url,
    store: String,
}

impl KeyAddress {
    pub(super) fn new(base: &Url, store: &str) -> Self {
        Self {
            base: base.clone(),
            store: store.to_owned(),
        }
    }

    /// For saving.
    pub(super) fn store(&self) -> Result<Url, StateError> {
        self.under(None)
    }

    pub(super) fn bulk(&self) -> Result<Url, StateError> {
        self.under(Some("bulk"))
    }

    pub(super) fn get(&self, get: &GetState) -> Result<Url, StateError> {
        let query = [("consistency", get.consistency.map(crate::dapr::ReadConsistency::as_str))];
        self.key(&get.key, &query)
    }

    pub(super) fn delete(&self, delete: &DeleteState) -> Result<Url, StateError> {
        let query = [
            (
                "concurrency",
                delete.concurrency.map(crate::dapr::WriteConcurrency::as_str),
            ),
            (
                "consistency",
                delete.consistency.map(crate::dapr::ReadConsistency::as_str),
            ),
        ];
        self.key(&delete.key, &query)
    }

    fn key(&self, key: &str, query: &[(&str, Option<&str>)]) -> Result<Url, StateError> {
        check_key(key)?;
        let mut url = self.under(Some(key))?;
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(url)
    }

    fn under(&self, last: Option<&str>) -> Result<Url, StateError> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.path_segments_mut()
            .map_err(|()| malformed("the sidecar's address has no path"))?
            .pop_if_empty()
            .extend(["v1.0", "state", &self.store])
            .extend(last);
        Ok(url)
    }
}

/// Keys that cannot be written as one part of an address. Everything else is the sidecar's to refuse.
fn check_key(key: &str) -> Result<(), StateError> {
    match key {
        "" => Err(malformed("the key is empty")),
        "." | ".." => Err(malformed("the key is a step in a path")),
        _ => Ok(()),
    }
}

fn malformed(message: impl Into<String>) -> StateError {
    StateError::Malformed {
        message: message.into(),
    }
}

/// The body of a save: an array of items, each value as it was given.
pub(super) fn save_body(items: &[StateItem]) -> Result<Bytes, StateError> {
    let mut body = vec![b'['];
    for item in items {
        check_key(&item.key)?;
        serde_json::from_slice::<IgnoredAny>(&item.value)
            .map_err(|error| malformed(format!("the value of {:?} is no JSON: {error}", item.key)))?;
        if body.len() > 1 {
            body.push(b',');
        }
        body.push(b'{');
        body.extend_from_slice(about(item).as_bytes());
        // The value stands as its owner wrote it: read and written again, a long number could change.
        body.extend_from_slice(b",\"value\":");
        body.extend_from_slice(&item.value);
        body.push(b'}');
    }
    body.push(b']');
    Ok(body.into())
}

/// The fields of an item but its value.
fn about(item: &StateItem) -> String {
    let mut fields = vec![format!("\"key\":{}", Value::from(item.key.as_str()))];
    if let Some(etag) = &item.etag {
        fields.push(format!("\"etag\":{}", Value::from(etag.as_str())));
    }
    if let Some(ttl) = item.ttl {
        let seconds = match ttl {
            ValueTtl::Seconds(seconds) => i64::from(seconds),
            ValueTtl::Never => -1,
        };
        fields.push(format!(
            "\"metadata\":{}",
            json!({ "ttlInSeconds": seconds.to_string() })
        ));
    }
    let options: serde_json::Map<String, Value> = [
        (
            "concurrency",
            item.concurrency.map(crate::dapr::WriteConcurrency::as_str),
        ),
        (
            "consistency",
            item.consistency.map(crate::dapr::ReadConsistency::as_str),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect();
    if !options.is_empty() {
        fields.push(format!("\"options\":{}", Value::Object(options)));
    }
    fields.join(",")
}

/// The body of a bulk get.
pub(super) fn bulk_body(bulk: &BulkGet) -> Bytes {
    json!({ "keys": bulk.keys, "parallelism": bulk.parallelism })
        .to_string()
        .into()
}

/// What a get found.
pub(super) fn found(answer: &SmallAnswer) -> Result<KeyState, StateError> {
    match answer.status {
        200 => Ok(KeyState::Value(StoredValue {
            value: answer.body.clone(),
            etag: answer.headers.get("etag").map(str::to_owned),
        })),
        204 => Ok(KeyState::NotFound),
        _ => Err(refusal(StateOperation::Get, answer)),
    }
}

/// Whether a save or delete was done.
pub(super) fn done(doing: StateOperation, answer: &SmallAnswer) -> Result<(), StateError> {
    match answer.status {
        // 200 and 201 were the good answers of old sidecars.
        200 | 201 | 204 => Ok(()),
        _ => Err(refusal(doing, answer)),
    }
}

#[derive(Deserialize)]
struct Row {
    key: String,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// What a bulk get found. Values are read as JSON and written again.
pub(super) fn found_many(answer: &SmallAnswer) -> Result<Vec<BulkItem>, StateError> {
    match answer.status {
        200 => {}
        204 => return Ok(Vec::new()),
        _ => return Err(refusal(StateOperation::Get, answer)),
    }
    let rows: Vec<Row> = serde_json::from_slice(&answer.body).map_err(|error| StateError::Protocol {
        status: Some(200),
        what: format!("bulk get: {error}"),
    })?;
    Ok(rows.into_iter().map(Row::item).collect())
}

impl Row {
    fn item(self) -> BulkItem {
        let found = match (self.error.filter(|error| !error.is_empty()), self.data) {
            (Some(error), _) => Err(error.chars().take(TOLD).collect()),
            // A missing key has neither data nor ETag; a stored `null` has an ETag.
            (None, None) if self.etag.is_none() => Ok(KeyState::NotFound),
            (None, data) => Ok(KeyState::Value(StoredValue {
                value: data.unwrap_or(Value::Null).to_string().into(),
                etag: self.etag,
            })),
        };
        BulkItem { key: self.key, found }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    #[serde(rename = "errorCode")]
    code: String,
    message: String,
}

/// What an answer other than success means, by its status and its code (PROTOCOL.md, section 4).
fn refusal(doing: StateOperation, answer: &SmallAnswer) -> StateError {
    let body = &answer.body[..answer.body.len().min(ERROR_BODY)];
    let ErrorBody { code, message } = serde_json::from_slice(body).unwrap_or_default();
    let said = if code.is_empty() {
        String::from_utf8_lossy(body).into_owned()
    } else {
        format!("{code}: {message}")
    };
    let message: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let message: String = message.chars().take(TOLD).collect();
    match (answer.status, code.as_str()) {
        (400, "ERR_STATE_STORE_NOT_FOUND") => StateError::StoreNotFound { message },
        (500, "ERR_STATE_STORE_NOT_CONFIGURED") => StateError::NotConfigured { message },
        (409, _) if doing != StateOperation::Get => StateError::Conflict,
        (400, _) => StateError::Malformed { message },
        (status @ (401 | 403), _) => StateError::NotPermitted { status, message },
        (500, _) => StateError::Failed { during: doing, message },
        (status, _) => StateError::Protocol {
            status: Some(status),
            what: message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dapr::{ReadConsistency, WriteConcurrency};
    use crate::session::AnswerHeaders;

    fn address() -> KeyAddress {
        KeyAddress::new(&Url::parse("http://127.0.0.1:3500/").unwrap(), "cart store")
    }

    fn answer(status: u16, body: &str) -> SmallAnswer {
        SmallAnswer {
            status,
            headers: AnswerHeaders::default(),
            body: body.to_owned().into(),
            url: Url::parse("http://127.0.0.1/").unwrap(),
        }
    }

    fn error(status: u16, code: &str) -> SmallAnswer {
        answer(
            status,
            &format!("{{\"errorCode\":\"{code}\",\"message\":\"m\",\"details\":[]}}"),
        )
    }

    #[test]
    fn keys_are_one_part_of_the_address_whatever_is_in_them() {
        let get = GetState::strong("claim/TEST?LIB/ä b#");
        assert_eq!(
            address().get(&get).unwrap().as_str(),
            "http://127.0.0.1:3500/v1.0/state/cart%20store/claim%2FTEST%3FLIB%2F%C3%A4%20b%23?consistency=strong"
        );
        let delete = DeleteState {
            concurrency: Some(WriteConcurrency::FirstWrite),
            consistency: Some(ReadConsistency::Eventual),
            ..DeleteState::of("k")
        };
        assert!(
            address()
                .delete(&delete)
                .unwrap()
                .as_str()
                .ends_with("/k?concurrency=first-write&consistency=eventual")
        );
        for key in ["", ".", ".."] {
            assert!(address().get(&GetState::of(key)).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_save_says_what_it_was_asked_to_say_and_leaves_values_as_they_are() {
        let plain = StateItem::json("a\"b", &json!({ "n": 1 })).unwrap();
        let mut full = StateItem::json("c", &1)
            .unwrap()
            .if_match("7")
            .first_write()
            .for_seconds(60);
        full.consistency = Some(ReadConsistency::Strong);
        full.value = Bytes::from_static(b"12345678901234567890123");
        let body = save_body(&[plain, full]).unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert_eq!(
            text,
            "[{\"key\":\"a\\\"b\",\"value\":{\"n\":1}},{\"key\":\"c\",\"etag\":\"7\",\"metadata\":{\"ttlInSeconds\":\"60\"},\
             \"options\":{\"concurrency\":\"first-write\",\"consistency\":\"strong\"},\"value\":12345678901234567890123}]"
        );
        let forever = StateItem {
            ttl: Some(ValueTtl::Never),
            ..StateItem::json("k", &1).unwrap()
        };
        assert!(save_body(&[forever]).unwrap().windows(4).any(|part| part == b"\"-1\""));
    }

    #[test]
    fn a_value_that_is_no_json_cannot_break_out_of_the_body() {
        let mut item = StateItem::json("k", &1).unwrap();
        item.value = Bytes::from_static(b"1},{\"key\":\"x\",\"value\":2");
        assert!(matches!(save_body(&[item]), Err(StateError::Malformed { .. })));
    }

    #[test]
    fn a_missing_key_is_an_answer_and_a_failed_get_is_not() {
        assert_eq!(found(&answer(204, "")), Ok(KeyState::NotFound));
        assert_eq!(found(&answer(200, "1")).unwrap().value().unwrap().value, "1");
        assert!(matches!(
            found(&error(500, "ERR_STATE_GET")),
            Err(StateError::Failed {
                during: StateOperation::Get,
                ..
            })
        ));
    }

    #[test]
    fn every_code_of_the_table_has_its_type() {
        let of = |doing, status, code: &str| refusal(doing, &error(status, code)).reason();
        for (doing, status, code, reason) in [
            (
                StateOperation::Get,
                500,
                "ERR_STATE_STORE_NOT_CONFIGURED",
                "not_configured",
            ),
            (
                StateOperation::Save,
                400,
                "ERR_STATE_STORE_NOT_FOUND",
                "store_not_found",
            ),
            (StateOperation::Get, 400, "ERR_MALFORMED_REQUEST", "malformed"),
            (StateOperation::Save, 409, "ERR_STATE_SAVE", "conflict"),
            (StateOperation::Save, 400, "ERR_STATE_SAVE", "malformed"),
            (StateOperation::Save, 500, "ERR_STATE_SAVE", "failed"),
            (StateOperation::Get, 500, "ERR_STATE_GET", "failed"),
            (StateOperation::Delete, 409, "ERR_STATE_DELETE", "conflict"),
            (StateOperation::Delete, 400, "ERR_STATE_DELETE", "malformed"),
            (StateOperation::Delete, 500, "ERR_STATE_DELETE", "failed"),
            (StateOperation::Get, 409, "ERR_STATE_GET", "protocol"),
            (StateOperation::Get, 401, "", "not_permitted"),
            (StateOperation::Get, 403, "ERR_PERMISSION_DENIED", "not_permitted"),
            (StateOperation::Save, 503, "", "protocol"),
        ] {
            assert_eq!(of(doing, status, code), reason, "{} {status} {code}", doing.as_str());
        }
        let plain = refusal(StateOperation::Save, &answer(500, "<h1>no\r\n way</h1>"));
        assert_eq!(plain.to_string(), "save failed: <h1>no way</h1>");
    }

    #[test]
    fn a_bulk_get_tells_missing_keys_stored_nulls_and_errors_apart() {
        let body = "[{\"key\":\"a\",\"data\":{\"n\":1},\"etag\":\"1\"},{\"key\":\"b\"},{\"key\":\"c\",\"data\":null,\"etag\":\"4\"},\
                    {\"key\":\"d\",\"error\":\"broken\"}]";
        let items = found_many(&answer(200, body)).unwrap();
        let told: Vec<_> = items.iter().map(|item| item.found.clone()).collect();
        assert_eq!(told[0].clone().unwrap().value().unwrap().value, "{\"n\":1}");
        assert_eq!(told[1], Ok(KeyState::NotFound));
        assert_eq!(told[2].clone().unwrap().value().unwrap().value, "null");
        assert_eq!(told[3], Err("broken".to_owned()));
        assert!(matches!(
            found_many(&answer(200, "{}")),
            Err(StateError::Protocol { .. })
        ));
    }
}
