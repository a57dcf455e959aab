//! The stored files of a run that is taken over: found, put through the pass of a download, and copied if wished.

use std::io;
use std::time::Duration;

use crate::archive::PassOptions;
use crate::catalog::{AdoptedArchive, ArchiveUnfit, BeginAdoption, StoredBook, StoredFiles, check_beginning};
use crate::cli::import::source::FileSource;
use crate::grin::{Barcode, FileName, Validator};
use crate::pipeline::{
    ArchiveTaken, PublicationWindow, PublishError, PublishRecipe, ReplaceDecision, VolumePublished, examine,
    stage_taken_over,
};
use crate::storage::{Storage, StorageLayout};

/// The archives of a run.
pub struct RunFiles {
    source: FileSource,
    /// Where in it archives lie.
    places: Vec<Place>,
    look: StoredCheck,
}

/// How closely archives are looked at.
pub enum StoredCheck {
    /// Size and first bytes. A cut-off file is not noticed.
    Quick,
    /// As a download is.
    Whole(Box<StoredPass>),
}

/// The pass, and where what comes of it goes.
pub struct StoredPass {
    /// Our storage.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// What is checked and extracted.
    pub options: PassOptions,
    /// What is kept.
    pub taken: ArchiveTaken,
}

/// The part of an archive's key before its barcode.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `<folder><BARCODE>/<BARCODE>.tar.gz`, as on that program's disks.
    Own(String),
    /// `<folder><BARCODE>.tar.gz`, as in its buckets, a folder a run.
    Shared(String),
}

/// More folders with archives than this are no storage of that program.
const MOST_PLACES: usize = 256;

const END: &str = ".tar.gz";

/// Shorter than the claim that an import makes for each archive.
const WINDOW: Duration = Duration::from_secs(3 * 3_600);

impl Place {
    fn key(&self, barcode: &Barcode) -> String {
        match self {
            Self::Own(folder) => format!("{folder}{barcode}/{barcode}{END}"),
            Self::Shared(folder) => format!("{folder}{barcode}{END}"),
        }
    }

    /// The place of an archive with this key, and what the archive is called.
    fn of(key: &str) -> Option<(Self, &str)> {
        let whole = key.strip_suffix(END)?;
        let (folder, name) = whole.rsplit_once('/').unwrap_or(("", whole));
        if folder == name || folder.ends_with(&format!("/{name}")) {
            return Some((Self::Own(folder[..folder.len() - name.len()].to_owned()), name));
        }
        let of_book = folder.rsplit('/').next().unwrap_or_default();
        if !of_book.is_empty() && name.starts_with(of_book) {
            // Something beside a book's archive: `TL0001/TL0001_old.tar.gz`.
            return None;
        }
        let folder = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        Some((Self::Shared(folder), name))
    }
}

impl RunFiles {
    /// Looks through the source for places with archives.
    ///
    /// # Errors
    /// The source cannot be listed, or archives lie in too many folders.
    pub fn open(source: FileSource, look: StoredCheck) -> io::Result<Self> {
        let mut places = Vec::new();
        for key in source.keys()? {
            let key = key?;
            let Some((place, _)) = Place::of(&key) else {
                continue;
            };
            if !places.contains(&place) {
                places.push(place);
            }
            if places.len() > MOST_PLACES {
                return Err(io::Error::other("archives lie in more folders than a run makes"));
            }
        }
        Ok(Self { source, places, look })
    }

    fn look_at(
        &self,
        key: &str,
        barcode: &Barcode,
        etag: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<AdoptedArchive, ArchiveUnfit> {
        let archive = self.source.open(key).map_err(ArchiveUnfit::Unreadable)?;
        let StoredCheck::Whole(pass) = &self.look else {
            check_beginning(archive)?;
            return Ok(AdoptedArchive {
                storage_path: key.to_owned(),
                ..AdoptedArchive::default()
            });
        };
        let recipe = PublishRecipe {
            barcode: barcode.clone(),
            file_name: FileName::of(barcode),
            validator: etag.and_then(|etag| Validator::parse(etag).ok()),
            storage: pass.storage.clone(),
            layout: pass.layout.clone(),
            options: pass.options.clone(),
        };
        let book = match pass.taken {
            ArchiveTaken::Nothing => examine(archive, &recipe).map_err(unfit)?,
            taken => take_over(archive, &recipe, taken, begin)?,
        };
        Ok(adopted(book, (pass.taken != ArchiveTaken::Copied).then_some(key)))
    }
}

/// Stages the archive and publishes it, unless what is stored already is better. Nothing of a refused archive is kept aside: it
/// stays in the other program's storage.
fn take_over<R: io::Read>(
    archive: R,
    recipe: &PublishRecipe,
    taken: ArchiveTaken,
    begin: &mut BeginAdoption<'_>,
) -> Result<StoredBook, ArchiveUnfit> {
    let staged = stage_taken_over(archive, recipe, taken).map_err(unfit)?;
    if let ReplaceDecision::KeepStored(reason) = staged.decision() {
        return Err(ArchiveUnfit::Worse(reason.to_string()));
    }
    begin(&staged.archive())?;
    match staged.publish(&PublicationWindow::of(WINDOW)).map_err(unfit)? {
        VolumePublished::Stored(book) => Ok(*book),
        VolumePublished::KeptAside { reason, .. } => Err(ArchiveUnfit::Worse(reason.to_string())),
    }
}

/// The record; at `key` if the archive stays where it is.
fn adopted(book: StoredBook, key: Option<&str>) -> AdoptedArchive {
    AdoptedArchive {
        storage_path: key.map_or(book.storage_path, str::to_owned),
        sha256: Some(book.sha256),
        page_count: book.page_count,
        text_pages: book.text_pages,
        verified: book.verified,
        worst_finding: book.worst_finding,
        marc: book.marc,
        ..AdoptedArchive::default()
    }
}

fn unfit(error: PublishError) -> ArchiveUnfit {
    match error {
        PublishError::Archive(error) => ArchiveUnfit::Damaged(error.to_string()),
        PublishError::Source(error) => ArchiveUnfit::Unreadable(error),
        PublishError::ClaimEnded(_) => ArchiveUnfit::NotFree,
        ours => ArchiveUnfit::Ours(io::Error::other(ours)),
    }
}

impl StoredFiles for RunFiles {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        let names = self.source.keys()?.filter_map(|key| match key {
            Ok(key) => Place::of(&key).map(|(_, name)| Ok(name.to_owned())),
            Err(error) => Some(Err(error)),
        });
        Ok(Box::new(names))
    }

