//! Dapr's state API on the wire: addresses and bodies. Pure.
//!
//! Source: PROTOCOL.md, sections 1 to 7.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::Url;

use crate::dapr::{BulkGet, DeleteState, GetState, StateError, StateItem, ValueTtl};

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
            ("concurrency", concurrency(delete.first_write)),
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
        ("concurrency", concurrency(item.first_write)),
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

/// As Dapr writes it; `None`: its default, last-write.
fn concurrency(first_write: bool) -> Option<&'static str> {
    first_write.then_some("first-write")
}

/// The body of a bulk get.
pub(super) fn bulk_body(bulk: &BulkGet) -> Bytes {
    json!({ "keys": bulk.keys, "parallelism": bulk.parallelism })
        .to_string()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dapr::ReadConsistency;

    fn address() -> KeyAddress {
        KeyAddress::new(&Url::parse("http://127.0.0.1:3500/").unwrap(), "cart store")
    }

    #[test]
    fn keys_are_one_part_of_the_address_whatever_is_in_them() {
        let get = GetState::strong("claim/TEST?LIB/ä b#");
        assert_eq!(
            address().get(&get).unwrap().as_str(),
            "http://127.0.0.1:3500/v1.0/state/cart%20store/claim%2FTEST%3FLIB%2F%C3%A4%20b%23?consistency=strong"
        );
        let delete = DeleteState {
            first_write: true,
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
}
