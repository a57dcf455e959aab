//! Reads an object in ranges, each retried on its own, one ahead of the reader.

use std::io::{self, Read};
use std::ops::Range as ByteRange;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::object::ObjectStorage;
use crate::storage::object::error::sorted;
use crate::storage::object::patience::in_time;
use crate::storage::object::runtime::PendingTask;

/// Asked for at once; at most two are held.
const RANGE: usize = 4 << 20;

/// An object being read; if it is replaced meanwhile, reading fails rather than mixing the two.
pub(in crate::storage) struct ObjectReader {
    objects: Arc<ObjectStorage>,
    key: ObjectKey,
    etag: Option<String>,
    /// Behind the last byte that is wanted.
    end: u64,
    /// First byte not yet asked for.
    next: u64,
    ahead: Option<PendingTask<object_store::Result<Bytes>>>,
    current: Bytes,
}

impl ObjectReader {
    pub fn open(objects: &Arc<ObjectStorage>, key: &ObjectKey) -> Result<Self, StorageError> {
        Self::open_range(objects, key, 0..u64::MAX)
    }

    /// The same for a part of it.
    pub fn open_range(
        objects: &Arc<ObjectStorage>,
        key: &ObjectKey,
        range: ByteRange<u64>,
    ) -> Result<Self, StorageError> {
        let (size, _, etag) = objects.head(key)?;
        let mut reader = Self {
            objects: Arc::clone(objects),
            key: key.clone(),
            // A weak one cannot be a condition.
            etag: etag.filter(|etag| !etag.starts_with("W/")),
            end: size.min(range.end),
            next: range.start,
            ahead: None,
            current: Bytes::new(),
        };
        reader.ask();
        Ok(reader)
    }

    fn ask(&mut self) {
        let range = self.next..self.next.saturating_add(RANGE as u64).min(self.end);
        if range.is_empty() {
            return;
        }
        self.next = range.end;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.etag.clone(),
            ..GetOptions::default()
        };
        let (store, path) = (Arc::clone(&self.objects.store), self.objects.path(&self.key));
        let got = async move { in_time(RANGE, get(store, path, options)).await };
        self.ahead = Some(self.objects.runtime.begin(got));
    }

    /// The next range; `false` at the end.
    fn advance(&mut self) -> Result<bool, StorageError> {
        let Some(ahead) = self.ahead.take() else {
            return Ok(false);
        };
        let got = ahead.wait()?;
        self.current = got.map_err(|why| sorted("reading", &self.objects.place, Some(&self.key), why))?;
        self.ask();
        Ok(true)
    }
}

/// Some stores pass over the condition, so the answer's own `ETag` is compared too.
async fn get(store: Arc<dyn ObjectStore>, path: Path, options: GetOptions) -> object_store::Result<Bytes> {
    let expected = options.if_match.clone();
    let got = store.get_opts(&path, options).await?;
    if expected.is_some() && got.meta.e_tag != expected {
        let source = "the object was replaced while it was read".into();
        return Err(object_store::Error::Precondition {
            path: path.to_string(),
            source,
        });
    }
    got.bytes().await
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !buffer.is_empty() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.split_to(count).copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
