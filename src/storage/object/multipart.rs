//! Parts sent to a temporary place in the bucket, a few at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt, PutPayload};

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::copy::{CopyError, CopyPlan, CopyWay};
use crate::storage::object::error::sorted;
use crate::storage::object::journal::UploadNote;
use crate::storage::object::patience::in_time;
use crate::storage::object::runtime::PendingTask;
use crate::storage::object::{ObjectStorage, S3, TEMPORARY, TIDYING, copy};

/// Size of a part; every part but the last has it.
pub(super) const PART: usize = 8 << 20;
/// Parts on their way beside the one that is being filled.
const IN_FLIGHT: usize = 2;

/// A multipart upload under way; dropped before it is finished, it is aborted.
#[derive(Debug)]
pub(super) struct MultipartUpload {
    objects: Arc<ObjectStorage>,
    s3: Arc<S3>,
    /// Where it goes, until all of it is there.
    place: Path,
    id: MultipartId,
    note: Option<UploadNote>,
    pending: VecDeque<PendingTask<object_store::Result<PartId>>>,
    parts: Vec<PartId>,
    begun: usize,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    /// The upload is open at the store.
    Open,
    /// It has become an object in the temporary place.
    Whole,
    /// Nothing of it is left.
    Gone,
}

impl MultipartUpload {
    pub fn begin(objects: &Arc<ObjectStorage>, s3: &Arc<S3>) -> Result<Self, StorageError> {
        let place = objects.inside(&format!("{TEMPORARY}/{:032x}", rand::random::<u128>()));
        let note = objects
            .journal
            .as_ref()
            .map(crate::storage::object::journal::UploadJournal::note)
            .transpose()?;
        let (store, path) = (s3.store.clone(), place.clone());
        let begun = objects
            .runtime
            .wait(async move { in_time(0, store.create_multipart(&path)).await })?;
        let id = match begun {
            Ok(id) => id,
            Err(why) => {
                if let Some(note) = note {
                    note.done();
                }
                return Err(sorted("beginning an upload to", &objects.place, None, why));
            }
        };
        let mut multipart = Self {
            objects: Arc::clone(objects),
            s3: Arc::clone(s3),
            place,
            id,
            note,
            pending: VecDeque::new(),
            parts: Vec::new(),
            begun: 0,
            state: State::Open,
        };
        if let Some(note) = &mut multipart.note {
            note.add(multipart.place.as_ref(), &multipart.id)?;
        }
        Ok(multipart)
    }

    /// Sends one part; waits while too many are on their way.
    pub fn send(&mut self, part: Vec<u8>) -> Result<(), StorageError> {
        while self.pending.len() >= IN_FLIGHT {
            self.receive()?;
        }
        let (store, path, id, index) = (self.s3.store.clone(), self.place.clone(), self.id.clone(), self.begun);
        self.begun += 1;
        let sent = async move {
            let bytes = part.len();
            in_time(bytes, store.put_part(&path, &id, index, PutPayload::from(part))).await
        };
        self.pending.push_back(self.objects.runtime.begin(sent));
        Ok(())
    }

    /// Takes the answer to the oldest part on its way.
    fn receive(&mut self) -> Result<(), StorageError> {
        if let Some(oldest) = self.pending.pop_front() {
            let part = oldest
                .wait()?
                .map_err(|why| sorted("sending a part to", &self.objects.place, None, why))?;
            self.parts.push(part);
        }
        Ok(())
    }

    /// Completes the object in its temporary place, copies it to `key` with its metadata, and removes the temporary one.
    pub fn publish(mut self, key: &ObjectKey, bytes: u64, meta: &ObjectMeta) -> Result<(), StorageError> {
        while !self.pending.is_empty() {
            self.receive()?;
        }
        let (store, path, id, parts) = (
            self.s3.store.clone(),
            self.place.clone(),
            self.id.clone(),
            self.parts.clone(),
        );
        let completed = self
            .objects
            .runtime
            .wait(async move { store.complete_multipart(&path, &id, parts).await })?;
        // Even a failed answer may have made the object, so that both ways of tidying are tried from here on.
        self.state = State::Whole;
        completed.map_err(|why| sorted("completing an upload to", &self.objects.place, None, why))?;
        self.copy(key, bytes, meta)?;
        self.tidy();
        Ok(())
    }

    /// Copies inside the store; where it does not offer that, or made something else of it, the bytes are sent again.
    fn copy(&mut self, key: &ObjectKey, bytes: u64, meta: &ObjectMeta) -> Result<(), StorageError> {
        let plan = CopyPlan {
            s3: Arc::clone(&self.s3),
            from: self.place.clone(),
            to: self.objects.path(key),
            bytes,
            meta: meta.clone(),
        };
        if !self.s3.sends_again.load(Ordering::Relaxed) {
            match self.copy_in(&plan, key, CopyWay::InStore)? {
                Ok(()) => return Ok(()),
                Err(why @ (CopyError::NotOffered(_) | CopyError::Mismatch { .. })) => {
                    tracing::warn!(%key, %why, "the archive is sent to the store a second time");
                }
                Err(why) => return Err(copy::failed(why, &self.objects.place, key)),
            }
        }
        self.copy_in(&plan, key, CopyWay::SentAgain)?
            .map_err(|why| copy::failed(why, &self.objects.place, key))?;
        // Only now is it known that the store takes archives at all, and that copying was what it does not offer.
        self.s3.sends_again.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// One upload under the final name, noted before its first part; the inner error is that of copying.
    fn copy_in(
        &mut self,
        plan: &CopyPlan,
        key: &ObjectKey,
        way: CopyWay,
    ) -> Result<Result<(), CopyError>, StorageError> {
        let begun = plan.clone();
        let id = self
            .objects
            .runtime
            .wait(async move { begun.begin().await })?
            .map_err(|why| copy::failed(why, &self.objects.place, key))?;
        let job = plan.clone();
        if let Some(note) = &mut self.note
            && let Err(why) = note.add(job.to.as_ref(), &id)
        {
            let _ = self
                .objects
                .runtime
                .begin(async move { job.abort(&id).await })
                .wait_for(TIDYING);
            return Err(why);
        }
        self.objects.runtime.wait(async move { job.finish(&id, way).await })
    }

    /// Removes everything temporary; what cannot be removed now is left to the sweep, with its note.
    fn tidy(&mut self) {
        // Answers to parts still on their way, or an abort would be overtaken by them.
        for pending in self.pending.drain(..) {
            let _ = pending.wait_for(TIDYING);
        }
        let (s3, place, id) = (Arc::clone(&self.s3), self.place.clone(), self.id.clone());
        let whole = self.state == State::Whole;
        let tidied = self.objects.runtime.begin(async move {
            let aborted = s3.store.abort_multipart(&place, &id).await;
            match (whole, aborted) {
                (true, _) => absent(s3.store.delete(&place).await),
                (false, aborted) => absent(aborted),
            }
        });
        self.state = State::Gone;
        match tidied.wait_for(TIDYING) {
            Some(Ok(())) => {
                if let Some(note) = self.note.take() {
                    note.done();
                }
            }
            Some(Err(why)) => {
                tracing::warn!(place = %self.place, error = %why, "upload left behind until the next sweep");
            }
            None => tracing::warn!(place = %self.place, "upload left behind until the next sweep: no answer"),
        }
    }
}

/// What is not there need not be removed.
pub(super) fn absent(result: object_store::Result<()>) -> object_store::Result<()> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}

impl Drop for MultipartUpload {
    fn drop(&mut self) {
        if self.state != State::Gone {
            self.tidy();
        }
    }
}
