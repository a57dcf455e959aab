//! An object written to a store: at once if it is small, else in parts.

use std::io::{self, Write};
use std::sync::Arc;

use object_store::{PutOptions, PutPayload};

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::ObjectStorage;
use crate::storage::object::error::sorted_write;
use crate::storage::object::multipart::{MultipartUpload, PART};
use crate::storage::object::parts::attributes;
use crate::storage::object::patience::in_time;

/// An object in a store that is being written. Holds at most three parts of 8 MiB: one being filled and two on their way.
#[derive(Debug)]
pub(in crate::storage) struct StreamedUpload {
    objects: Arc<ObjectStorage>,
    key: ObjectKey,
    meta: ObjectMeta,
    /// The key does not change any more.
    is_final: bool,
    part: Vec<u8>,
    written: u64,
    multipart: Option<MultipartUpload>,
    failed: bool,
}

impl StreamedUpload {
    /// Nothing is sent before the first part is full.
    pub fn begin(objects: &Arc<ObjectStorage>, key: &ObjectKey, meta: &ObjectMeta, is_final: bool) -> Self {
        Self {
            objects: Arc::clone(objects),
            key: key.clone(),
            meta: meta.clone(),
            is_final,
            part: Vec::new(),
            written: 0,
            multipart: None,
            failed: false,
        }
    }

    pub fn set_meta(&mut self, meta: &ObjectMeta) {
        self.meta = meta.clone();
    }

    pub fn set_key(&mut self, key: &ObjectKey) {
        self.key = key.clone();
    }

    pub fn publish(mut self, wanted: &dyn Fn() -> bool) -> Result<u64, StorageError> {
        if self.failed {
            return Err(StorageError::Broken);
        }
        match self.multipart.take() {
            None => self.put_whole()?,
            Some(mut multipart) => {
                multipart.send(std::mem::take(&mut self.part))?;
                multipart.publish(&self.key, self.written, &self.meta, wanted)?;
            }
        }
        Ok(self.written)
    }

    /// One request, also for an empty object; S3 compares the digest in its signature with what arrives.
    fn put_whole(&mut self) -> Result<(), StorageError> {
        let payload = PutPayload::from(std::mem::take(&mut self.part));
        let options = PutOptions {
            attributes: attributes(&self.meta),
            ..PutOptions::default()
        };
        let (store, path) = (Arc::clone(&self.objects.store), self.objects.path(&self.key));
        let put = self
            .objects
            .runtime
            .wait(async move { in_time(payload.content_length(), store.put_opts(&path, payload, options)).await })?;
        let failed = |why| sorted_write("publishing", &self.objects.place, &self.key, why);
        put.map(drop).map_err(failed)
    }

    /// Sends the part that is full. Memory has no parts; there the whole object is kept until it is published.
    fn send_part(&mut self) -> Result<(), StorageError> {
        let Some(parts) = &self.objects.parts else {
            return Ok(());
        };
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            None => {
                let final_name = self.is_final.then_some(&self.key);
                self.multipart
                    .insert(MultipartUpload::begin(&self.objects, parts, final_name)?)
            }
        };
        multipart.send(std::mem::take(&mut self.part))
    }

    fn is_full(&self) -> bool {
        self.objects.parts.is_some() && self.part.len() >= PART
    }
}

impl Write for StreamedUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(StorageError::Broken.into());
        }
        // A full part is sent only when more comes: the last one is never empty, and what fits in one needs no parts.
        if self.is_full() && !bytes.is_empty() {
            self.send_part().inspect_err(|_| self.failed = true)?;
        }
        let room = if self.objects.parts.is_some() {
            PART - self.part.len()
        } else {
            bytes.len()
        };
        let taken = &bytes[..room.min(bytes.len())];
        self.part.extend_from_slice(taken);
        self.written += taken.len() as u64;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
