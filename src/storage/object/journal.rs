//! Notes on open multipart uploads, one locked file each, so that a killed process leaves a trace of them.
//!
//! An upload whose id was never received cannot be noted; for these few a lifecycle rule of the bucket (abort incomplete multipart
//! uploads) is the remedy.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::storage::error::StorageError;

const END: &str = "upload";
/// A note has two short lines.
const LONGEST: u64 = 16 << 10;

/// A folder of notes.
#[derive(Debug, Clone)]
pub(super) struct UploadJournal {
    folder: PathBuf,
    place: String,
}

/// The note on one upload; its file is locked while its process lives.
#[derive(Debug)]
pub(super) struct UploadNote {
    file: File,
    path: PathBuf,
    place: String,
}

/// One multipart upload in a note.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct OpenMultipart {
    /// The storage's address.
    pub place: String,
    /// Path in the bucket.
    pub path: String,
    /// The upload's id.
    pub id: String,
}

impl UploadJournal {
    pub fn open(folder: &Path, place: &str) -> Result<Self, StorageError> {
        std::fs::create_dir_all(folder).map_err(|why| failed(folder, why))?;
        Ok(Self {
            folder: folder.to_owned(),
            place: place.to_owned(),
        })
    }

    pub fn note(&self) -> Result<UploadNote, StorageError> {
        let path = self.folder.join(format!("{:016x}.{END}", rand::random::<u64>()));
        let made = || {
            let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.lock()?;
            File::open(&self.folder)?.sync_all()?;
            Ok(file)
        };
        let file = made().map_err(|why| failed(&path, why))?;
        Ok(UploadNote {
            file,
            path,
            place: self.place.clone(),
        })
    }

    /// Notes on this storage that no living process holds, and what could not be read.
    pub fn abandoned(&self) -> (Vec<(UploadNote, Vec<OpenMultipart>)>, Vec<String>) {
        let (mut notes, mut failures) = (Vec::new(), Vec::new());
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == END))
        {
            match self.abandoned_note(&path) {
                Ok(Some(note)) => notes.push(note),
                Ok(None) => {}
                Err(why) => failures.push(failed(&path, why).to_string()),
            }
        }
        (notes, failures)
    }

    fn abandoned_note(&self, path: &Path) -> io::Result<Option<(UploadNote, Vec<OpenMultipart>)>> {
        // NFS locks only for itself what is open for writing.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let mut text = String::new();
        (&file).take(LONGEST).read_to_string(&mut text)?;
        // A kill may have cut the last line; then its upload is one whose id was never noted.
        let open: Vec<OpenMultipart> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if open.iter().any(|open| open.place != self.place) {
            return Ok(None);
        }
        Ok(Some((
            UploadNote {
                file,
                path: path.to_owned(),
                place: self.place.clone(),
            },
            open,
        )))
    }
}

impl UploadNote {
    /// Notes an upload, durably, before its first part is sent.
    pub fn add(&mut self, path: &str, id: &str) -> Result<(), StorageError> {
        let open = OpenMultipart {
            place: self.place.clone(),
            path: path.to_owned(),
            id: id.to_owned(),
        };
        let mut line = serde_json::to_vec(&open).map_err(|why| failed(&self.path, why.into()))?;
        line.push(b'\n');
        let write = || (&self.file).write_all(&line).and_then(|()| self.file.sync_data());
        write().map_err(|why| failed(&self.path, why))
    }

    /// Nothing is left of the upload.
    pub fn done(self) {
        if let Err(why) = std::fs::remove_file(&self.path) {
            tracing::warn!(note = %self.path.display(), error = %why, "note on a finished upload left behind");
        }
    }
}

fn failed(path: &Path, why: io::Error) -> StorageError {
    StorageError::from_io(|| "keeping notes in".to_owned(), &path.display().to_string(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notes_that_nobody_holds_are_abandoned() {
        let folder = tempfile::tempdir().unwrap();
        let journal = UploadJournal::open(folder.path(), "s3://b").unwrap();
        let mut held = journal.note().unwrap();
        held.add("x", "1").unwrap();
        let mut left = journal.note().unwrap();
        left.add("y", "2").unwrap();
        left.file.write_all(b"{\"cut").unwrap();
        drop(left);
        let (notes, failures) = journal.abandoned();
        assert_eq!(failures, Vec::<String>::new());
        assert_eq!(notes.len(), 1);
        assert_eq!(
            notes[0].1,
            [OpenMultipart {
                place: "s3://b".into(),
                path: "y".into(),
                id: "2".into()
            }]
        );
        let other = UploadJournal::open(folder.path(), "s3://another").unwrap();
        drop(notes);
        assert!(other.abandoned().0.is_empty(), "notes of another storage are not ours");
        for (note, _) in journal.abandoned().0 {
            note.done();
        }
        held.done();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
