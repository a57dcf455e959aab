//! What the state store's client can be asked, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::actor::Message;
use crate::dapr::StateError;

/// A message to the client; `Ok` is what comes back when all goes well.
pub trait StateMessage: Message<Reply = Result<Self::Ok, StateError>> {
    /// The good reply.
    type Ok: Send + 'static;
}

/// How sure the store has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadConsistency {
    /// All copies have it.
    Strong,
    /// One copy is enough; Dapr's default.
    Eventual,
}

impl ReadConsistency {
    /// As Dapr writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Eventual => "eventual",
        }
    }
}

/// How long the store keeps a value, if it can forget by itself (`ttlInSeconds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueTtl {
    /// So many seconds.
    Seconds(u32),
    /// For ever (-1), whatever the component's default.
    Never,
}

/// Asks for the value of a key.
#[derive(Debug, Clone)]
pub struct GetState {
    /// Which.
    pub key: String,
    /// How sure; `None`: Dapr's default.
    pub consistency: Option<ReadConsistency>,
}

impl GetState {
    /// Of `key`, with Dapr's default consistency.
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            consistency: None,
        }
    }

    /// Of `key`, from all copies.
    pub fn strong(key: impl Into<String>) -> Self {
        Self {
            consistency: Some(ReadConsistency::Strong),
            ..Self::of(key)
        }
    }
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// This.
    Value(StoredValue),
    /// Nothing: the key was never saved, was deleted, or has run out. Never an error of the store.
    NotFound,
}

impl KeyState {
    /// The value, if there is one.
    pub fn value(self) -> Option<StoredValue> {
        match self {
            Self::Value(stored) => Some(stored),
            Self::NotFound => None,
        }
    }
}

/// A value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// JSON.
    pub value: Bytes,
    /// Names this state of the key; `None` if the store has no such names.
    pub etag: Option<String>,
}

impl StoredValue {
    /// The value as a type.
    ///
    /// # Errors
    /// [`StateError::Protocol`]: it is not of this form.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, StateError> {
        serde_json::from_slice(&self.value).map_err(|error| StateError::Protocol {
            status: None,
            what: format!("the stored value: {error}"),
        })
    }
}

/// Asks for many keys at once.
#[derive(Debug, Clone)]
pub struct BulkGet {
    /// Which.
    pub keys: Vec<String>,
    /// How many the sidecar reads at a time.
    pub parallelism: u32,
}

impl BulkGet {
    /// Of `keys`, ten at a time as is Dapr's default.
    pub fn of(keys: Vec<String>) -> Self {
        Self { keys, parallelism: 10 }
    }
}

/// One key of a [`BulkGet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItem {
    /// Which.
    pub key: String,
    /// What it holds, or what the store said about this key alone.
    pub found: Result<KeyState, String>,
}

/// One key to save.
#[derive(Debug, Clone)]
pub struct StateItem {
    /// Which.
    pub key: String,
    /// JSON.
    pub value: Bytes,
    /// Only if the key still is what this names.
    pub etag: Option<String>,
    /// How long to keep it; `None`: the component's default.
    pub ttl: Option<ValueTtl>,
    /// Of two writers the first wins, if every writer of the key asks for it; else the last, which is Dapr's default.
    pub first_write: bool,
    /// How sure; `None`: Dapr's default.
    pub consistency: Option<ReadConsistency>,
}

impl StateItem {
    /// `value` under `key`, with Dapr's defaults.
    ///
    /// # Errors
    /// [`StateError::Malformed`]: it cannot be written as JSON.
    pub fn json(key: impl Into<String>, value: &impl Serialize) -> Result<Self, StateError> {
        let value = serde_json::to_vec(value).map_err(|error| StateError::Malformed {
            message: error.to_string(),
        })?;
        Ok(Self {
            key: key.into(),
            value: value.into(),
            etag: None,
            ttl: None,
            first_write: false,
            consistency: None,
        })
    }

    /// The same, only if the key still is what `etag` names.
    #[must_use]
    pub fn if_match(self, etag: impl Into<String>) -> Self {
        Self {
            etag: Some(etag.into()),
            ..self
        }
    }

    /// The same as a first-write.
    #[must_use]
    pub fn first_write(self) -> Self {
        Self {
            first_write: true,
            ..self
        }
    }

    /// The same, forgotten after so many seconds.
    #[must_use]
    pub fn for_seconds(self, seconds: u32) -> Self {
        Self {
            ttl: Some(ValueTtl::Seconds(seconds)),
            ..self
        }
    }
}

/// Asks to save; several items are no transaction (Dapr saves one after the other).
#[derive(Debug, Clone)]
pub struct SaveState {
    /// What.
    pub items: Vec<StateItem>,
}

impl SaveState {
    /// One item.
    pub fn one(item: StateItem) -> Self {
        Self { items: vec![item] }
    }
}

/// Asks to delete a key; deleting what is not there is no error.
#[derive(Debug, Clone)]
pub struct DeleteState {
    /// Which.
    pub key: String,
    /// Only if the key still is what this names.
    pub etag: Option<String>,
    /// As in [`StateItem`].
    pub first_write: bool,
    /// How sure; `None`: Dapr's default.
    pub consistency: Option<ReadConsistency>,
}

impl DeleteState {
    /// `key`, whatever it holds.
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            etag: None,
            first_write: false,
            consistency: None,
        }
    }

    /// `key`, only if it still is what `etag` names.
    pub fn if_match(key: impl Into<String>, etag: impl Into<String>) -> Self {
        Self {
            etag: Some(etag.into()),
            first_write: true,
            ..Self::of(key)
        }
    }
}

/// Lets go: nothing new meanwhile, what is under way may finish within `grace`, then it is cut. The next message begins anew.
///
/// The session is not closed by it: others use it too, and its own `Close` does that.
#[derive(Debug, Clone, Copy)]
pub struct CloseStateStore {
    /// How long to wait.
    pub grace: Duration,
}

/// What a close found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateCloseReport {
    /// Whether anything had been asked since the start or the last close.
    pub was_open: bool,
    /// Messages that finished within the grace.
    pub finished: usize,
    /// Messages that were cut.
    pub cut: usize,
}

macro_rules! message {
    ($name:ident, $kind:literal, $ok:ty) => {
        impl Message for $name {
            type Reply = Result<$ok, StateError>;
            const KIND: &'static str = $kind;

            fn failed(reply: &Self::Reply) -> bool {
                reply.is_err()
            }
        }

        impl StateMessage for $name {
            type Ok = $ok;
        }
    };
}

message!(GetState, "get", KeyState);
message!(BulkGet, "bulk_get", Vec<BulkItem>);
message!(SaveState, "save", ());
message!(DeleteState, "delete", ());
message!(CloseStateStore, "close", StateCloseReport);
