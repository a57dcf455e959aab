//! Removes from a bucket what killed uploads left behind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use object_store::path::Path;

use crate::storage::SweepResult;
use crate::storage::object::parts::PartStore;
use crate::storage::object::patience::next_in_time;
use crate::storage::object::{ObjectStorage, TEMPORARY};

/// A temporary object without a note may be another machine's; after so long nobody works on it any more.
const ABANDONED: Duration = Duration::from_hours(48);
/// Removed in one sweep.
const MOST: usize = 10_000;

pub(super) fn sweep(objects: &ObjectStorage) -> SweepResult {
    let mut swept = SweepResult::default();
    let Some(store) = &objects.parts else { return swept };
    noted(objects, store, &mut swept);
    let (store, folder) = (Arc::clone(store), objects.inside(TEMPORARY));
    match objects.runtime.wait(async move { old(&store, &folder).await }) {
        Ok((removed, failures)) => {
            swept.removed += removed;
            swept.failures.extend(failures);
        }
        Err(why) => swept.failures.push(why.to_string()),
    }
    swept
}

/// Uploads with a note whose process is gone.
fn noted(objects: &ObjectStorage, store: &Arc<PartStore>, swept: &mut SweepResult) {
    let Some(journal) = &objects.journal else { return };
    let (notes, failures) = journal.abandoned();
    swept.failures.extend(failures);
    let temporary = objects.inside(TEMPORARY);
    for (note, open) in notes {
        let mut all = true;
        for upload in open {
            let (store, path) = (Arc::clone(store), Path::from(upload.path.as_str()));
            let is_temporary = path.prefix_matches(&temporary);
            let outcome = objects.runtime.wait(async move {
                // Of an upload that was completed, some stores say that aborting it is not allowed: what it became is removed all the
                // same.
                let aborted = store.abort(&path, &upload.id).await;
                // Under its final name there may be an older, good object.
                let removed = match is_temporary {
                    true => store.delete(&path).await,
                    false => Ok(()),
                };
                aborted.and(removed)
            });
            match outcome {
                Ok(Ok(())) => swept.aborted += 1,
                Ok(Err(why)) => {
                    all = false;
                    swept.failures.push(why.to_string());
                }
                Err(why) => {
                    all = false;
                    swept.failures.push(why.to_string());
                }
            }
        }
        if all {
            note.done();
        } else {
            objects.uploads.is_not_swept();
        }
    }
}

/// Temporary objects, of this machine or another, that nobody can be working on any more.
async fn old(store: &PartStore, folder: &Path) -> (u64, Vec<String>) {
    let (mut removed, mut failures) = (0, Vec::new());
    let mut listed = store.objects().list(Some(folder)).take(MOST);
    while let Some(found) = next_in_time(&mut listed).await {
        let outcome = match found {
            Ok(found) if !is_old(found.last_modified.into()) => continue,
            Ok(found) => store.delete(&found.location).await,
            Err(why) => {
                failures.push(why.to_string());
                break;
            }
        };
        match outcome {
            Ok(()) => removed += 1,
            Err(why) => failures.push(why.to_string()),
        }
    }
    (removed, failures)
}

fn is_old(modified: SystemTime) -> bool {
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > ABANDONED)
}
