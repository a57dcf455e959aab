//! The marker in a storage's root, by which a storage that is not mounted, or another one, is told from the right one.

use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::storage::backend::{BegunObject, StorageBackend};
use crate::storage::key::{ObjectKey, PER_BOOK};
use crate::storage::meta::ObjectMeta;
use crate::storage::{Storage, StorageError};

/// The object's name, in the root of the storage.
pub const MARKER_NAME: &str = "grind-storage.json";

/// A marker that was seen so lately is still there.
const SEEN_LATELY: Duration = Duration::from_secs(5);

/// No marker is longer.
const LONGEST: u64 = 64 * 1024;

/// What stands in the marker.
#[derive(Debug, Default, Serialize, Deserialize)]
struct MarkerText {
    id: String,
    /// The layout of the objects, where it is not `per-book`, the only one of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layout: Option<String>,
    #[serde(default)]
    note: String,
}

/// What stands in the marker of one place of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceMarker {
    /// The folder or bucket.
    pub place: String,
    /// The id; `None`: there is no marker; empty: it cannot be read.
    pub id: Option<String>,
}

/// Which marker must be there before anything is stored.
#[derive(Debug, Default)]
pub(super) struct MarkerGuard {
    expected: Mutex<ExpectedMarker>,
}

#[derive(Debug, Default)]
enum ExpectedMarker {
    /// Nothing is asked: no catalog goes with this storage.
    #[default]
    Any,
    /// It is not known yet whether this is the right storage.
    Unconfirmed,
    /// The one with this id.
    Id { id: String, seen: Option<Instant> },
}

impl MarkerGuard {
    fn expected(&self) -> MutexGuard<'_, ExpectedMarker> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage {
    /// Stores nothing before [`Storage::expect_marker`].
    pub fn guard(&self) {
        *self.guard.expected() = ExpectedMarker::Unconfirmed;
    }

    /// Stores nothing from now on while another marker than this one is there, or none.
    pub fn expect_marker(&self, id: &str) {
        *self.guard.expected() = ExpectedMarker::Id {
            id: id.to_owned(),
            seen: Some(Instant::now()),
        };
    }

    /// Whether this is the storage that is expected.
    ///
    /// # Errors
    /// [`StorageError::NotOurs`] if it is not; others if it cannot be looked at.
    pub fn check_marker(&self) -> Result<(), StorageError> {
        if let ExpectedMarker::Id { seen: Some(seen), .. } = &*self.guard.expected()
            && seen.elapsed() < SEEN_LATELY
        {
            return Ok(());
        }
        self.prove_marker()
    }

    /// The same, looked at now, however lately it was seen: what is not in a storage proves nothing before the storage itself is proven.
    ///
    /// # Errors
    /// As [`Storage::check_marker`].
    pub fn prove_marker(&self) -> Result<(), StorageError> {
        let wanted = match &*self.guard.expected() {
            ExpectedMarker::Any => return Ok(()),
            ExpectedMarker::Unconfirmed => None,
            ExpectedMarker::Id { id, .. } => Some(id.clone()),
        };
        let Some(wanted) = wanted else {
            return Err(not_ours(
                self.places.names(),
                "it has not been compared with the catalog yet",
            ));
        };
        for place in self.places.all() {
            let detail = match self.id_in(place)? {
                Some(found) if found == wanted => continue,
                Some(_) => format!("the id in its {MARKER_NAME} is another"),
                None => format!("it has no {MARKER_NAME}"),
            };
            return Err(not_ours(place.place(), &detail));
        }
        self.expect_marker(&wanted);
        Ok(())
    }

    /// This storage is refused.
    pub fn not_ours(&self, detail: &str) -> StorageError {
        not_ours(self.places.names(), detail)
    }

    /// The id in the marker; `None` if there is no marker. On disk the folder is looked for anew: what is mounted there may be another. Of places
    /// that do not agree the id is empty, which is nobody's.
    ///
    /// # Errors
    /// [`StorageError::OtherLayout`] if the objects beside it have the names of another layout; others if it cannot be looked at.
    pub fn read_marker(&self) -> Result<Option<String>, StorageError> {
        let mut all = self.read_markers()?.into_iter().map(|marker| marker.id);
        let first = all.next().flatten();
        Ok(match all.all(|id| id == first) {
            true => first,
            false => Some(String::new()),
        })
    }

    /// The marker of each place.
    pub fn read_markers(&self) -> Result<Vec<PlaceMarker>, StorageError> {
        let read = |place: &StorageBackend| {
            Ok(PlaceMarker {
                id: self.id_in(place)?,
                place: place.place(),
            })
        };
        self.places.all().map(read).collect()
    }

    /// The name of the configured layout.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    fn id_in(&self, place: &StorageBackend) -> Result<Option<String>, StorageError> {
        let Some(marker) = read_in(place)? else {
            return Ok(None);
        };
        if !marker.id.is_empty() {
            same_layout(&place.place(), marker.layout.as_deref(), self.layout())?;
        }
        Ok(Some(marker.id))
    }

    /// Writes the marker into each place, instead of the one that is there, and expects it from now on.
    pub fn write_marker(&self, id: &str) -> Result<(), StorageError> {
        let json = self.marker_text(id);
        self.expect_marker(id);
        self.places.all().try_for_each(|place| write_in(place, &json))
    }

    /// Writes the marker into each place that has none, and expects it from now on; `false` where another one was there first.
    ///
    /// # Errors
    /// As [`Storage::read_marker`].
    pub fn create_marker(&self, id: &str) -> Result<bool, StorageError> {
        let json = self.marker_text(id);
        for place in self.places.all() {
            place.put_first(&key()?, json.as_bytes())?;
            // What stands there is what counts: the answer to a write may have been lost, and some stores take no notice of its condition.
            if self.id_in(place)?.as_deref() != Some(id) {
                return Ok(false);
            }
        }
        self.expect_marker(id);
        Ok(true)
    }

    fn marker_text(&self, id: &str) -> String {
        let text = MarkerText {
            id: id.to_owned(),
            layout: (self.layout() != PER_BOOK).then(|| self.layout().to_owned()),
            note: "The catalog of grind keeps the same id, and stores nothing where it does not stand. Leave this file where it is.".into(),
        };
        serde_json::to_string_pretty(&text).unwrap_or_default() + "\n"
    }
}

