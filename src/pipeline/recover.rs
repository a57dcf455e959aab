//! Finds a volume that an interrupted run published and did not live to record.

use std::io;

use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::archive::{BookManifest, hex};
use crate::catalog::StoredBook;
use crate::grin::{Barcode, Validator};
use crate::pipeline::publish::record_of;
use crate::storage::{ObjectKey, Storage, StorageLayout};

/// Largest manifest read; ours are a few KiB.
const MANIFEST_LIMIT: u64 = 4 << 20;

/// A volume in the store whose archive really has the digest its manifest names.
#[derive(Debug)]
pub struct PublishedVolume {
    manifest: BookManifest,
    archive: ObjectKey,
}

impl PublishedVolume {
    /// GRIN's validator of the archive it was made from.
    pub fn validator(&self) -> Option<Validator> {
        self.manifest
            .encrypted_etag
            .as_deref()
            .and_then(|etag| Validator::parse(etag).ok())
    }

    /// The record that the interrupted run did not write.
    pub fn into_book(self) -> StoredBook {
        record_of(self.manifest, &self.archive)
    }
}

/// Reads manifest and archive of `barcode` from the store on a blocking thread; `None` where anything is missing or differs.
pub async fn kept(storage: &Storage, layout: &StorageLayout, barcode: &Barcode) -> Option<PublishedVolume> {
    let (storage, layout, barcode) = (storage.clone(), layout.clone(), barcode.clone());
    let look = actix_rt::task::spawn_blocking(move || look(&storage, &layout, &barcode));
    look.await.ok().flatten()
}

fn look(storage: &Storage, layout: &StorageLayout, barcode: &Barcode) -> Option<PublishedVolume> {
    let manifest_key = layout.manifest(barcode);
    let there = storage.stat(&manifest_key).ok().flatten()?;
    if there.bytes > MANIFEST_LIMIT {
        return None;
    }
    let manifest: BookManifest = serde_json::from_reader(storage.open_read(&manifest_key).ok()?).ok()?;
    let raw = layout.raw(barcode);
    let mut digest = Sha256::new();
    io::copy(&mut storage.open_read(&raw).ok()?, &mut digest).ok()?;
    let same = hex(&digest.finalize()) == manifest.sha256;
    if same {
        info!(%barcode, "found in the store, whole: an earlier run published it");
    } else {
        warn!(%barcode, "what lies in the store is not what its manifest names; it will be fetched again");
    }
    same.then_some(PublishedVolume { manifest, archive: raw })
}
