//! A store that takes an object in parts, whosever protocol it has.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use object_store::gcp::GoogleCloudStorage;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartId, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutPayload,
    Result,
};

use crate::storage::meta::ObjectMeta;
use crate::storage::object::azure::AzureContainer;
use crate::storage::object::copy::S3Bucket;
use crate::storage::object::patience::in_time;

/// A bucket or container.
pub(super) struct PartStore {
    vendor: PartVendor,
    /// It does not copy parts of objects, or was found not to.
    sends_again: AtomicBool,
}

enum PartVendor {
    S3(S3Bucket),
    Azure(AzureContainer),
    Google(GoogleCloudStorage),
}

/// An object on its way, and what is to be true of it at the end.
#[derive(Debug, Clone)]
pub(super) struct PartUpload {
    pub to: Path,
    pub id: MultipartId,
    pub bytes: u64,
    pub meta: ObjectMeta,
    /// Nothing else has ever had this name.
    pub is_unique: bool,
}

impl fmt::Debug for PartStore {
    /// Without the client, which shows some tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartStore").finish_non_exhaustive()
    }
}

impl PartStore {
    pub fn s3(bucket: S3Bucket) -> Self {
        Self::of(PartVendor::S3(bucket), false)
    }

    pub fn azure(container: AzureContainer) -> Self {
        Self::of(PartVendor::Azure(container), true)
    }

    pub fn google(bucket: GoogleCloudStorage) -> Self {
        Self::of(PartVendor::Google(bucket), true)
    }

    fn of(vendor: PartVendor, sends_again: bool) -> Self {
        Self {
            vendor,
            sends_again: AtomicBool::new(sends_again),
        }
    }

    /// What all stores do alike.
    pub fn objects(&self) -> &dyn ObjectStore {
        match &self.vendor {
            PartVendor::S3(s3) => &s3.store,
            PartVendor::Azure(azure) => &azure.store,
            PartVendor::Google(google) => google,
        }
    }

    /// The same to keep.
    pub fn shared(&self) -> Arc<dyn ObjectStore> {
        match &self.vendor {
            PartVendor::S3(s3) => Arc::new(s3.store.clone()),
            PartVendor::Azure(azure) => Arc::new(azure.store.clone()),
            PartVendor::Google(google) => Arc::new(google.clone()),
        }
    }

    fn parts(&self) -> &dyn MultipartStore {
        match &self.vendor {
            PartVendor::S3(s3) => &s3.store,
            PartVendor::Azure(azure) => &azure.store,
            PartVendor::Google(google) => google,
        }
    }

    /// The bucket, where it copies parts of objects.
    pub fn copying(&self) -> Option<&S3Bucket> {
        match &self.vendor {
            PartVendor::S3(s3) => Some(s3),
            PartVendor::Azure(_) | PartVendor::Google(_) => None,
        }
    }

    /// Whether metadata are given when the parts are put together, so that an object whose name is known needs no temporary place.
    pub fn takes_meta_last(&self) -> bool {
        matches!(self.vendor, PartVendor::Azure(_))
    }

    pub fn sends_again(&self) -> bool {
        self.sends_again.load(Ordering::Relaxed)
    }

    pub fn was_found_not_to_copy(&self) {
        self.sends_again.store(true, Ordering::Relaxed);
    }

    pub async fn begin(&self, to: &Path, meta: &ObjectMeta) -> Result<MultipartId> {
        let attributes = match self.takes_meta_last() {
            true => Attributes::new(),
            false => attributes(meta),
        };
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        in_time(0, self.parts().create_multipart_opts(to, options)).await
    }

    pub async fn send(&self, to: &Path, id: &MultipartId, index: usize, part: Vec<u8>) -> Result<PartId> {
        let bytes = part.len();
        match &self.vendor {
            PartVendor::Azure(azure) => in_time(bytes, azure.put_block(to, Bytes::from(part))).await,
            PartVendor::S3(_) | PartVendor::Google(_) => {
                in_time(bytes, self.parts().put_part(to, id, index, PutPayload::from(part))).await
            }
        }
    }

    /// Makes the object of its parts. Where the answer is a failure the object itself is looked for: an answer may be lost, and a
    /// repetition be refused because the upload has ended.
    pub async fn complete(&self, upload: &PartUpload, parts: Vec<PartId>) -> Result<()> {
        let completed = match &self.vendor {
            PartVendor::Azure(azure) => azure.commit(&upload.to, &parts, &upload.meta).await,
            PartVendor::S3(_) | PartVendor::Google(_) => {
                let completed = self.parts().complete_multipart(&upload.to, &upload.id, parts);
                completed.await.map(drop)
            }
        };
        match completed {
            Err(_) if self.is_there(upload).await => {
                tracing::info!(to = %upload.to, "the object is whole, although completing it was not answered");
                Ok(())
            }
            completed => completed,
        }
    }

    /// Whether the object of this upload, and no other, is there.
    async fn is_there(&self, upload: &PartUpload) -> bool {
        if !upload.is_unique && upload.meta.sha256.is_none() {
            return false;
        }
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = in_time(0, self.objects().get_opts(&upload.to, options)).await;
        found.is_ok_and(|found| {
            found.meta.size == upload.bytes && (upload.is_unique || meta_of(&found.attributes) == upload.meta)
        })
    }

    pub async fn abort(&self, to: &Path, id: &MultipartId) -> Result<()> {
        absent(in_time(0, self.parts().abort_multipart(to, id)).await)
    }

    pub async fn delete(&self, path: &Path) -> Result<()> {
        absent(in_time(0, self.objects().delete(path)).await)
    }
}

pub(super) fn attributes(meta: &ObjectMeta) -> Attributes {
    meta.pairs()
        .map(|(name, value)| (Attribute::Metadata(name.into()), value.to_owned()))
        .collect()
}

pub(super) fn meta_of(attributes: &Attributes) -> ObjectMeta {
    let mut meta = ObjectMeta::default();
    for (name, value) in attributes {
        if let Attribute::Metadata(name) = name {
            meta.set(name, value);
        }
    }
    meta
}

/// What is not there need not be removed.
pub(super) fn absent(result: Result<()>) -> Result<()> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}