/// Refuses the configured layout where objects have another one; where nothing is said of theirs, it is that of earlier versions.
pub fn same_layout(place: &str, found: Option<&str>, configured: &str) -> Result<(), StorageError> {
    let found = found.unwrap_or(PER_BOOK);
    if found == configured {
        return Ok(());
    }
    Err(StorageError::OtherLayout {
        place: place.to_owned(),
        found: found.to_owned(),
        configured: configured.to_owned(),
    })
}

fn not_ours(place: String, detail: &str) -> StorageError {
    StorageError::NotOurs {
        place,
        detail: detail.to_owned(),
    }
}

fn read_in(place: &StorageBackend) -> Result<Option<MarkerText>, StorageError> {
    place.reopen()?;
    let mut text = String::new();
    let reading = match place.open_read(&key()?) {
        Ok(object) => object.take(LONGEST).read_to_string(&mut text),
        Err(StorageError::NotFound(_)) => return Ok(None),
        // The marker is every book's.
        Err(StorageError::NotAFile { place }) => return Err(StorageError::Unsafe { place }),
        Err(error) => return Err(error),
    };
    reading.map_err(StorageError::from_read)?;
    // A marker that cannot be read is none of this catalog.
    Ok(Some(serde_json::from_str(&text).unwrap_or_default()))
}

fn write_in(place: &StorageBackend, text: &str) -> Result<(), StorageError> {
    let mut upload = place.begin(BegunObject {
        key: &key()?,
        meta: &ObjectMeta::default(),
        is_final: true,
        room: None,
    })?;
    upload.write_all(text.as_bytes()).map_err(StorageError::from_write)?;
    upload.publish().map(drop)
}

fn key() -> Result<ObjectKey, StorageError> {
    Ok(ObjectKey::parse(MARKER_NAME)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageConfig;

    fn in_folder(path: &std::path::Path) -> Storage {
        Storage::open(&StorageConfig::of_url(format!("file://{}", path.display()))).unwrap()
    }

    fn put(storage: &Storage) -> Result<(), StorageError> {
        let key = ObjectKey::parse("raw/x").unwrap();
        storage.put(&key, b"x", &ObjectMeta::default()).map(drop)
    }

    fn seen_long_ago(storage: &Storage) {
        if let ExpectedMarker::Id { seen, .. } = &mut *storage.guard.expected() {
            *seen = None;
        }
    }

    #[test]
    fn nothing_is_stored_where_the_expected_marker_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (place, away) = (folder.path().join("library"), folder.path().join("away"));
        let storage = in_folder(&place);
        put(&storage).unwrap();
        storage.guard();
        assert!(matches!(put(&storage), Err(StorageError::NotOurs { .. })));
        storage.write_marker("a").unwrap();
        put(&storage).unwrap();
        // As if the volume were not mounted: the same path, another folder.
        std::fs::rename(&place, &away).unwrap();
        std::fs::create_dir(&place).unwrap();
        seen_long_ago(&storage);
        assert!(matches!(put(&storage), Err(StorageError::NotOurs { .. })));
        assert_eq!(
            std::fs::read_dir(&place).unwrap().count(),
            0,
            "nothing is written there"
        );
        std::fs::write(place.join(MARKER_NAME), r#"{"id":"b"}"#).unwrap();
        assert!(matches!(put(&storage), Err(StorageError::NotOurs { .. })));
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::rename(&away, &place).unwrap();
        put(&storage).unwrap();
        assert_eq!(storage.read_marker().unwrap().as_deref(), Some("a"));
    }

    #[test]
    fn of_two_that_mark_one_place_at_one_moment_one_is_first() {
        let memory = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for round in 0..40 {
            let place = folder.path().join(round.to_string());
            let (one, two) = match round {
                // Both have the same memory.
                0 => (memory.clone(), memory.clone()),
                _ => (in_folder(&place), in_folder(&place)),
            };
            let begin = std::sync::Barrier::new(2);
            let mark = |storage: &Storage, id| {
                begin.wait();
                storage.create_marker(id).unwrap()
            };
            let (first, second) = std::thread::scope(|scope| {
                let first = scope.spawn(|| mark(&one, "a"));
                let second = mark(&two, "b");
                (first.join().unwrap(), second)
            });
            let stands = one.read_marker().unwrap().unwrap();
            assert_eq!(
                (first, second),
                (stands == "a", stands == "b"),
                "round {round}: {stands}"
            );
            // As if the answer had been lost, and the write were repeated.
            assert!(two.create_marker(&stands).unwrap());
            assert!(!one.create_marker("c").unwrap());
            assert_eq!(two.read_marker().unwrap(), Some(stands));
        }
        assert_eq!(
            std::fs::read_dir(folder.path().join("1/.grind-tmp")).unwrap().count(),
            0,
            "no temporary name is left"
        );
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let storage = in_folder(folder.path());
        assert_eq!(storage.read_marker().unwrap(), None);
        for text in ["", "{", "[1]", r#"{"id":7}"#] {
            std::fs::write(folder.path().join(MARKER_NAME), text).unwrap();
            assert_eq!(storage.read_marker().unwrap().as_deref(), Some(""), "{text}");
        }
    }
}
