//! Room `storage`: lists a bucket, some names at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::Objects;
use super::error::sorted;
use crate::storage::Entry;
use crate::storage::error::StorageError;
use crate::storage::key::Key;

/// As many as S3 gives in one answer.
const BATCH: usize = 1000;

type Found = object_store::Result<object_store::ObjectMeta>;

/// Every object below a folder; what is none of ours is passed over.
pub(in crate::storage) fn list(objects: &Arc<Objects>, under: Option<&Key>) -> Names {
    let prefix = under
        .map(|key| objects.path(key))
        .or_else(|| objects.prefix.as_ref().map(|_| objects.inside("")));
    let stream = objects.store.list(prefix.as_ref());
    Names {
        objects: Arc::clone(objects),
        stream: Some(stream),
        batch: VecDeque::new(),
    }
}

/// A listing under way.
pub(in crate::storage) struct Names {
    objects: Arc<Objects>,
    stream: Option<BoxStream<'static, Found>>,
    batch: VecDeque<Found>,
}

impl Names {
    fn fill(&mut self) -> Result<(), StorageError> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(());
        };
        let (found, rest) = self.objects.runtime.wait(async move {
            let found: Vec<Found> = stream.by_ref().take(BATCH).collect().await;
            (found, stream)
        })?;
        if found.len() == BATCH {
            self.stream = Some(rest);
        }
        self.batch = found.into();
        Ok(())
    }
}

impl Iterator for Names {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.batch.pop_front() {
                Some(Ok(found)) => {
                    if let Some(key) = self.objects.key(&found.location) {
                        return Some(Ok(Entry { key, bytes: found.size }));
                    }
                }
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
