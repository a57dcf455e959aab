//! The keys of a state store as Dapr's Redis component keeps them. Pure; time is given.
//!
//! Source: src/dapr/PROTOCOL.md, section 8. Shares no code with the client.

use std::collections::HashMap;

use serde_json::Value;

/// A write as Dapr hands it to the component.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyWrite {
    pub value: Value,
    pub etag: Option<String>,
    /// `concurrency=first-write`.
    pub first: bool,
    /// `concurrency=last-write` makes the ETag ignored.
    pub last: bool,
    /// Seconds; 0 and less: for ever.
    pub ttl: Option<i64>,
}

/// Why a write or delete was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteRefused {
    /// Another version than the ETag says.
    Mismatch,
    /// The ETag is no number.
    InvalidEtag,
    /// Refused without an ETag to blame: for Dapr a failure like any other.
    Failed,
}

/// One key: a hash with the fields `data`, `version` and perhaps `first-write`.
#[derive(Debug, Clone)]
struct Hash {
    data: Value,
    version: u64,
    first_write: bool,
    expires: Option<u64>,
}

/// The keys of one store; moments are milliseconds.
#[derive(Debug, Default)]
pub(crate) struct SidecarKeys {
    hashes: HashMap<String, Hash>,
}

impl SidecarKeys {
    pub fn get(&mut self, key: &str, now: u64) -> Option<(Value, String)> {
        self.expire(key, now);
        let hash = self.hashes.get(key)?;
        Some((hash.data.clone(), hash.version.to_string()))
    }

    /// The component's script: a missing key takes any write; a plain write passes over a plain key; else the versions must agree.
    pub fn write(&mut self, key: &str, write: &KeyWrite, now: u64) -> Result<(), WriteRefused> {
        self.expire(key, now);
        let version = asked_version(write)?;
        let fits = match self.hashes.get(key) {
            None => true,
            Some(hash) => hash.version == version || (!hash.first_write && version == 0),
        };
        if !fits {
            let blame = write.etag.as_deref().is_some_and(|etag| !etag.is_empty());
            return Err(if blame {
                WriteRefused::Mismatch
            } else {
                WriteRefused::Failed
            });
        }
        self.put(key, write, now);
        Ok(())
    }

    /// Within a transaction: an ETag counts, the first-write mark is not set.
    pub fn write_in_transaction(&mut self, key: &str, write: &KeyWrite, now: u64) -> Result<(), WriteRefused> {
        let write = KeyWrite {
            first: false,
            ..write.clone()
        };
        self.write(key, &write, now)
    }

    pub fn delete(&mut self, key: &str, etag: Option<&str>, now: u64) -> Result<(), WriteRefused> {
        self.expire(key, now);
        let version = number(etag)?;
        match self.hashes.get(key) {
            Some(hash) if version != 0 && hash.version != version => return Err(WriteRefused::Mismatch),
            _ => {}
        }
        self.hashes.remove(key);
        Ok(())
    }

    /// Keys that have not run out.
    pub fn len(&mut self, now: u64) -> usize {
        self.hashes
            .retain(|_, hash| hash.expires.is_none_or(|expires| expires > now));
        self.hashes.len()
    }

    fn put(&mut self, key: &str, write: &KeyWrite, now: u64) {
        let hash = self.hashes.entry(key.to_owned()).or_insert(Hash {
            data: Value::Null,
            version: 0,
            first_write: false,
            expires: None,
        });
        hash.data = write.value.clone();
        hash.version += 1;
        hash.first_write |= write.first;
        match write.ttl {
            Some(seconds @ 1..) => {
                hash.expires = Some(now.saturating_add(seconds.unsigned_abs().saturating_mul(1_000)))
            }
            Some(_) => hash.expires = None,
            // EXPIRE is a command of its own: without it, what was set before stays.
            None => {}
        }
    }

