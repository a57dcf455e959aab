//! What each answer of Dapr's state API means. Pure.
//!
//! Source: PROTOCOL.md, sections 1 to 7.

use serde::Deserialize;
use serde_json::Value;

use crate::dapr::{BulkItem, KeyState, StateError, StateOperation, StoredValue};
use crate::session::SmallAnswer;

/// Of an error's body, this much is looked at.
pub(super) const ERROR_BODY: usize = 64 * 1024;
/// Of what the sidecar said, this many characters are told.
const TOLD: usize = 300;

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
    use url::Url;

    use super::*;
    use crate::session::AnswerHeaders;

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
