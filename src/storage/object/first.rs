//! A small object that is stored only if none of its name is there.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, Result};

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::object::ObjectStorage;
use crate::storage::object::error::sorted_write;
use crate::storage::object::patience::in_time;

/// What it means that creating an object failed.
#[derive(Debug, PartialEq, Eq)]
enum FailedCreate {
    /// One of that name is there: another's, or the same one, where its answer was lost and it was sent once more.
    IsThere,
    /// The store knows no conditions.
    NotOffered,
    /// Anything else.
    Failed,
}

fn judge(error: &Error) -> FailedCreate {
    match error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => FailedCreate::IsThere,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => FailedCreate::NotOffered,
        // The kind of an answer 501 or 405 is that of any other fault.
        other => {
            let text = other.to_string();
            let says = ["NotImplemented", "501 Not Implemented", "405 Method Not Allowed"];
            match says.iter().any(|words| text.contains(words)) {
                true => FailedCreate::NotOffered,
                false => FailedCreate::Failed,
            }
        }
    }
}

impl ObjectStorage {
    /// Stores a small object unless one of that name is there; which of the two is there afterwards, reading tells. In a store without
    /// conditions it is looked first, and of two programs that do so at one moment the later one's object stays.
    pub fn put_first(&self, key: &ObjectKey, bytes: &[u8]) -> std::result::Result<(), StorageError> {
        let (store, path) = (Arc::clone(&self.store), self.path(key));
        let payload = PutPayload::from(bytes.to_vec());
        let put = self
            .runtime
            .wait(async move { put_first(&*store, &path, payload).await })?;
        put.map_err(|why| sorted_write("publishing", &self.place, key, why))
    }
}

async fn put_first(store: &dyn ObjectStore, path: &Path, payload: PutPayload) -> Result<()> {
    let bytes = payload.content_length();
    let created = in_time(bytes, store.put_opts(path, payload.clone(), PutMode::Create.into())).await;
    let Err(why) = created else { return Ok(()) };
    match judge(&why) {
        FailedCreate::IsThere => return Ok(()),
        FailedCreate::NotOffered => {}
        FailedCreate::Failed => return Err(why),
    }
    tracing::debug!(%path, error = %why, "the store knows no conditional write: it is looked first whether the name is free");
    match in_time(0, store.head(path)).await {
        Ok(_) => Ok(()),
        Err(Error::NotFound { .. }) => in_time(bytes, store.put(path, payload)).await.map(drop),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_knows_no_conditions_is_told_from_one_that_has_the_object() {
        let generic = |text: &str| Error::Generic {
            store: "S3",
            source: text.into(),
        };
        let (path, source) = (String::from("x"), || Box::from("412"));
        let already = Error::AlreadyExists {
            path: path.clone(),
            source: source(),
        };
        let changed = Error::Precondition {
            path: path.clone(),
            source: source(),
        };
        let unknown = Error::NotImplemented {
            operation: "put".into(),
            implementer: "S3".into(),
        };
        for (error, verdict) in [
            (already, FailedCreate::IsThere),
            (changed, FailedCreate::IsThere),
            (unknown, FailedCreate::NotOffered),
            (Error::NotSupported { source: source() }, FailedCreate::NotOffered),
            (
                generic("non-2xx status code: 501 Not Implemented: "),
                FailedCreate::NotOffered,
            ),
            (
                generic("400 Bad Request: <Code>NotImplemented</Code>"),
                FailedCreate::NotOffered,
            ),
            (
                generic("503 Service Unavailable: <Code>SlowDown</Code>"),
                FailedCreate::Failed,
            ),
            (generic("no answer within 60 seconds"), FailedCreate::Failed),
            (Error::PermissionDenied { path, source: source() }, FailedCreate::Failed),
        ] {
            assert_eq!(judge(&error), verdict, "{error}");
        }
    }
}