    fn expire(&mut self, key: &str, now: u64) {
        let over = |hash: &Hash| hash.expires.is_some_and(|expires| expires <= now);
        if self.hashes.get(key).is_some_and(over) {
            self.hashes.remove(key);
        }
    }
}

fn asked_version(write: &KeyWrite) -> Result<u64, WriteRefused> {
    if write.last {
        return Ok(0);
    }
    number(write.etag.as_deref())
}

fn number(etag: Option<&str>) -> Result<u64, WriteRefused> {
    match etag {
        None | Some("") => Ok(0),
        Some(etag) => etag.parse().map_err(|_| WriteRefused::InvalidEtag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: i32) -> KeyWrite {
        KeyWrite {
            value: value.into(),
            ..KeyWrite::default()
        }
    }

    fn first(value: i32) -> KeyWrite {
        KeyWrite {
            first: true,
            ..plain(value)
        }
    }

    fn tagged(value: i32, etag: &str) -> KeyWrite {
        KeyWrite {
            etag: Some(etag.into()),
            ..first(value)
        }
    }

    #[test]
    fn a_first_write_is_refused_only_over_a_key_that_was_first_written() {
        let mut keys = SidecarKeys::default();
        assert_eq!(keys.write("plain", &plain(1), 0), Ok(()));
        assert_eq!(
            keys.write("plain", &first(2), 0),
            Ok(()),
            "over a plain key it succeeds"
        );
        assert_eq!(keys.write("plain", &first(3), 0), Err(WriteRefused::Failed));
        assert_eq!(
            keys.write("plain", &plain(4), 0),
            Err(WriteRefused::Failed),
            "a plain write to a first-write key is refused"
        );
        assert_eq!(keys.get("plain", 0), Some((2.into(), "2".into())));
    }

    #[test]
    fn etags_are_version_counters() {
        let mut keys = SidecarKeys::default();
        keys.write("k", &first(1), 0).unwrap();
        assert_eq!(keys.write("k", &tagged(2, "1"), 0), Ok(()));
        assert_eq!(keys.write("k", &tagged(3, "1"), 0), Err(WriteRefused::Mismatch));
        assert_eq!(keys.write("k", &tagged(3, "abc"), 0), Err(WriteRefused::InvalidEtag));
        assert_eq!(keys.delete("k", Some("1"), 0), Err(WriteRefused::Mismatch));
        assert_eq!(keys.delete("k", Some("x"), 0), Err(WriteRefused::InvalidEtag));
        assert_eq!(keys.delete("k", Some("2"), 0), Ok(()));
        assert_eq!(keys.delete("k", Some("2"), 0), Ok(()), "nothing there is no error");
    }

    #[test]
    fn last_write_makes_the_etag_ignored() {
        let mut keys = SidecarKeys::default();
        keys.write("k", &plain(1), 0).unwrap();
        let last = KeyWrite {
            last: true,
            first: false,
            ..tagged(2, "77")
        };
        assert_eq!(keys.write("k", &last, 0), Ok(()));
    }

    #[test]
    fn values_run_out_and_never_means_never() {
        let mut keys = SidecarKeys::default();
        let short = KeyWrite {
            ttl: Some(2),
            ..first(1)
        };
        keys.write("k", &short, 1_000).unwrap();
        assert!(keys.get("k", 2_999).is_some());
        assert!(keys.get("k", 3_000).is_none());
        keys.write("k", &short, 3_000).unwrap();
        let forever = KeyWrite {
            ttl: Some(-1),
            ..tagged(2, "1")
        };
        keys.write("k", &forever, 3_500).unwrap();
        assert_eq!(keys.len(u64::MAX), 1);
    }

    #[test]
    fn a_transaction_sets_no_first_write_mark() {
        let mut keys = SidecarKeys::default();
        keys.write_in_transaction("k", &first(1), 0).unwrap();
        assert_eq!(keys.write("k", &plain(2), 0), Ok(()));
    }
}
