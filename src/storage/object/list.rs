//! Lists a bucket, some names at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::BoxStream;
use object_store::path::Path;

use crate::storage::ListedEntry;
use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::object::ObjectStorage;
use crate::storage::object::error::sorted;
use crate::storage::object::odd_names::list_past_odd_names;
use crate::storage::object::patience::next_in_time;

/// As many as S3 gives in one answer.
const BATCH: usize = 1000;

type Found = object_store::Result<object_store::ObjectMeta>;

/// Everything below a folder, but uploads under way.
pub(in crate::storage) fn list(objects: &Arc<ObjectStorage>, under: Option<&ObjectKey>) -> ObjectNames {
    let prefix = under
        .map(|key| objects.path(key))
        .or_else(|| objects.prefix.as_ref().map(|_| objects.inside("")));
    let stream = objects.store.list(prefix.as_ref());
    ObjectNames {
        objects: Arc::clone(objects),
        prefix,
        stream: Some(stream),
        batch: VecDeque::new(),
        last: None,
        is_careful: false,
    }
}

/// A listing under way.
pub(in crate::storage) struct ObjectNames {
    objects: Arc<ObjectStorage>,
    prefix: Option<Path>,
    stream: Option<BoxStream<'static, Found>>,
    batch: VecDeque<Found>,
    /// The last name that was found.
    last: Option<Path>,
    /// Names that no path has are passed over.
    is_careful: bool,
}

impl ObjectNames {
    /// Begins anew where a name was met that no path has, and passes over such names; `false` where that is done already, or cannot be.
    fn begin_carefully(&mut self) -> bool {
        let bucket = self.objects.parts.as_ref().and_then(|parts| parts.copying());
        let (false, Some(bucket)) = (self.is_careful, bucket) else {
            return false;
        };
        self.is_careful = true;
        self.stream = Some(list_past_odd_names(bucket.store.clone(), self.prefix.as_ref()));
        self.batch = VecDeque::new();
        true
    }

    fn fill(&mut self) -> Result<(), StorageError> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(());
        };
        let (found, rest) = self.objects.runtime.wait(async move {
            let mut found: Vec<Found> = Vec::new();
            while found.len() < BATCH && found.last().is_none_or(Result::is_ok) {
                let Some(next) = next_in_time(&mut stream).await else {
                    break;
                };
                found.push(next);
            }
            (found, stream)
        })?;
        if found.len() == BATCH {
            self.stream = Some(rest);
        }
        self.batch = found.into();
        Ok(())
    }
}

impl Iterator for ObjectNames {
    type Item = Result<ListedEntry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.batch.pop_front() {
                Some(Ok(found))
                    if self
                        .last
                        .as_ref()
                        .is_some_and(|last| self.is_careful && found.location <= *last) => {}
                Some(Ok(found)) => {
                    if !self.is_careful {
                        self.last = Some(found.location.clone());
                    }
                    if let Some(entry) = self.objects.entry(&found.location, found.size) {
                        return Some(Ok(entry));
                    }
                }
                Some(Err(object_store::Error::InvalidPath { .. })) if self.begin_carefully() => {}
                Some(Err(why)) => {
                    (self.stream, self.batch) = (None, VecDeque::new());
                    return Some(Err(sorted("listing", &self.objects.place, None, why)));
                }
                None if self.stream.is_none() => return None,
                None => {
                    if let Err(why) = self.fill() {
                        return Some(Err(why));
                    }
                }
            }
        }
    }
}
