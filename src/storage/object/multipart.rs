//! Parts on their way to a bucket, a few at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use object_store::MultipartId;
use object_store::multipart::PartId;
use object_store::path::Path;

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::copy::{CopyError, CopyPlan, CopyWay};
use crate::storage::object::error::{sorted, sorted_write};
use crate::storage::object::journal::{UploadJournal, UploadNote};
use crate::storage::object::parts::{PartStore, PartUpload};
use crate::storage::object::runtime::PendingTask;
use crate::storage::object::{ObjectStorage, TEMPORARY, TIDYING, copy};

/// Size of a part; every part but the last has it.
pub(super) const PART: usize = 8 << 20;
/// Parts on their way beside the one that is being filled.
const IN_FLIGHT: usize = 2;

/// A multipart upload under way; dropped before it is finished, it is aborted.
#[derive(Debug)]
pub(super) struct MultipartUpload {
    objects: Arc<ObjectStorage>,
    store: Arc<PartStore>,
    /// Where it goes, until all of it is there.
    place: Path,
    /// That is its own place: putting its parts together publishes it.
    is_in_place: bool,
    id: MultipartId,
    note: Option<UploadNote>,
    /// An upload that the note tells of could not be aborted.
    is_left: bool,
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
    /// To a temporary place, or to its own one where the store can keep parts there unseen.
    pub fn begin(
        objects: &Arc<ObjectStorage>,
        store: &Arc<PartStore>,
        final_name: Option<&ObjectKey>,
    ) -> Result<Self, StorageError> {
        let own = final_name.filter(|_| store.takes_meta_last());
        let place = match own {
            Some(key) => objects.path(key),
            None => objects.inside(&format!("{TEMPORARY}/{:032x}", rand::random::<u128>())),
        };
        // What is not committed in its own place is dropped by the store itself; nothing could be aborted there.
        let journal = objects.journal.as_ref().filter(|_| own.is_none());
        let note = journal.map(UploadJournal::note).transpose()?;
        let (ours, path) = (Arc::clone(store), place.clone());
        let begun = objects
            .runtime
            .wait(async move { ours.begin(&path, &ObjectMeta::default()).await })?;
        let id = match begun {
            Ok(id) => id,
            Err(why) => {
                if let Some(note) = note {
                    note.done();
                }
                return Err(sorted("beginning an upload to", &objects.place, None, why));
            }
        };
        objects.uploads.begun();
        let mut multipart = Self {
            objects: Arc::clone(objects),
            store: Arc::clone(store),
            place,
            is_in_place: own.is_some(),
            id,
            note,
            is_left: false,
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
        let (store, path, id, index) = (Arc::clone(&self.store), self.place.clone(), self.id.clone(), self.begun);
        self.begun += 1;
        let sent = async move { store.send(&path, &id, index, part).await };
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

    /// Puts the parts together under `key` with its metadata: at once in its own place, else in the temporary one, from which the object is
    /// copied. Nothing appears that is not `wanted` any more when it is whole.
    pub fn publish(
        mut self,
        key: &ObjectKey,
        bytes: u64,
        meta: &ObjectMeta,
        wanted: &dyn Fn() -> bool,
    ) -> Result<(), StorageError> {
        while !self.pending.is_empty() {
            self.receive()?;
        }
        if self.is_in_place {
            if !wanted() {
                return Err(StorageError::Broken);
            }
            self.complete(bytes, meta)?
                .map_err(|why| sorted_write("publishing", &self.objects.place, key, why))?;
            self.tidy();
            return Ok(());
        }
        let completed = self.complete(bytes, &ObjectMeta::default())?;
        // Even a failed answer may have made the object, so that both ways of tidying are tried from here on.
        self.state = State::Whole;
        completed.map_err(|why| sorted("completing an upload to", &self.objects.place, None, why))?;
        let plan = CopyPlan {
            store: Arc::clone(&self.store),
            from: self.place.clone(),
            to: self.objects.path(key),
            bytes,
            meta: meta.clone(),
        };
        self.copy(key, &plan, wanted)?;
        self.tidy();
        Ok(())
    }

    fn complete(&self, bytes: u64, meta: &ObjectMeta) -> Result<object_store::Result<()>, StorageError> {
        let (store, parts) = (Arc::clone(&self.store), self.parts.clone());
        let upload = PartUpload {
            to: self.place.clone(),
            id: self.id.clone(),
            bytes,
            meta: meta.clone(),
            is_unique: !self.is_in_place,
        };
        self.objects
            .runtime
            .wait(async move { store.complete(&upload, parts).await })
    }

    /// Copies inside the store; where it does not offer that, or made something else of it, the bytes are sent again.
    fn copy(&mut self, key: &ObjectKey, plan: &CopyPlan, wanted: &dyn Fn() -> bool) -> Result<(), StorageError> {
        if !self.store.sends_again() {
            match self.copy_in(plan, key, CopyWay::InStore, wanted)? {
                Ok(()) => return Ok(()),
                Err(why @ (CopyError::NotOffered(_) | CopyError::Mismatch { .. })) => {
                    tracing::warn!(%key, %why, "the archive is sent to the store a second time");
                }
                Err(why) => return Err(copy::failed(why, &self.objects.place, key)),
            }
        }
        self.copy_in(plan, key, CopyWay::SentAgain, wanted)?
            .map_err(|why| copy::failed(why, &self.objects.place, key))?;
        // Only now is it known that the store takes archives at all, and that copying was what it does not offer.
        self.store.was_found_not_to_copy();
        Ok(())
    }

    /// One upload under the final name, noted before its first part; the inner error is that of copying.
    fn copy_in(
        &mut self,
        plan: &CopyPlan,
        key: &ObjectKey,
        way: CopyWay,
        wanted: &dyn Fn() -> bool,
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
        let runtime = &self.objects.runtime;
        let (filling, upload) = (job.clone(), id.clone());
        let finished = match runtime.wait(async move { filling.fill(&upload, way).await })? {
            Ok(parts) if wanted() => runtime.wait(async move { job.complete(&id, parts).await })?,
            Ok(_) => Err(runtime.wait(async move { job.give_up(&id, CopyError::NotWanted).await })?),
            Err(failed) => Err(failed),
        };
        Ok(finished.map_err(|failed| {
            self.is_left |= failed.is_left;
            failed.why
        }))
    }

    /// Removes everything temporary; what cannot be removed now is left to the sweep, with its note.
    fn tidy(&mut self) {
        // Answers to parts still on their way, or an abort would be overtaken by them.
        for pending in self.pending.drain(..) {
            let _ = pending.wait_for(TIDYING);
        }
        let (store, place, id) = (Arc::clone(&self.store), self.place.clone(), self.id.clone());
        let (is_whole, is_in_place) = (self.state == State::Whole, self.is_in_place);
        let tidied = self.objects.runtime.begin(async move {
            if is_in_place {
                return Ok(());
            }
            let aborted = store.abort(&place, &id).await;
            match is_whole {
                true => store.delete(&place).await,
                false => aborted,
            }
        });
        self.state = State::Gone;
        let tidied = tidied.wait_for(TIDYING);
        self.objects.uploads.ended(matches!(tidied, Some(Ok(()))));
        match tidied {
            Some(Ok(())) => {
                if let Some(note) = self.note.take_if(|_| !self.is_left) {
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

impl Drop for MultipartUpload {
    fn drop(&mut self) {
        if self.state != State::Gone {
            self.tidy();
        }
    }
}