    fn adopt(
        &mut self,
        barcode: &Barcode,
        etag: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        let mut copies = Vec::new();
        for place in &self.places {
            let key = place.key(barcode);
            let there = self.source.stat(&key).map_err(ArchiveUnfit::Unreadable)?;
            copies.extend(there.map(|stat| (key, stat)));
        }
        // Of several copies the database's validator belongs to one, and which is not known.
        let etag = etag.filter(|_| copies.len() == 1);
        let mut unfit = None;
        for (key, stat) in copies {
            match self.look_at(&key, barcode, stat.encrypted_etag.as_deref().or(etag), begin) {
                Ok(archive) => {
                    return Ok(Some(AdoptedArchive {
                        bytes: stat.bytes,
                        encrypted_etag: stat.encrypted_etag,
                        ..archive
                    }));
                }
                Err(ours @ (ArchiveUnfit::Ours(_) | ArchiveUnfit::NotFree)) => return Err(ours),
                Err(why) => unfit = Some(why),
            }
        }
        unfit.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{ObjectMeta, StorageConfig};

    /// A bucket as that program fills it: one thing that begins as an archive does, and one that does not.
    fn bucket() -> Storage {
        let storage = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
        let meta = ObjectMeta {
            encrypted_etag: Some("\"a\"".into()),
            ..ObjectMeta::default()
        };
        for (key, bytes) in [
            ("first_run/TL0001.tar.gz", &[0x1f, 0x8b, 0x08, 0][..]),
            ("second_run/TL0002.tar.gz", b"<html>"),
            ("first_run/TL0003_ocr.jsonl", b"\"\""),
        ] {
            storage
                .put(&crate::storage::ObjectKey::parse(key).unwrap(), bytes, &meta)
                .unwrap();
        }
        storage
    }

    #[test]
    fn a_bucket_is_looked_into_with_what_stands_beside_its_objects() {
        let mut files = RunFiles::open(FileSource::Store(bucket()), StoredCheck::Quick).unwrap();
        let mut names: Vec<_> = files.names().unwrap().map(Result::unwrap).collect();
        names.sort();
        assert_eq!(names, ["TL0001", "TL0002"]);
        let [one, two, three] = ["TL0001", "TL0002", "TL0003"].map(|name| Barcode::parse(name).unwrap());
        let adopted = files.adopt(&one, Some("\"b\""), &mut |_| Ok(())).unwrap().unwrap();
        assert_eq!(
            (adopted.storage_path.as_str(), adopted.bytes),
            ("first_run/TL0001.tar.gz", 4)
        );
        assert_eq!(adopted.encrypted_etag.as_deref(), Some("\"a\""));
        assert!(matches!(
            files.adopt(&two, None, &mut |_| Ok(())),
            Err(ArchiveUnfit::NotGzip(_))
        ));
        assert_eq!(files.adopt(&three, None, &mut |_| Ok(())).unwrap(), None);
    }

    #[test]
    fn what_only_begins_as_an_archive_is_not_taken_and_leaves_nothing() {
        let ours = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
        let pass = StoredPass {
            storage: ours.clone(),
            layout: StorageLayout::new("raw", "full", "meta").unwrap(),
            options: PassOptions::default(),
            taken: ArchiveTaken::Copied,
        };
        let mut files = RunFiles::open(FileSource::Store(bucket()), StoredCheck::Whole(Box::new(pass))).unwrap();
        for name in ["TL0001", "TL0002"] {
            let adopted = files.adopt(&Barcode::parse(name).unwrap(), None, &mut |_| Ok(()));
            assert!(matches!(adopted, Err(ArchiveUnfit::Damaged(_))), "{adopted:?}");
        }
        assert_eq!(ours.list(None).unwrap().count(), 0);
    }

    #[test]
    fn archives_are_found_where_either_layout_puts_them() {
        let own = |folder: &str| Place::Own(folder.into());
        let shared = |folder: &str| Place::Shared(folder.into());
        for (key, place) in [
            ("raw/TL0001/TL0001.tar.gz", own("raw/")),
            ("TL0001/TL0001.tar.gz", own("")),
            ("a/b/TL0001/TL0001.tar.gz", own("a/b/")),
            ("harvard_2024/TL0001.tar.gz", shared("harvard_2024/")),
            ("TL0001.tar.gz", shared("")),
            ("TL00011/TL0001.tar.gz", shared("TL00011/")),
        ] {
            let barcode = Barcode::parse("TL0001").unwrap();
            assert_eq!(Place::of(key), Some((place.clone(), "TL0001")), "{key}");
            assert_eq!(place.key(&barcode), key);
        }
        for none in ["full/run/TL0001_ocr.jsonl.gz", "raw/TL0001/TL0001_old.tar.gz"] {
            assert_eq!(Place::of(none), None, "{none}");
        }
    }
}
